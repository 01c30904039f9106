"""The past: streams to which nobody adds any more, as rows that hold many."""

from __future__ import annotations

import sqlite3
from array import array
from collections.abc import Iterable
from itertools import islice
from operator import lt
from typing import Final

from core.store.checksums import check, packed_checksum
from core.wire.packed_arrays import packed_array, unpacked_array
from core.wire.packed_streams import PackedStreams

PACKED_MAX: Final = 4096
"""Most streams of one row."""


def read_past(connection: sqlite3.Connection, table: str = "past_starts") -> PackedStreams:
    """All of them. Raises DamagedRow, sqlite3.Error."""
    by_node: dict[str, tuple[array[int], array[int]]] = {}
    for no, node, packed, expected in connection.execute(f"SELECT no, node, packed, sum FROM {table} ORDER BY no"):
        check("past_starts", expected, packed_checksum([packed], no, node))
        half = len(packed) // 2
        incarnations, numbers = by_node.setdefault(node, (array("q"), array("q")))
        incarnations.extend(unpacked_array("q", packed[:half]))
        numbers.extend(unpacked_array("q", packed[half:]))
    return PackedStreams(by_node)


class Packing:
    """More streams that are to be packed."""

    def __init__(self, past: PackedStreams) -> None:
        """`past`: those that are."""
        self._past = past
        self._more: dict[str, tuple[array[int], array[int]]] = {}

    def add(self, nodes: Iterable[str], incarnations: Iterable[int], numbers: Iterable[int]) -> None:
        """Streams by column, up to which numbers nothing is missing of them."""
        more = self._more
        for node, incarnation, number in zip(nodes, incarnations, numbers, strict=True):
            known = more.get(node)
            if known is None:
                known = more[node] = (array("q"), array("q"))
            known[0].append(incarnation)
            known[1].append(number)

    @property
    def changed(self) -> Iterable[str]:
        """The nodes of which streams have been added."""
        return self._more.keys()

    @property
    def packed(self) -> PackedStreams:
        """All of them."""
        together = dict(self._past.by_node)
        for node, more in self._more.items():
            known = together.get(node)
            together[node] = more if known is None and _ascends(more[0]) else _merged(known or _nothing(), more)
        return PackedStreams(together)


def _nothing() -> tuple[array[int], array[int]]:
    return array("q"), array("q")


def _ascends(incarnations: array[int]) -> bool:
    return all(map(lt, incarnations, islice(incarnations, 1, None)))


def _merged(known: tuple[array[int], array[int]], more: tuple[array[int], array[int]]) -> tuple[array[int], array[int]]:
    together = dict(zip(*known, strict=True))
    for incarnation, number in zip(*more, strict=True):
        together[incarnation] = max(number, together.get(incarnation, 0))
    incarnations = sorted(together)
    return array("q", incarnations), array("q", map(together.__getitem__, incarnations))


def write_past(connection: sqlite3.Connection, past: PackedStreams, nodes: Iterable[str]) -> None:
    """Replace the rows of some nodes, which may have none left; within a transaction. Raises sqlite3.Error."""
    (last,) = connection.execute("SELECT max(no) FROM past_starts").fetchone()
    no = (last or 0) + 1
    changed = set(nodes)
    old = connection.execute("SELECT no, node FROM past_starts").fetchall()
    connection.executemany("DELETE FROM past_starts WHERE no = ?", [(row,) for row, node in old if node in changed])
    for node in sorted(changed):
        incarnations, numbers = past.by_node.get(node, (array("q"), array("q")))
        for begin in range(0, len(incarnations), PACKED_MAX):
            end = begin + PACKED_MAX
            packed = packed_array(incarnations[begin:end]) + packed_array(numbers[begin:end])
            connection.execute(
                "INSERT INTO past_starts VALUES (?, ?, ?, ?)", (no, node, packed, packed_checksum([packed], no, node))
            )
            no += 1


def unpacked(packed: bytes) -> list[tuple[int, int]]:
    """The incarnations of a row, each with its last number."""
    half = len(packed) // 2
    return list(zip(unpacked_array("q", packed[:half]), unpacked_array("q", packed[half:]), strict=True))
