"""The bars of looking through the past. `python -m tests.benchmarks.fulltext [ROW ...]` prints them.

`--activities 10000` looks through less.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from core.fulltext.data_view import DataView
from core.fulltext.found_page import SearchPlace
from core.fulltext.index_file import INDEX, open_index
from core.fulltext.indexing import Indexing
from core.fulltext.searching import ActivitySearch
from core.query import parse
from core.store.gone import Gone
from tests.benchmarks.compiled import NotHere, program
from tests.benchmarks.data import Contents, copied
from tests.benchmarks.hot_path import BYTES, RECEIVERS, WINDOW
from tests.benchmarks.peers import OPTIONS
from tests.benchmarks.rows import RowParser, Rows, at_most, measure_rows, row
from tests.processes.harness import NodeProcess

PAGE = 100
PIECE = 0.1
ROUNDS = 5
WARM = 1.0
SECONDS = 5.0
SHARE = 0.97
"""Of what goes through without an index."""


@dataclass(frozen=True)
class Scale:
    """How much is looked through."""

    activities: int = 1_000_000


class Found(NamedTuple):
    hits: int
    first: float
    """Seconds until there was one."""
    all: float
    """Seconds until all of the past was looked through."""


async def looking(scale: Scale, directory: Path) -> None:
    """The first hit, and all hits of a word, in an index that has come to everything; and what that takes."""
    database = copied(Contents(activities=scale.activities), directory / "data") / "node.db"
    view = DataView(database)
    index = open_index(database.with_name(INDEX), view)
    indexing = Indexing(view, index, Gone())
    began = time.process_time()
    while indexing.step():
        pass
    took, size = time.process_time() - began, index.bytes / scale.activities
    row(f"{scale.activities:,} activities indexed", f"{took:.1f} s, {size:.0f} B each", "", met=None)
    search = ActivitySearch(view, indexing, time.monotonic)
    for what, text in (
        ("the oldest one's word", f"{7:012d}"),
        ("a word that 1 in 1,000 has", "from:somebody000007"),
        ("the beginning of 100 words", f"{scale.activities // 100_000:010d}*"),
    ):
        found = _looked(search, text)
        at_most(f"{what}, the first hit of {found.hits:,}", found.first * 1000, 100, "ms", 1)
        at_most(f"{what}, all hits", found.all * 1000, 1000, "ms", 1)
    index.close()
    view.close()


def _looked(search: ActivitySearch, text: str) -> Found:
    query, before, hits, first = parse(text, now=0.0), None, 0, 0.0
    began = time.perf_counter()
    place: SearchPlace | None = before
    while True:
        page = search.page(query, place, PAGE, PIECE)
        if page.entries and not hits:
            first = time.perf_counter() - began
        hits += len(page.entries)
        place = page.place
        if place is None:
            return Found(hits, first, time.perf_counter() - began)


async def beside_posts(scale: Scale, directory: Path) -> None:
    """What goes through one server with the index on, against what does without it, in turn; and what an activity costs
    its processors."""
    shares: list[float] = []
    costs: list[float] = []
    for number in range(ROUNDS):
        rates: dict[str, _Load] = {}
        for option in ("--search-index", "--no-search-index")[:: -1 if number % 2 else 1]:
            rates[option] = await _rate(directory / f"{number}{option}", option)
        on, off = rates["--search-index"], rates["--no-search-index"]
        shares.append(on.a_second / off.a_second)
        costs.append(off.cost / on.cost)
    told = ", ".join(f"{share:.3f}" for share in sorted(shares))
    share = statistics.median(shares)
    row("posts with the index on against off", f"{share:.3f} × ({told})", f"≥ {SHARE} ×", met=share >= SHARE)
    told = ", ".join(f"{cost:.3f}" for cost in sorted(costs))
    row(
        "posts for a second of the processors, on against off",
        f"{statistics.median(costs):.3f} × ({told})",
        "",
        met=None,
    )


class _Load(NamedTuple):
    a_second: float
    cost: float
    """Seconds of processor time an activity."""


async def _rate(directory: Path, option: str) -> _Load:
    async with NodeProcess(directory, options=(*OPTIONS, option)) as node:
        generator = await asyncio.create_subprocess_exec(
            program("loadgen"), *("--ports", str(node.port), "--receivers", str(RECEIVERS), "--window", str(WINDOW)),
            *("--size", str(BYTES), "--seconds", "60"), stdout=subprocess.DEVNULL,
        )  # fmt: skip
        try:
            async with asyncio.timeout(30):
                while not int((await node.status())["activities"]):
                    await asyncio.sleep(0.1)
            # The index begins some seconds after the start.
            await asyncio.sleep(WARM + 4.0)
            before, began, spent = int((await node.status())["activities"]), time.perf_counter(), _spent(node.pid)
            await asyncio.sleep(SECONDS)
            count = int((await node.status())["activities"]) - before
            return _Load(count / (time.perf_counter() - began), (_spent(node.pid) - spent) / count)
        finally:
            with contextlib.suppress(ProcessLookupError):
                generator.kill()
            await generator.wait()
            await node.kill()


def _spent(pid: int) -> float:
    """Seconds of processor time that a process has taken."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


ROWS: Rows[Scale] = {"looking": looking, "beside-posts": beside_posts}


async def main(rows: list[str] | None = None, scale: Scale | None = None) -> None:
    try:
        await measure_rows(ROWS, rows, scale or Scale())
    except NotHere as why:
        print(f"what goes through beside the index is left out: {why}")


if __name__ == "__main__":
    arguments = RowParser("tests.benchmarks.fulltext", __doc__, ROWS, Scale()).read(sys.argv[1:])
    asyncio.run(main(arguments.rows, arguments.scale))
