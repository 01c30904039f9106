"""What can go wrong with what a node remembers, in sentences for a person."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar


class StoreError(Exception):
    """Something is wrong with what a node remembers. `title` names it in a few words, `sentence` says what to do."""

    title: ClassVar[str] = "The data cannot be used"

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence)
        self.sentence = sentence


class StoreUnwritable(StoreError):
    """Nothing was kept of what was to be kept. The store goes on, and later commits may succeed."""

    title = "The disk takes no writes"


class StoreDisplaced(StoreUnwritable):
    """What is kept is no longer where it should be: its directory or file was deleted, moved or replaced."""

    title = "The data directory is gone"


class StoreUnmendable(StoreUnwritable):
    """What is damaged could not be mended while the store is open: it takes a person."""

    title = "The data is damaged"


class StoreUnreadable(StoreError):
    """What was asked for could not be read."""

    title = "The disk cannot be read"


class DataDirectoryUnusable(StoreError):
    """The data directory cannot be made, read or written, or what it holds is not a node's data."""

    title = "The data directory cannot be used"


class DataDirectoryInUse(DataDirectoryUnusable):
    """Another process works with the data directory."""

    title = "The data directory is in use"


class DataLost(DataDirectoryUnusable):
    """The directory shows that there was a node, but not all that it had acknowledged is there."""

    title = "The node's data is lost"

    def __init__(self, sentence: str, path: Path, *, backup: Path | None, remains: bool, in_the_way: bool) -> None:
        """`backup`: the newest whole one in the directory. `remains`: whether a node's database is there that could be
        gone on with. `in_the_way`: whether something is there that a restoration has to move aside."""
        super().__init__(sentence)
        self.path = path
        self.backup = backup
        self.remains = remains
        self.in_the_way = in_the_way


class DataExists(StoreError):
    """A backup was to be restored over data that is there."""

    title = "There is data already"


class SchemaTooNew(StoreError):
    """Data that a newer version wrote."""

    title = "The data is of a newer version"


class BackupUnreadable(StoreError):
    """The backup file is not there, or may not be read."""

    title = "The backup cannot be read"


class BackupDamaged(StoreError):
    """The file was a backup once; it was cut short or changed since."""

    title = "The backup is damaged"


class BackupForeign(StoreError):
    """The file is not a backup of a node."""

    title = "This is not a backup"


class NotSalvageable(Exception):
    """Nothing that is left says which server this was, or not enough to be it. The text says what is missing."""
