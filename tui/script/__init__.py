"""Clients for scripts: `post`, `tail`, `status` and `check`, and what they end with; SSH runs the first three, too."""
