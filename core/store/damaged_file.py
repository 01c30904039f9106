"""Rows of a damaged SQLite file: all that its pages still have, without believing what leads to them.

SQLite reads a table from its root down, and gives up where that way is broken. Here each page is looked at by itself.
The format is that of https://www.sqlite.org/fileformat2.html. What comes out may be older than what SQLite would read,
or damaged: whoever takes a row looks at its checksum.
"""

from __future__ import annotations

import struct
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, NamedTuple

Value = int | float | str | bytes | None

_USUAL_PAGE_SIZES: Final = (8192, 4096)
"""Those of new databases, now and before; what a header says may be damaged."""
_UNREAD_MAX: Final = 16
"""After so many rows in a row that are none, the rest of a page is taken for something else."""
_VALUES_MAX: Final = 16
_PAYLOAD_MAX: Final = 4 * 1024 * 1024
"""No row has more than a record's line and a little beside it."""
_TABLE_LEAF: Final = 0x0D
_INDEX_LEAF: Final = 0x0A
_INDEX_INTERIOR: Final = 0x02
_TABLE_INTERIOR: Final = 0x05
_LOG_HEADER: Final = 32
_FRAME_HEADER: Final = 24


class Cell(NamedTuple):
    """A row as it lies on a page."""

    rowid: int | None
    """None in an index, and in a table without numbers of rows."""
    values: tuple[Value, ...]


def page_sizes(database: Path) -> list[int]:
    """The sizes that a file's pages may have. Rows that are found by a wrong one prove themselves as all do.

    Raises OSError.
    """
    with open(database, "rb") as file:
        said = int.from_bytes(file.read(18)[16:18], "big")
    said = 65536 if said == 1 else said
    possible = 512 <= said <= 65536 and not said & (said - 1)
    return [*dict.fromkeys([*([said] if possible else []), *_USUAL_PAGE_SIZES])]


class DamagedFile:
    """A database's file and its write-ahead log, as pages. What cannot be read of them is taken for nothing.

    Raises OSError.
    """

    def __init__(self, database: Path, page_size: int) -> None:
        self._size = page_size
        self._main = _read(database)
        self._frames: dict[int, list[bytes]] = defaultdict(list)
        for number, page in _frames(_read(Path(f"{database}-wal")), page_size):
            self._frames[number].append(page)

    def cells(self) -> Iterator[Cell]:
        """The rows of all pages, those that were written last first."""
        unused = self._unused()
        for number in (*range(1, self._pages + 1), *sorted(n for n in self._frames if n > self._pages)):
            if number not in unused or number in self._frames:
                for page in self._versions(number):
                    yield from self._cells(page, 100 if number == 1 else 0)

    @property
    def _pages(self) -> int:
        return -(-len(self._main) // self._size)

    def _versions(self, number: int) -> list[bytes]:
        main = self._main[(number - 1) * self._size : number * self._size]
        found = [*reversed(self._frames.get(number, ())), *([main] if main else [])]
        return [page.ljust(self._size, b"\0") for page in found]

    def _unused(self) -> frozenset[int]:
        """Pages of which the file says itself that nothing on them counts any more."""
        found: set[int] = set()
        trunk = int.from_bytes(self._main[32:36], "big")
        while 1 < trunk <= self._pages and trunk not in found:
            found.add(trunk)
            page = self._main[(trunk - 1) * self._size : trunk * self._size].ljust(self._size, b"\0")
            following, count = struct.unpack_from(">II", page)
            if count > self._size // 4 - 2:
                return frozenset()
            found.update(struct.unpack_from(f">{count}I", page, 8))
            trunk = following
        # A damaged list would hide what counts.
        return frozenset(found) if len(found) == int.from_bytes(self._main[36:40], "big") else frozenset()

    def _cells(self, page: bytes, start: int) -> Iterator[Cell]:
        kind = page[start]
        kinds: Sequence[int] = (kind,)
        if kind == _TABLE_INTERIOR:
            return
        if kind not in (_TABLE_LEAF, _INDEX_LEAF, _INDEX_INTERIOR):
            # An overflowing row's page looks like this too; what is read of one by mistake has no checksum that fits.
            kinds = (_TABLE_LEAF, _INDEX_LEAF, _INDEX_INTERIOR)
        for each in kinds:
            count = int.from_bytes(page[start + 3 : start + 5], "big")
            array = start + (12 if each == _INDEX_INTERIOR else 8)
            unread = 0
            for place in range(array, min(array + 2 * count, len(page) - 1), 2):
                try:
                    cell = self._cell(page, int.from_bytes(page[place : place + 2], "big"), each)
                except (ValueError, IndexError, struct.error):
                    unread += 1
                    if unread == _UNREAD_MAX:
                        break
                else:
                    unread = 0
                    yield cell

    def _cell(self, page: bytes, at: int, kind: int) -> Cell:
        if kind == _INDEX_INTERIOR:
            at += 4
        size, at = _varint(page, at)
        rowid = None
        if kind == _TABLE_LEAF:
            rowid, at = _varint(page, at)
            if rowid >= 1 << 63:
                rowid -= 1 << 64
        if not 0 < size <= _PAYLOAD_MAX:
            raise ValueError("a row of such a size is none of ours")
        return Cell(rowid, _values(self._payload(page, at, size, kind)))

    def _payload(self, page: bytes, at: int, size: int, kind: int) -> bytes:
        usable = self._size
        most = usable - 35 if kind == _TABLE_LEAF else (usable - 12) * 64 // 255 - 23
        if size <= most:
            found = page[at : at + size]
            _types(found, size)
            return found
        least = (usable - 12) * 32 // 255 - 23
        local = least + (size - least) % (usable - 4)
        if local > most:
            local = least
        begun = page[at : at + local]
        # What is no row is not followed all over the file.
        _types(begun, size)
        whole = bytearray(begun)
        followed: set[int] = set()
        following = int.from_bytes(page[at + local : at + local + 4], "big")
        while len(whole) < size:
            versions = self._versions(following) if following > 1 else []
            if not versions or following in followed:
                raise ValueError("the rest of a row is not there")
            followed.add(following)
            whole += versions[0][4 : 4 + size - len(whole)]
            following = int.from_bytes(versions[0][:4], "big")
        return bytes(whole)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return b""


def _frames(log: bytes, page_size: int) -> list[tuple[int, bytes]]:
    """Pages in a write-ahead log, the oldest first."""
    found = []
    for at in range(_LOG_HEADER, len(log), _FRAME_HEADER + page_size):
        number = int.from_bytes(log[at : at + 4], "big")
        page = log[at + _FRAME_HEADER : at + _FRAME_HEADER + page_size]
        # Of a log that was begun anew the rest is older: it is left where the marks of its beginning are whole.
        if 0 < number < 1 << 24 and page:
            found.append((log[at + 8 : at + 16], number, page))
    of_this = [one for one in found if one[0] == log[16:24]]
    return [(number, page) for _, number, page in of_this or found]


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = 0
    for place in range(at, at + 8):
        byte = data[place]
        value = value << 7 | byte & 0x7F
        if byte < 0x80:
            return value, place + 1
    return value << 8 | data[at + 8], at + 9


_SIZES: Final = {0: 0, 1: 1, 2: 2, 3: 3, 4: 4, 5: 6, 6: 8, 7: 8, 8: 0, 9: 0}
"""Bytes of a value of each type that is no text and no blob."""


def _types(payload: bytes, size: int) -> tuple[list[int], int]:
    """The types of a row's values, and where these begin. Raises ValueError, IndexError for what is no row."""
    header, at = _varint(payload, 0)
    types: list[int] = []
    total = header
    while at < header and len(types) <= _VALUES_MAX:
        kind, at = _varint(payload, at)
        if kind in (10, 11):
            raise ValueError("not a value")
        types.append(kind)
        total += _SIZES[kind] if kind < 12 else (kind - 12) // 2
    if at != header or total != size:
        raise ValueError("not a row")
    return types, at


def _values(payload: bytes) -> tuple[Value, ...]:
    types, at = _types(payload, len(payload))
    values: list[Value] = []
    for kind in types:
        size = _SIZES[kind] if kind < 12 else (kind - 12) // 2
        part = payload[at : at + size]
        at += size
        if kind >= 12:
            values.append(part.decode() if kind % 2 else part)
        elif kind == 0:
            values.append(None)
        elif kind == 7:
            values.append(float(struct.unpack(">d", part)[0]))
        elif kind in (8, 9):
            values.append(kind - 8)
        else:
            values.append(int.from_bytes(part, "big", signed=True))
    return tuple(values)
