"""What a person names as a file: one, or a pipe such as the shell's `<(command)`. No wait in silence, or for ever."""

from __future__ import annotations

import errno
import os
import re
import select
import stat
import time
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pathlib import Path

SILENCE: Final = 2.0
"""Seconds for which nothing may come before a person is told what is waited for."""
PIPE_LIMIT: Final = 60.0
"""Seconds until a pipe that was handed in must end: somebody may be asked for a passphrase meanwhile."""
NAMED_LIMIT: Final = 10.0
"""The same for a pipe with a name in a directory, which somebody has to write into of their own accord."""

_HANDED_IN: Final = re.compile(r"/(?:dev/fd|proc/self/fd)/(\d+)")


def read(path: Path, most: int, *, line: bool = False) -> bytes:
    """What is in a file or comes out of a pipe; with `line`, no more than its first line is waited for.

    Raises OSError, also when there are more than `most` bytes, or nothing comes.
    """
    handed_in = _HANDED_IN.fullmatch(str(path))
    if handed_in or str(path) == "/dev/stdin":
        # Opened anew, a pipe whose writer has ended would seem to wait for one.
        handle = os.dup(int(handed_in[1]) if handed_in else 0)
    else:
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY)
    try:
        mode = os.fstat(handle).st_mode
        if stat.S_ISDIR(mode) or stat.S_ISBLK(mode):
            raise OSError(errno.EINVAL, f"it is a {'directory' if stat.S_ISDIR(mode) else 'device'}")
        if stat.S_ISREG(mode):
            return _read_file(handle, most, line=line)
        return _read_pipe(handle, path, most, PIPE_LIMIT if handed_in else NAMED_LIMIT, line=line)
    finally:
        os.close(handle)


def _read_file(handle: int, most: int, *, line: bool) -> bytes:
    content = b""
    while len(content) <= most:
        piece = os.read(handle, most + 1 - len(content))
        content += piece
        if not piece or (line and b"\n" in piece):
            return content
    if line:
        return content
    raise _too_much(most)


def _too_much(most: int) -> OSError:
    return OSError(errno.EFBIG, f"it has more than {most:,} bytes")


def _read_pipe(handle: int, path: Path, most: int, limit: float, *, line: bool) -> bytes:
    poll = select.poll()
    poll.register(handle, select.POLLIN | select.POLLHUP)
    begun = time.monotonic()
    told = False
    content = b""
    while len(content) <= most:
        waited = time.monotonic() - begun
        if waited >= limit:
            raise OSError(errno.ETIMEDOUT, f"it is a pipe, out of which nothing more came within {limit:g} seconds")
        if not poll.poll(1000 * (limit - waited if told else max(0.0, SILENCE - waited))):
            if not told:
                from tui.cli.console import say

                say(f"waiting for what comes out of the pipe {path}, for {limit:g} seconds at most")
                told = True
            continue
        piece = os.read(handle, most + 1 - len(content))
        content += piece
        if not piece or (line and b"\n" in piece):
            return content
    if line:
        return content
    raise _too_much(most)


def loose(path: Path) -> str:
    """What is wrong with who may read a file with a secret in it, in words with what to do; nothing if all is well."""
    try:
        status = os.stat(path)
    except OSError:
        return ""
    if not stat.S_ISREG(status.st_mode) or not status.st_mode & 0o077:
        return ""
    return (
        f"warning: others may use {path}, which holds a secret (mode {stat.S_IMODE(status.st_mode):04o});"
        f" `chmod 600 {path}` changes that"
    )
