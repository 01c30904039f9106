"""A world: all parties put together, and what each operation of a plan does in it."""
