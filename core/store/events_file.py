"""What a server has noted of its network, kept over its starts: lines of JSON in two files of its data directory.

New lines go to the end of one file; when that has its share of the room it takes the place of the other one, whose
lines are forgotten. So what is kept is bounded, and nothing is ever written anew. Nothing is synced: the lines outlive
the process, and the last seconds before a loss of power are not worth a wait. Of half a line nothing is read. They are
in no backup.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

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


def kept_lines(data_dir: Path, now: float) -> list[StoryLine]:
    """The lines that are kept and not too old, in the order in which they came; `now` is in seconds since 1970.

    Also while a server runs there. Raises OSError, FileNotFoundError where there is no data directory.
    """
    os.stat(data_dir)
    oldest = (now - SECONDS_MAX) * 1_000_000
    return [line for line in _lines_in(data_dir) if line.stamp >= oldest]


def _lines_in(data_dir: Path) -> Iterator[StoryLine]:
    for name in (FORMER, PRESENT):
        with contextlib.suppress(FileNotFoundError):
            for data in (data_dir / name).read_bytes().split(b"\n"):
                line = decode(data) if data else None
                if line is not None:
                    yield line


def _ends_a_line(handle: int, size: int) -> bool:
    return os.pread(handle, 1, size - 1) == b"\n"
