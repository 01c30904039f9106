"""What many applications in one process share: turns to be painted, a clock, and the collection of garbage."""
