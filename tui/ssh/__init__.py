"""The application over SSH: one Textual app a session, many of them on one event loop, here or in workers."""
