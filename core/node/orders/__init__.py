"""What operators have ordered: who is one, which orders are heeded, and what follows from them."""
