"""Summaries of the map: which records a node has, told in as many lines as it takes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from core.wire.messages import MapSummary

PAGE_BYTES: Final = 768 * 1024
"""Longest summary: a line has 1 MiB."""
NUMBERS_BYTES: Final = 42
"""What two numbers and the marks around them take beside an id."""


def summary_pages(
    orders: Mapping[str, tuple[int, int]], reachable: Mapping[str, None], *, paged: bool
) -> Iterator[MapSummary]:
    """What to tell a new neighbour of the records that this node has: for each its incarnation and version.

    Without pages a neighbour takes it that what a summary lacks is not there, and sends it: so a summary that is too
    long leaves out what cannot be reached, which comes once more than needed.
    """
    if sum(map(_size, orders)) <= PAGE_BYTES:
        yield MapSummary({server: list(order) for server, order in orders.items()})
        return
    servers = sorted(orders, key=lambda server: (not paged and server not in reachable, server))
    records: dict[str, list[int]] = {}
    after: str | None = None
    size = 0
    for server in servers:
        size += _size(server)
        if size > PAGE_BYTES:
            if not paged:
                break
            upto = next(reversed(records))
            yield MapSummary(records, after, upto)
            records, after, size = {}, upto, _size(server)
        records[server] = list(orders[server])
    yield MapSummary(records, after)


def _size(server: str) -> int:
    return len(server.encode()) + NUMBERS_BYTES
