"""A lock on small files of ours in a directory: each change that several programs make to one is whole."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

LOCK_LIMIT: Final = 5.0
"""Seconds that another program may take to change a file."""


@contextlib.contextmanager
def locked(directory: Path, name: str) -> Iterator[None]:
    """Nobody else who asks for this lock has it meanwhile. Makes the directory. Raises OSError."""
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle = os.open(directory / name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    until = time.monotonic() + LOCK_LIMIT
    try:
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > until:
                    raise OSError(errno.EAGAIN, "another program keeps it locked", str(directory)) from None
                time.sleep(0.02)
            except OSError:
                # Not every file system knows locks; two programs at the same moment are rare.
                break
        yield
    finally:
        os.close(handle)
