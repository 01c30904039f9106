"""The backups that are there: whose they are, what they hold, which is the newest good one, and which may go."""

from __future__ import annotations

import contextlib
import itertools
import os
import re
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from core.store.holding import Holding, holding_of
from core.store.seal import check_backup, open_backup
from core.store.store_errors import StoreError, StoreUnwritable

USUAL: Final = r"backup|before-schema-\d+"
_SUFFIX: Final = ".db"
_TIME: Final = r"\d{8}T\d{6}\.\d{3}Z\.db"
_REGULAR: Final = f"backup-{_TIME}"
TEMPORARY: Final = ".backup-"
"""How a backup that is being written is called."""
LOOKED_INTO_MAX: Final = 100
"""Most backups that a start looks into, the newest: somebody may have put any number there."""
_ABANDONED_SECONDS: Final = 24 * 3600.0


def look_into(backup: Path) -> Holding | None:
    """What a backup holds, without reading it to its end; None if it is none, or cannot be read."""
    try:
        os.close(open_backup(backup))
    except StoreError:
        return None
    # Immutable: no lock, and no log or index beside it, whoever the directory belongs to.
    return holding_of(f"{backup.absolute().as_uri()}?mode=ro&immutable=1")


def is_named(path: Path) -> bool:
    """Whether a file is called as backups are."""
    return re.fullmatch(rf"(?:{USUAL}|.+-rescued)-{_TIME}", path.name) is not None


def names_in(directory: Path, prefix: str = USUAL) -> list[Path]:
    """What is called as backups are, the newest first; nothing if there is no such directory."""
    name = f"(?:{USUAL if prefix == USUAL else re.escape(prefix)})-{_TIME}"
    try:
        # Where nothing may be a backup, as at most starts, no expression is compiled.
        found = [path for path in directory.iterdir() if path.suffix == _SUFFIX and re.fullmatch(name, path.name)]
    except OSError:
        return []
    return sorted(found, key=lambda path: path.name.rpartition("-")[2], reverse=True)


def holdings_in(directory: Path) -> Iterator[tuple[Path, Holding]]:
    """The newest backups in a directory, and what they hold."""
    for path in names_in(directory)[:LOOKED_INTO_MAX]:
        holding = look_into(path)
        if holding is not None:
            yield path, holding


def _age(path: Path, holding: Holding) -> tuple[int, int, str]:
    """Sorts backups of a node from the oldest: by what they hold. The clock that named them may have been set back."""
    return holding.incarnation, holding.received, path.name.rpartition("-")[2]


def newest_good(backups: Iterable[Path], node: str | None) -> Path | None:
    """Of backups the newest one of a node (None: of any) that is whole, or None. Reads all of it."""
    found = [(path, look_into(path)) for path in itertools.islice(backups, LOOKED_INTO_MAX)]
    usable = [(path, holding) for path, holding in found if holding is not None and node in (None, holding.node)]
    for path, _ in sorted(usable, key=lambda one: _age(*one), reverse=True):
        with contextlib.suppress(StoreError):
            check_backup(path)
            return path
    return None


def prune(directory: Path, keep: int, spare: Path, node: str) -> None:
    """Of a node's backups leave the newest `keep`, `spare` among them.

    Those of other nodes stay, and so does what cannot be read: it may be all that is left of something. Raises
    StoreUnwritable.
    """
    try:
        others = [path for path in directory.iterdir() if re.fullmatch(_REGULAR, path.name) and path.name != spare.name]
        if len(others) >= keep:
            found = [(path, holding) for path in others if (holding := look_into(path)) is not None]
            own = sorted((one for one in found if one[1].node == node), key=lambda one: _age(*one))
            for path, _ in own[: max(0, len(own) - max(0, keep - 1))]:
                path.unlink(missing_ok=True)
        written = spare.stat().st_mtime
        for path in directory.glob(f"{TEMPORARY}*.tmp*"):
            status = path.lstat()
            if stat.S_ISREG(status.st_mode) and status.st_mtime < written - _ABANDONED_SECONDS:
                path.unlink(missing_ok=True)
    except OSError as error:
        raise StoreUnwritable(f"old backups in {directory} could not be removed: {error.strerror}") from error
