"""The application as a whole: its Textual app, how it starts, leaves, and comes back after a fault."""
