"""Clients for scripts: `post`, `tail` and `status`, as the command line and SSH run them, and what they end with."""
