"""The latest notices: what is kept of them, and where."""

from __future__ import annotations

import tracemalloc

from core.engine.upkeep.recent_notices import RecentNotices
from core.node.interface.notices import Notice


def notice(number: int) -> Notice:
    return Notice(1_000.5 + number, "logout", f"somebody left: {number}")


def test_the_newest_ones_are_kept_whole_and_in_order() -> None:
    kept = RecentNotices(250)
    assert len(kept) == 0
    assert list(kept) == []
    for number in range(1_000):
        kept.append(notice(number))
        first = max(0, number - 249)
        assert len(kept) == number + 1 - first
        if number % 37 == 0:
            assert list(kept) == [notice(one) for one in range(first, number + 1)]
    assert list(kept) == [notice(one) for one in range(750, 1_000)]


def test_every_field_comes_back_whatever_it_holds() -> None:
    said = [
        Notice(0.0, "login", "", "good", "server", "user"),
        Notice(1e12, "storage", "/data/\udcff is full: \N{GRINNING FACE} \ud800\x00", "error"),
        Notice(5, "vote", "x" * 10_000, "warning", None, "ü"),
        Notice(6.0, "lost", "", "error", "server", in_story=True),
    ]
    kept = RecentNotices(10)
    for one in said:
        kept.append(one)
    assert list(kept) == said


def test_whoever_reads_sees_what_there_was_when_they_began() -> None:
    kept = RecentNotices(200)
    for number in range(200):
        kept.append(notice(number))
    reading = iter(kept)
    assert next(reading) == notice(0)
    for number in range(200, 500):
        kept.append(notice(number))
    assert list(reading) == [notice(number) for number in range(1, 200)]


def test_a_thousand_of_them_are_a_few_objects() -> None:
    kept = RecentNotices(1_000)
    tracemalloc.start()
    try:
        for number in range(5_000):
            kept.append(notice(number))
        found = tracemalloc.take_snapshot().statistics("filename")
    finally:
        tracemalloc.stop()
    assert len(kept) == 1_000
    assert sum(one.count for one in found) < 100
    assert sum(one.size for one in found) < 400_000
