"""The application: command line, screens, and sessions over SSH. `tui.cli.main` is the command `activity-tui`."""

__all__ = ["cli"]
