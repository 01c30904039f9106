"""A person's terminal, near or far: what it sends becomes keys, text or nothing, and what is painted goes to it."""
