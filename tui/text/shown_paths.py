"""Paths as people read them: what is in their home directory begins with `~`, so that it has room on a screen."""

from __future__ import annotations

import os
from pathlib import Path


def shown_path(path: Path) -> str:
    """A path that a shell understands as well, while nothing in it needs quotation marks."""
    home = os.path.expanduser("~")
    if not os.path.isabs(home) or home == "/":
        return str(path)
    try:
        return str(Path("~") / path.relative_to(home))
    except ValueError:
        return str(path)
