"""Version vectors as they travel: a vector has a number for each start of each server, and a line has an end."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from core.wire.entries import IDENTIFIER_CHARACTERS_MAX, Stream, encode_vector
from core.wire.packed_streams import PackedStreams, StreamsOver

VECTOR_BYTES_MAX: Final = 448 * 1024
"""Longest vector in a message that may have two of them; some 8,000 streams."""
LONG_VECTOR_BYTES_MAX: Final = 960 * 1024
"""Longest vector in a message that has one."""
NUMBER_BYTES: Final = 24
"""What a number and the marks around it may take beside a stream."""


def vector_in_line(vector: Mapping[Stream, int], bytes_max: int = VECTOR_BYTES_MAX) -> dict[str, int]:
    """A vector as it travels, stream texts to numbers: `shortened` to what a line may have."""
    return encode_vector(shortened(vector, bytes_max))


def shortened(vector: Mapping[Stream, int], bytes_max: int) -> Mapping[Stream, int]:
    """As much of a vector as may travel: of each node its latest start, then the one before it, as far as they fit.

    Whoever is told less than there is takes it that the rest is missing, and sends it once more: that costs what was
    kept of long past starts, and loses nothing. A stream whose name is too long is left out: nobody could read it.
    """
    if len(vector) * NUMBER_BYTES <= bytes_max:
        sizes = [_size(stream) for stream in vector]
        if sum(sizes) <= bytes_max and max(sizes, default=0) <= IDENTIFIER_CHARACTERS_MAX:
            return vector
    kept: dict[Stream, int] = {}
    for stream in latest_first(vector):
        size = _size(stream)
        if size > IDENTIFIER_CHARACTERS_MAX and len(str(stream)) > IDENTIFIER_CHARACTERS_MAX:
            continue
        bytes_max -= size
        if bytes_max < 0:
            break
        kept[stream] = vector[stream]
    return kept


def latest_first(vector: Mapping[Stream, int]) -> Iterator[Stream]:
    """The latest start of each node, then of each the one before it, and so on. No further than it is asked for."""
    packed, over = vector.parts if isinstance(vector, StreamsOver) else (PackedStreams(), vector)
    starts: dict[str, list[int]] = {}
    for node, incarnation in over:
        starts.setdefault(node, []).append(incarnation)
    rows: list[tuple[str, Iterator[int]]] = []
    for node in sorted({*starts, *packed.by_node}):
        of_node: Iterable[int] = reversed(packed.by_node[node][0]) if node in packed.by_node else ()
        recent = sorted(starts.get(node, ()), reverse=True)
        rows.append((node, heapq.merge(recent, of_node, reverse=True)))
    told: dict[str, int] = {}
    while rows:
        going_on: list[tuple[str, Iterator[int]]] = []
        for node, incarnations in rows:
            # One that stands over a packed one comes twice.
            following = next((one for one in incarnations if one != told.get(node)), None)
            if following is not None:
                told[node] = following
                going_on.append((node, incarnations))
                yield Stream(node, following)
        rows = going_on


def _size(stream: Stream) -> int:
    return len(stream.node.encode()) + len(str(stream.incarnation)) + NUMBER_BYTES
