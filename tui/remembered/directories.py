"""Where a person's configuration and data belong on this machine, if it has a place for them.

There is none where HOME is not set and the system does not know the user, as in containers that run under a number.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Final

PROGRAM: Final = "activity-tui"

_HAS_XDG: Final = sys.platform.startswith("linux") and "ANDROID_DATA" not in os.environ
"""Whether the XDG Base Directory Specification says where: what platformdirs looks up elsewhere takes every command as
long as its own modules do."""


def config_dir() -> Path | None:
    """Where the configuration is looked for, or None if there is no home directory."""
    if _HAS_XDG:
        return _xdg("XDG_CONFIG_HOME", ".config")
    import platformdirs

    try:
        return _usable(Path(platformdirs.user_config_dir(PROGRAM, appauthor=False)))
    except RuntimeError:  # no home directory
        return None


def data_dir() -> Path | None:
    """What data directories are made in, or None if there is no home directory."""
    if _HAS_XDG:
        return _xdg("XDG_DATA_HOME", ".local/share")
    import platformdirs

    try:
        return _usable(Path(platformdirs.user_data_dir(PROGRAM, appauthor=False)))
    except RuntimeError:  # no home directory
        return None


def _xdg(variable: str, below_home: str) -> Path | None:
    """As platformdirs has it: what is not absolute counts for nothing, as the specification says."""
    named = os.environ.get(variable, "")
    return _usable(Path(named if os.path.isabs(named) else os.path.expanduser(f"~/{below_home}"), PROGRAM))


def _usable(found: Path) -> Path | None:
    """A relative path would depend on where the command was started; older platformdirs leave `~` as it is."""
    return found if found.is_absolute() else None
