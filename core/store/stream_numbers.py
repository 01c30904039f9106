"""Streams by their numbers in a database: tables name a stream in one or two bytes."""

from __future__ import annotations

import sqlite3
from typing import Final

from core.store.checksums import check, checksum
from core.wire.entries import Stream

CACHED_MAX: Final = 20_000
"""How many streams are remembered; others are looked up again."""


class StreamNumbers:
    """The table `streams`. Raises sqlite3.Error."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._numbers: dict[Stream, int] = {}
        self._streams: dict[int, Stream] = {}
        self._made: list[Stream] = []

    def find(self, stream: Stream) -> int | None:
        """The number of a stream; None if it has none."""
        number = self._numbers.get(stream)
        if number is None:
            row = self._connection.execute(
                "SELECT no, node, incarnation, sum FROM streams WHERE node = ? AND incarnation = ?", stream
            ).fetchone()
            if row is None:
                return None
            number = self._read(row)
        return number

    def of(self, number: int) -> Stream:
        """The stream of a number. Raises DamagedRow if there is none."""
        stream = self._streams.get(number)
        if stream is None:
            row = self._connection.execute(
                "SELECT no, node, incarnation, sum FROM streams WHERE no = ?", (number,)
            ).fetchone()
            check("streams", row is not None, True)
            self._read(row)
            stream = self._streams[number]
        return stream

    def name(self, number: int) -> bytes:
        """The stream of a number as `NODE.INCARNATION`. Raises DamagedRow if there is none."""
        node, incarnation = self.of(number)
        return f"{node}.{incarnation}".encode()

    def make(self, stream: Stream) -> int:
        """The number of a stream, given now if it has none; within a transaction."""
        number = self.find(stream)
        if number is None:
            (last,) = self._connection.execute("SELECT max(no) FROM streams").fetchone()
            number = (last or 0) + 1
            self._connection.execute(
                "INSERT INTO streams (no, node, incarnation, sum) VALUES (?, ?, ?, ?)",
                (number, *stream, checksum(number, *stream)),
            )
            self._remember(number, stream)
            self._made.append(stream)
        return number

    def settled(self, *, kept: bool) -> None:
        """The transaction is over: the numbers that it gave are kept, or have never been given."""
        if not kept:
            for stream in self._made:
                number = self._numbers.pop(stream, None)
                if number is not None:
                    self._streams.pop(number, None)
        self._made.clear()

    def _read(self, row: tuple[int, str, int, int]) -> int:
        number, node, incarnation, expected = row
        check("streams", expected, checksum(number, node, incarnation))
        self._remember(number, Stream(node, incarnation))
        return number

    def _remember(self, number: int, stream: Stream) -> None:
        if len(self._numbers) >= CACHED_MAX:
            self._numbers.clear()
            self._streams.clear()
        self._numbers[stream] = number
        self._streams[number] = stream
