"""The witness: a small file beside the database that says what the database must know.

SQLite itself cannot tell that its write-ahead log was taken away, or that an older copy of its file was put back: what
is left is a whole database of some earlier moment. So each commit is also noted here, after it was synced. A note is
one write of one block that nobody waits for to be synced: it survives the process's death as it is, and after the
machine's it may be older. It is a lower bound, never a claim that is too large.
"""

from __future__ import annotations

import contextlib
import os
import zlib
from pathlib import Path
from typing import Final, Self

import msgspec

from core.store.files import open_private, sync_directory

FILE: Final = "node.witness"
_BYTES: Final = 512
"""What a disk writes whole or not at all."""


class Witness(msgspec.Struct, frozen=True):
    """What the database knew at some moment at least."""

    node: str
    incarnation: int
    received: int
    """How many numbers of all streams: see `Contents.received`."""
    size: int
    """Bytes of the database's file, without its log."""
    open: bool
    """Whether a process had it open; then a part of it may be in the log only."""


def read(path: Path) -> Witness | None:
    """What the witness says; None if there is none, or it cannot be read."""
    try:
        handle = os.open(path / FILE, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY)
    except OSError:
        return None
    try:
        block = os.pread(handle, _BYTES, 0)
    except OSError:
        return None
    finally:
        os.close(handle)
    text, _, checksum = block.rstrip().rpartition(b" ")
    if checksum != b"%08x" % zlib.crc32(text.rstrip()):
        return None
    try:
        return msgspec.json.decode(text, type=Witness)
    except msgspec.DecodeError:
        return None


def _block(witness: Witness) -> bytes:
    return _sealed(msgspec.json.encode(witness))


def _sealed(text: bytes) -> bytes:
    return text.ljust(_BYTES - 10) + b" %08x\n" % zlib.crc32(text)


def establish(path: Path, witness: Witness) -> None:
    """Put a witness in the place of the one that is there, whole and synced. Raises OSError."""
    temporary = path / f"{FILE}.tmp"
    handle = open_private(temporary, os.O_TRUNC)
    try:
        os.write(handle, _block(witness))
        os.fsync(handle)
    finally:
        os.close(handle)
    temporary.replace(path / FILE)
    sync_directory(path)


class Notes:
    """The witness of a database that is open."""

    def __init__(self, handle: int, witness: Witness) -> None:
        self._handle = handle
        self._witness = witness
        self._who = (msgspec.json.encode(witness.node), witness.incarnation)
        self._received = witness.received

    @classmethod
    def begin(cls, path: Path, witness: Witness) -> Self:
        """Have a start of the node witnessed, synced when this returns. Raises OSError."""
        establish(path, witness)
        return cls(os.open(path / FILE, os.O_RDWR | os.O_CLOEXEC), witness)

    def note(self, received: int, size: int) -> None:
        """A commit was synced. What cannot be written leaves the witness of the one before."""
        self._received = received
        # As `_block` does, but each commit comes by here.
        text = b'{"node":%s,"incarnation":%d,"received":%d,"size":%d,"open":true}' % (*self._who, received, size)
        with contextlib.suppress(OSError):
            os.pwrite(self._handle, _sealed(text), 0)

    def begin_anew(self, path: Path, received: int, size: int) -> None:
        """Another database stands in the place of the one that was witnessed. Raises OSError."""
        os.close(self._handle)
        self._witness = msgspec.structs.replace(self._witness, received=received, size=size)
        self._received = received
        establish(path, self._witness)
        self._handle = os.open(path / FILE, os.O_RDWR | os.O_CLOEXEC)

    def close(self, size: int | None) -> None:
        """The database is whole without its log, with `size` bytes; None: it is not known to be."""
        if size is not None:
            settled = msgspec.structs.replace(self._witness, received=self._received, size=size, open=False)
            with contextlib.suppress(OSError):
                os.pwrite(self._handle, _block(settled), 0)
                os.fsync(self._handle)
        os.close(self._handle)
