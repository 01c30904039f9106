"""What no neighbour keeps any more: clients need not wait for it, once all of them say so."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, cast

from core.node.log.old_gaps import OldGaps
from core.node.log.replication import Replication
from core.wire.entries import EntryId, Stream
from core.wire.version_vector import VersionVector

STREAM = Stream("far", 1)
GAP = {STREAM: ((1, 4),)}


class Log:
    """What old gaps need of a log: 5 to 7 have come, and nothing before them."""

    def __init__(self) -> None:
        self.vector = VersionVector({}, [EntryId(*STREAM, number) for number in (5, 6, 7)])
        self.behind_old_gaps: Callable[[], Iterable[Any]] = tuple


def test_a_gap_is_old_when_all_neighbours_have_dropped_what_is_in_it_and_not_when_one_says_so() -> None:
    log, compared = Log(), [1, 2]
    gaps = OldGaps(cast(Replication, log), lambda: compared)
    gaps.dropped(1, GAP, {STREAM: ((1, 4),)})
    assert list(log.behind_old_gaps()) == []
    gaps.dropped(2, GAP, {STREAM: ((1, 3),)})
    assert list(log.behind_old_gaps()) == [], "the other one has had 1 to 3 only"
    gaps.dropped(2, GAP, {STREAM: ((1, 9),)})
    assert list(log.behind_old_gaps()) == [(STREAM, 7)]


def test_what_was_told_over_a_link_counts_as_long_as_the_link() -> None:
    log, compared = Log(), [1, 2]
    gaps = OldGaps(cast(Replication, log), lambda: compared)
    gaps.dropped(1, GAP, {STREAM: ((1, 4),)})
    compared.remove(2)
    gaps.link_closed(2)
    assert list(log.behind_old_gaps()) == [(STREAM, 7)]
    compared.append(3)
    assert list(log.behind_old_gaps()) == [], "a new neighbour may have it"
    gaps.link_closed(1)
    compared.remove(1)
    gaps.dropped(3, GAP, {STREAM: ((1, 4),)})
    assert list(log.behind_old_gaps()) == [(STREAM, 7)]
