"""What somebody types to run this program once more."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import Final

PROGRAM: Final = "activity-tui"


def program_word() -> str:
    """The program's name where a shell finds this very program by it; its path where it does not, as in an environment
    that `make` has made."""
    run = Path(sys.argv[0])
    if run.name != PROGRAM:
        return PROGRAM
    found = shutil.which(PROGRAM)
    if found is not None and _is_same(Path(found), run):
        return PROGRAM
    try:
        return str(run.resolve().relative_to(Path.cwd()))
    except (OSError, ValueError):
        return str(run.absolute())


def _is_same(one: Path, other: Path) -> bool:
    try:
        return os.path.samefile(one, other)
    except OSError:
        return False
