"""Widgets of the application, painted line by line."""
