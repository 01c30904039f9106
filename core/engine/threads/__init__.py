"""What blocks, and so goes on in threads: the store, and the hashing of secrets. Each has its turn in a fair queue."""
