"""What a record costs: to seal what one commit accepted, and to check it where it is read.

`python -m tests.benchmarks.sealing` prints it. CPU time of one thread, the median of many.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

from core.wire.ed25519 import Ed25519Signer, Ed25519Verifier
from core.wire.entries import Entry, EntryId
from core.wire.records import LogRecord, decode, proved, seal

BODY = b'{"type":"Note","content":"%s","authenticated_user":"ann"}' % (b"x" * 146)
"""200 bytes."""
COMMIT = 100
"""Activities of a commit at 10,000 a second, when it takes 10 ms."""
ACTIVITY_BAR, COMMIT_BAR = 6.0, 200.0
"""Microseconds."""
TRIES = 200


def activities(first: int, count: int) -> list[Entry]:
    stream = ("annannannann", 180_000_000_000)
    return [
        Entry(
            EntryId(*stream, number),
            "activity",
            1_780_000_000_000_000 + number,
            BODY,
            "ann",
            EntryId(*stream, number - 1),
            f"{number:022d}",
        )
        for number in range(first, first + count)
    ]


def microseconds(work: Callable[[], object], tries: int = TRIES) -> float:
    times = []
    for _ in range(tries):
        began = time.process_time_ns()
        work()
        times.append(time.process_time_ns() - began)
    return statistics.median(times) / 1000


def chain(records: int, size: int) -> list[LogRecord]:
    signer = Ed25519Signer(bytes(32))
    found: list[LogRecord] = []
    for number in range(records):
        found += seal(activities(1 + number * size, size), found[-1].digest if found else b"", signer)
    return found


def main() -> None:
    signer, verifier = Ed25519Signer(bytes(32)), Ed25519Verifier()
    before = bytes(32)
    one, many = activities(1, 1), activities(1, COMMIT)
    commit = microseconds(lambda: seal(one, before, signer))
    group = microseconds(lambda: seal(many, before, signer))
    print(
        f"sealing a commit of 1 activity: {commit:.0f} µs (bar {COMMIT_BAR:.0f}); of {COMMIT}: {group:.0f} µs,"
        f" {group / COMMIT:.1f} µs an activity (bar {ACTIVITY_BAR:.0f})"
    )
    for size, count in ((1, 512), (COMMIT, 8)):
        lines = [record.line for record in chain(count, size)]
        alone = microseconds(lambda line=lines[0]: decode(line).is_signed(verifier))  # type: ignore[misc]
        page = microseconds(lambda lines=lines: proved([decode(line) for line in lines], verifier), TRIES // 10)  # type: ignore[misc]
        print(
            f"checking a record of {size}: {alone:.0f} µs; in a chain of {count} records:"
            f" {page / count / size:.1f} µs an activity"
        )


if __name__ == "__main__":
    main()
