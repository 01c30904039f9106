"""The command line: arguments, configuration, and what each command does.

Nothing here imports Textual or asyncssh before a command needs them.
"""

from __future__ import annotations

from tui.cli.arguments import main

__all__ = ["main"]
