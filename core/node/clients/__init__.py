"""People at this node: logging in, posting, catching up, being away, and being sent to another server."""
