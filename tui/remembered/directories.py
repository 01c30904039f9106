"""Where a person's configuration and data belong on this machine, if it has a place for them.

There is none where HOME is not set and the system does not know the user, as in containers that run under a number.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

PROGRAM: Final = "activity-tui"


def config_dir() -> Path | None:
    """Where the configuration is looked for, or None if there is no home directory."""
    import platformdirs

    try:
        return _usable(Path(platformdirs.user_config_dir(PROGRAM, appauthor=False)))
    except RuntimeError:  # no home directory
        return None


def data_dir() -> Path | None:
    """What data directories are made in, or None if there is no home directory."""
    import platformdirs

    try:
        return _usable(Path(platformdirs.user_data_dir(PROGRAM, appauthor=False)))
    except RuntimeError:  # no home directory
        return None


def _usable(found: Path) -> Path | None:
    """A relative path would depend on where the command was started; older platformdirs leave `~` as it is."""
    return found if found.is_absolute() else None
