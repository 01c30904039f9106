"""Who a node's native neighbours are, and how an entry, a record, a claim and a catch-up go to them."""
