"""Entries: accepted, durable, passed on, delivered once and in order, and what two neighbours lack of each other."""
