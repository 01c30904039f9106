"""How somebody likes the application, as they left it the last time: the colours, when it rings, what is used.

One small file beside the one that says who they are. What the configuration says goes before it.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from tui.remembered import private_file

FILE_NAME = "taste.json"


class LookSettings(msgspec.Struct, frozen=True, omit_defaults=True):
    """What was chosen; None where nothing was."""

    theme: str | None = None
    bell: str | None = None
    used: tuple[str, ...] = ()
    """Ids of the actions that the command palette was last used for, the latest first."""


def load(directory: Path) -> LookSettings:
    """What was chosen the last time; nothing when the file cannot be read or is not ours."""
    try:
        return msgspec.json.decode(private_file.read(directory / FILE_NAME, 65536), type=LookSettings)
    except (OSError, msgspec.DecodeError):
        return LookSettings()


def save(directory: Path, chosen: LookSettings) -> None:
    """Keep it, whole or not at all. Raises OSError."""
    private_file.write(directory / FILE_NAME, msgspec.json.encode(chosen))
