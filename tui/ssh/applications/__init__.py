"""The application on a remote terminal: what it is, what runs it, and what it needs of the process where it runs."""
