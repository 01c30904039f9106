"""Whether a data directory still has what its node had acknowledged.

A directory without a database may be a new one, or one whose database was deleted: then a start must not begin a new
node in silence, whose backups would push out the old one's. What was there before is told by the witness (see
`core.store.witness`) and by the backups. A first start that was killed half way has left neither: the witness is made
after the node has got its identity.
"""

from __future__ import annotations

import os
import stat
import time
from pathlib import Path
from typing import Final, Literal

import msgspec
from msgspec.structs import replace

from core.store import archive, data_directory, witness
from core.store.backup import holds_data, rescue_prefix
from core.store.data_directory import REPLACED, DataDirectory
from core.store.files import kind_of
from core.store.held import Held
from core.store.holding import Blank, Holding, look_into
from core.store.store_errors import DataDirectoryUnusable, DataLost
from core.store.witness import Witness

OnLoss = Literal["refuse", "accept", "renew"]
"""What a start does where something is lost: refuse; go on with what is left; begin a new node, with what is left moved
aside."""

CHECKED_BYTES_MAX: Final = 64 * 1024 * 1024
"""A database up to this size is read through after its process has died: a second's work at most."""


class KnownPast(msgspec.Struct, frozen=True):
    """What a data directory tells of its node, beside the database."""

    directory: DataDirectory
    witness: Witness | None
    trace: str
    """What shows that there was a node, in words; nothing if nothing does."""
    backups: tuple[tuple[Path, Holding], ...]
    unread: str = ""
    """What the database lacks although its log is there, in words: the log is damaged."""
    followed: Held | None = None
    """What the database says was received, as far as all has followed its records; None if that was not read."""

    def incarnation_of(self, node: str) -> int:
        """The last incarnation that is known of a node; 0 if none is."""
        known = [holding.incarnation for _, holding in self.backups if holding.node == node]
        if self.witness is not None and self.witness.node == node:
            known.append(self.witness.incarnation)
        return max(known, default=0)

    def lost(self, what: str, *, remains: bool) -> DataLost:
        """The refusal of a start."""
        node = self.witness.node if self.witness is not None else None
        return DataLost(
            what,
            self.directory.path,
            backup=archive.newest_good([*archive.names_in(self.directory.backups), *_rescued(self.directory)], node),
            remains=remains,
            in_the_way=holds_data(self.directory),
        )

    def has_log(self, node: str | None) -> bool:
        """Whether the log of a node (None: of whoever was here) is there, and so may have what the database lacks."""
        return self.witness is not None and has_log(self.directory.database, self.witness, node)

    def require_new(self, on_loss: OnLoss) -> None:
        """The database has no node: nobody may have had one here. Raises DataLost."""
        if not self.trace:
            return
        database = self.directory.database
        if on_loss == "renew":
            self.directory.findings.append(
                f"a new node begins in {self.directory.path}, as was asked for, although another one was there"
                f" ({self.trace})"
            )
            return
        state = "is missing"
        if database.exists():
            state = (
                "is empty" if not os.stat(database).st_size else f"holds nothing without its log {database.name}-wal"
            )
        raise self.lost(f"{database} {state}, although there was a node ({self.trace})", remains=False)

    def is_suspect(self) -> bool:
        """Whether the database should be read through before it is believed: bytes may be missing amid it."""
        size = os.stat(self.directory.database).st_size
        if self.witness is None or size >= self.witness.size:
            return self.witness is not None and self.witness.open and size <= CHECKED_BYTES_MAX
        return True

    def tell_of_backups(self, node: str, held: Held) -> None:
        """Have it told when a backup has what the database has not."""
        for path, holding in self.backups:
            lacking = held.lacks(holding.held) if holding.node == node else 0
            if lacking:
                self.directory.findings.append(
                    f"the database in {self.directory.path} is older than the backup {path}: it lacks {lacking} entries"
                    " that are there; end the server and restore that backup with --force, if they are to come back"
                )
                return


def examine(directory: DataDirectory, on_loss: OnLoss) -> KnownPast:
    """See what there was, before anything in the directory is changed.

    With `renew` a database that is not what it should be is moved aside. Raises DataLost, DataDirectoryUnusable,
    OSError.
    """
    backups = tuple(archive.holdings_in(directory.backups))
    past = KnownPast(directory, witness.read(directory.path), _trace(directory), backups)
    database = directory.database
    if not os.path.lexists(database):
        past.require_new(on_loss)
        _clear(directory)
        return past
    if not database.exists():
        raise DataDirectoryUnusable(f"{database} is a link to nothing; put the file back to which it led")
    status = os.stat(database)
    if not stat.S_ISREG(status.st_mode):
        raise DataDirectoryUnusable(f"{database} is {kind_of(status.st_mode)}, not a node's database; move it away")
    holding = _look(directory) if status.st_size else Blank()
    if isinstance(holding, Blank):
        if on_loss == "refuse" and past.has_log(None):
            return replace(past, unread=f"the write-ahead log {database.name}-wal is damaged")
        past.require_new(on_loss)
        if past.trace:
            _clear(directory)
        return past
    what = ""
    if holding is not None:
        what = _displaced(past, holding)
        past = replace(past, followed=holding.followed)
    if not what:
        return past
    if on_loss == "renew":
        begin_anew(directory, what)
    elif on_loss == "accept":
        directory.findings.append(f"{what}; the server goes on with what is left, as was asked for")
    elif holding is not None and past.has_log(holding.node):
        return replace(past, unread=what)
    else:
        raise past.lost(what, remains=True)
    return past


def begin_anew(directory: DataDirectory, what: str) -> None:
    """Move what is left of a node aside, and have it told. Raises OSError."""
    aside = _clear(directory)
    directory.findings.append(f"{what}; it is now in {aside}, and a new node begins, as was asked for")


def _look(directory: DataDirectory) -> Holding | Blank | None:
    """Look into the database without changing anything about it: who refuses leaves all as it was found."""
    beside = [Path(f"{directory.database}{suffix}") for suffix in ("-wal", "-shm")]
    missing = [path for path in beside if not os.path.lexists(path)]
    try:
        return look_into(f"{directory.database.as_uri()}?mode=ro")
    finally:
        # A reader makes them, and a log that is empty is no sign of a node.
        for path in missing:
            path.unlink(missing_ok=True)


def _displaced(past: KnownPast, holding: Holding) -> str:
    """What is wrong with a database although it is one, in words; nothing if it may be used."""
    known, database = past.witness, past.directory.database
    owners = {one.node for _, one in past.backups}
    if known is None:
        if not owners or holding.node in owners:
            return ""
        return f"{database} is another node's ({holding.node}) than the backups beside it ({', '.join(sorted(owners))})"
    what = lacking(database, known, holding)
    if what and known.node == holding.node and not known.open:
        past.directory.findings.append(what)
        return ""
    return what


def has_log(database: Path, known: Witness, node: str | None) -> bool:
    """See `KnownPast.has_log`."""
    log = Path(f"{database}-wal")
    return known.open and node in (None, known.node) and log.exists() and log.stat().st_size > 0


def lacking(database: Path, known: Witness, holding: Holding | Blank) -> str:
    """What a database lacks of what its witness knows, in words; nothing if it lacks nothing."""
    if isinstance(holding, Blank):
        return f"{database} holds nothing, although the node {known.node} was there"
    if known.node != holding.node:
        return f"{database} is another node's ({holding.node}) than the one that was here ({known.node})"
    if holding.incarnation >= known.incarnation and holding.received >= known.received:
        return ""
    number = known.received - holding.received
    amount = f"{number} entries" if number > 0 else "the node's last start"
    if known.open:
        return (
            f"{database} lacks {amount} that the server had when it ended last: its write-ahead log"
            f" {database.name}-wal was deleted, cut or damaged, or an older copy was put in its place"
        )
    return f"{database} is an older copy: it lacks {amount} that the server had when it ended last"


def _trace(directory: DataDirectory) -> str:
    if os.path.lexists(directory.path / witness.FILE):
        return f"{witness.FILE} tells of it"
    backups = archive.names_in(directory.backups)
    if backups:
        return f"it left {backups[0]}"
    log = Path(f"{directory.database}-wal")
    if not directory.database.exists() and log.exists() and log.stat().st_size:
        return f"it left {log}"
    for rescued in _rescued(directory):
        return f"what it had was rescued into {rescued}"
    for aside in sorted(directory.path.glob(f"{REPLACED}*/{data_directory.DATABASE}")):
        return f"an earlier one is in {aside.parent}"
    return ""


def _rescued(directory: DataDirectory) -> list[Path]:
    """Backups that stand beside a directory because it was lost under a running node, the newest first."""
    return archive.names_in(directory.path.parent, rescue_prefix(directory.path))


def _clear(directory: DataDirectory) -> Path:
    """Move the database and its log aside, as far as they are there: SQLite would take a log for the new one's."""
    aside = directory.path / f"{REPLACED}{data_directory.utc(int(time.time() * 1000))}"
    data_directory.move_aside(directory, aside)
    return aside
