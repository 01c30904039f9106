"""Invitations that a server has given out, in a file of its data directory: how often each is good, and until when.

`activity-tui invite` adds one whether the server runs or not, and the server takes away what is used; both hold a lock
meanwhile. The codes are in it, so only its owner can read it. It is in no backup: an older one would make good again
what has been used.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec

from core.store.files import open_private
from core.wire.invitations import code_id

FILE: Final = "invitations"
KEPT_MAX: Final = 1000
_BYTES_MAX: Final = 1024 * 1024


class GivenInvitation(msgspec.Struct):
    """One of them. `expires` is in seconds since 1970."""

    code: str
    uses: int
    expires: float

    def __repr__(self) -> str:
        return f"GivenInvitation(uses={self.uses}, expires={self.expires})"


def give_invitation(data_dir: Path, invitation: GivenInvitation, now: float) -> None:
    """Keep another one. Raises OSError, ValueError where the file is none of these or there are too many."""
    with _opened(data_dir, now) as kept:
        if len(kept) >= KEPT_MAX:
            raise ValueError(f"{KEPT_MAX} invitations are open already: wait until some have expired")
        kept.append(invitation)


def open_invitations(data_dir: Path, now: float) -> list[GivenInvitation]:
    """Those that are good, the first given first. Raises OSError, ValueError."""
    with _opened(data_dir, now) as kept:
        return list(kept)


def revoke(data_dir: Path, beginning: str, now: float) -> int:
    """Take back those whose codes' ids begin so; how many. Raises OSError, ValueError."""
    with _opened(data_dir, now) as kept:
        before = len(kept)
        kept[:] = [one for one in kept if not code_id(one.code).startswith(beginning)]
        return before - len(kept)


def code_named(data_dir: Path, named: str, now: float) -> str | None:
    """The code with this id that is still good. Raises OSError, ValueError."""
    with _opened(data_dir, now) as kept:
        return next((one.code for one in kept if code_id(one.code) == named), None)


def take(data_dir: Path, named: str, now: float) -> bool:
    """Use the code with this id once; whether it was still good. Raises OSError, ValueError."""
    with _opened(data_dir, now) as kept:
        for one in kept:
            if code_id(one.code) == named:
                one.uses -= 1
                return True
    return False


@contextlib.contextmanager
def _opened(data_dir: Path, now: float) -> Iterator[list[GivenInvitation]]:
    """Those that are good, to be changed: they are kept as they are left."""
    handle = open_private(data_dir / FILE, 0)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        before = os.pread(handle, _BYTES_MAX, 0)
        try:
            kept = msgspec.json.decode(before, type=list[GivenInvitation]) if before else []
        except msgspec.MsgspecError as error:
            raise ValueError(f"{data_dir / FILE} is damaged: {error}") from None
        kept = [one for one in kept if one.expires > now and one.uses > 0]
        yield kept
        after = msgspec.json.encode([one for one in kept if one.uses > 0])
        if after != before:
            os.ftruncate(handle, 0)
            os.pwrite(handle, after, 0)
            os.fsync(handle)
    finally:
        os.close(handle)
