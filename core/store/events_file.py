"""What a server has noted of its network, kept over its starts: lines of JSON in two files of its data directory.

New lines go to the end of one file; when that has its share of the room it takes the place of the other one, whose
lines are forgotten. So what is kept is bounded, and nothing is ever written anew. Nothing is synced: the lines outlive
the process, and the last seconds before a loss of power are not worth a wait. Of half a line nothing is read. They are
in no backup.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO, Final

from core.store.files import open_private
from core.stories.lines import StoryLine, decode, encode

PRESENT: Final = "node.events"
FORMER: Final = "node.events.before"
BYTES_MAX: Final = 4 * 1024 * 1024
SECONDS_MAX: Final = 30 * 86_400.0
"""How old a line may become."""


def append_lines(data_dir: Path, lines: Iterable[StoryLine], *, bytes_max: int = BYTES_MAX) -> None:
    """Keep more lines. Raises OSError."""
    data = b"".join(encode(line) + b"\n" for line in lines)
    present = data_dir / PRESENT
    handle = open_private(present, os.O_APPEND)
    try:
        size = os.fstat(handle).st_size
        if size and not _ends_a_line(handle, size):
            # A process ended in the middle of one.
            data = b"\n" + data
        os.write(handle, data)
    finally:
        os.close(handle)
    if size + len(data) > bytes_max // 2:
        os.replace(present, data_dir / FORMER)


def kept_lines(data_dir: Path, now: float, *, most: int | None = None) -> list[StoryLine]:
    """The lines that are kept and not too old, in the order in which they came; `now` is in seconds since 1970.

    `most`: no more than so many, the latest; None: all. Also while a server runs there. Raises OSError,
    FileNotFoundError where there is no data directory.
    """
    os.stat(data_dir)
    oldest = (now - SECONDS_MAX) * 1_000_000
    found = [data for data in _kept_in(data_dir).split(b"\n") if data]
    lines = map(decode, found if most is None else found[-most:])
    return [line for line in lines if line is not None and line.stamp >= oldest]


def _kept_in(data_dir: Path) -> bytes:
    with contextlib.ExitStack() as stack:
        present = _opened(data_dir / PRESENT, stack)
        former = _opened(data_dir / FORMER, stack)
        if present is not None and former is not None and os.path.sameopenfile(present.fileno(), former.fileno()):
            # It has taken the other one's place in between.
            present = _opened(data_dir / PRESENT, stack)
        return b"\n".join(file.read() for file in (former, present) if file is not None)


def _opened(path: Path, stack: contextlib.ExitStack) -> BinaryIO | None:
    try:
        return stack.enter_context(path.open("rb"))
    except FileNotFoundError:
        return None


def _ends_a_line(handle: int, size: int) -> bool:
    return os.pread(handle, 1, size - 1) == b"\n"
