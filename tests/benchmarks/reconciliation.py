"""What two sets that differ in little cost to be compared: bytes, rounds, and the processor's time.

python -m tests.benchmarks.reconciliation
python -m tests.benchmarks.reconciliation --items 100000
"""

from __future__ import annotations

import argparse
import random
import time

from core.reconciliation.item_order import item_key
from core.wire.entries import EntryId
from tests.reconciliation.pulling import MemorySet, Pulled, made_up, pull

DIFFERENCES = (0, 1, 100, 10_000)


def tell(lacking: int, where: str, pulled: Pulled) -> None:
    """Print a line of the table."""
    figures = (lacking, where, pulled.rounds, pulled.bytes, pulled.longest, pulled.pending)
    times = (f"{seconds * 1e3:.0f} ms" for seconds in (pulled.asking, pulled.answering))
    print("".join(f"{figure:>11}" for figure in (*figures, *times)))


def main() -> None:
    """Print the table."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--items", type=int, default=1_000_000)
    count = options.parse_args().items
    keys = made_up(count)
    began = time.process_time()
    full = MemorySet(keys)
    took = time.process_time() - began
    print(f"{count} items: {took:.1f} s to add ({took / count * 1e6:.1f} µs each), {len(full.rows)} rows")
    began = time.process_time()
    for number in range(1_000):
        full.put(item_key("activity", keys[-1].place % 2**56 + number + 1, EntryId("late", 1, number + 1)))
    print(f"one more at a time: {(time.process_time() - began) * 1e3:.1f} µs each\n")
    columns = ("lacking", "where", "rounds", "bytes", "longest", "pending", "asking", "answering")
    print("".join(f"{column:>11}" for column in columns))
    for differences in DIFFERENCES:
        for where in ("scattered", "the newest") if differences > 1 else ("scattered",):
            everything = full.all()
            rng = random.Random(differences)
            newest = everything[len(everything) - differences :]
            missing = set(newest if where == "the newest" else rng.sample(everything, differences))
            part = MemorySet(key for key in everything if key not in missing)
            pulled = pull(part, full)
            assert pulled.lacked == {key.id for key in missing}
            tell(differences, where, pulled)
    empty = pull(MemorySet(), full)
    tell(count, "all", empty)


if __name__ == "__main__":
    main()
