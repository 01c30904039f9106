"""What has been received, as rows: runs of numbers, and past starts packed."""

from __future__ import annotations

import sqlite3
from typing import Final

from core.store.checksums import check, checksum
from core.store.held import Held
from core.store.past_starts import read_past, write_past
from core.store.stream_numbers import StreamNumbers
from core.wire.entries import Stream
from core.wire.packed_streams import PackedStreams

LOOSE_MAX: Final = 4096
"""With more streams in the table of runs, those without a gap are packed."""


def read_held(connection: sqlite3.Connection) -> Held:
    """What has been received, as far as all follows the records. Raises sqlite3.Error."""
    held = Held(read_past(connection))
    rows = connection.execute(
        "SELECT stream, first, last, runs.sum, node, incarnation, streams.sum FROM runs"
        " LEFT JOIN streams ON streams.no = runs.stream"
    )
    for number, first, last, expected, node, incarnation, of_stream in rows:
        check("runs", expected, checksum(number, first, last))
        check("streams", of_stream, checksum(number, node, incarnation))
        held.add(Stream(node, incarnation), first, last)
    return held


def pack_past(connection: sqlite3.Connection, held: Held) -> Held:
    """Pack streams without gaps when there are many; what is held then. Within a transaction. Raises sqlite3.Error."""
    whole = {stream: runs.upto for stream, runs in held.loose.items() if runs.upto == runs.top and runs.upto}
    if len(whole) <= LOOSE_MAX:
        return held
    packed = PackedStreams.of({**dict(held.packed.items()), **whole}.items())
    write_past(connection, packed, {stream.node for stream in whole})
    streams = StreamNumbers(connection)
    connection.executemany("DELETE FROM runs WHERE stream = ?", [(streams.find(stream),) for stream in whole])
    # What nothing names any more.
    connection.execute(
        "DELETE FROM streams WHERE no NOT IN (SELECT stream FROM records UNION SELECT stream FROM runs"
        " UNION SELECT stream FROM senders)"
    )
    fewer = Held(packed)
    for stream, runs in held.loose.items():
        if stream not in whole:
            for first, last in runs:
                fewer.add(stream, first, last)
    return fewer
