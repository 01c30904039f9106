"""The bars of the screen, each with its figure. `python -m tests.benchmarks.screen [ROW ...]` prints them.

A server with the application on it (two processes, taken together), in a pseudo-terminal, beside a headless one, in
turns, so that what else the machine does hits both alike. The load comes from a process of its own. `--help` tells the
rows, and how to have them with less.
"""

from __future__ import annotations

import asyncio
import os
import statistics
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.benchmarks.data import Contents, copied
from tests.benchmarks.live import percentile
from tests.benchmarks.load import Load, load
from tests.benchmarks.log import OPTIONS, server
from tests.benchmarks.own_terminal import BARE, START_LIMIT, Application, OwnTerminal, processor_seconds
from tests.benchmarks.rows import RowParser, Rows, at_most, measure_rows, row
from tests.processes.harness import NodeProcess

RATES = (200, 1_000)
"""Activities a second."""
BAR_COLUMN = 71
"""Where the feed's scrollbar is, at the size of the terminal."""
READ_LIMIT = 1_800.0
"""Seconds in which all of the past has to be read."""
WARM = 3.0
"""Seconds of load before anything is measured."""


@dataclass(frozen=True)
class Scale:
    """How much of everything: what the bars are for, unless somebody asks for less."""

    rounds: int = 5
    seconds: float = 6.0
    receivers: int = 20
    keys: int = 200
    starts: int = 7
    activities: int = 100_000
    stored: int = 1_000_000


@asynccontextmanager
async def both(directory: Path) -> AsyncIterator[tuple[NodeProcess, Application]]:
    """A headless server, and one with the application on it."""
    async with (
        server(directory / "headless") as headless,
        Application(directory / "application", OPTIONS) as application,
    ):
        for port in (headless.port, application.port):
            await load(port, RATES[0], WARM, 1)
        yield headless, application


def _machine() -> str:
    return f"load of the machine {os.getloadavg()[0]:.1f}"


def _warn(loads: list[Load]) -> None:
    late = statistics.median(one.late for one in loads)
    if late > statistics.median(one.p99 for one in loads) / 2:
        print(f"  the load generator itself is {1000 * late:.1f} ms late (p99)", flush=True)
    if not all(one.is_whole for one in loads):
        row("every receiver has had everything once", "no", "yes", met=False)


async def delivery(scale: Scale, directory: Path) -> None:
    """What others wait for while the application is open in the same program: p99, against a headless server."""
    async with both(directory) as (headless, application):
        for rate in RATES:
            loads: dict[str, list[Load]] = {"headless": [], "application": []}
            spent = {"headless": 0.0, "application": 0.0}
            for _ in range(scale.rounds):
                for name, port in (("headless", headless.port), ("application", application.port)):
                    before = _cpu(name, headless, application)
                    loads[name].append(await load(port, rate, scale.seconds, scale.receivers))
                    spent[name] += _cpu(name, headless, application) - before
            for name, found in loads.items():
                _warn(found)
                p50, p99 = (statistics.median(getattr(one, which) for one in found) for which in ("p50", "p99"))
                spread = " ".join(f"{1000 * one.p99:.1f}" for one in found)
                row(
                    f"delivery at {rate:,}/s, {name}",
                    f"p50 {1000 * p50:.1f} ms, p99 {1000 * p99:.1f} ms ({spread}); CPU"
                    f" {100 * spent[name] / scale.rounds / scale.seconds:.0f} %; {_machine()}",
                    "",
                    met=None,
                )
            # What else the machine does comes and goes: each round is compared with itself.
            ratios = [one.p99 / other.p99 for one, other in zip(loads["application"], loads["headless"], strict=True)]
            at_most(
                f"others' delivery at {rate:,}/s with the application open, p99 against headless (median of"
                f" {scale.rounds} rounds)", statistics.median(ratios), 1.2, "×", 2,
            )  # fmt: skip


def _cpu(name: str, headless: NodeProcess, application: Application) -> float:
    return processor_seconds(headless.pid) if name == "headless" else application.cpu()


async def keys(scale: Scale, directory: Path) -> None:
    """From a key to what it paints, while activities arrive."""
    async with both(directory) as (_, application):
        for rate in RATES:
            gap = 0.05
            loading = asyncio.create_task(load(application.port, rate, scale.keys * gap * 1.2 + WARM, scale.receivers))
            await asyncio.sleep(WARM)
            times = await application.keys(scale.keys, gap)
            await loading
            figures = (("p50", percentile(times, 0.5), 20.0), ("p99", percentile(times), 50.0))
            for name, found, bar in figures:
                at_most(f"key to paint at {rate:,}/s, {name} of {len(times)} ({_machine()})", 1000 * found, bar, "ms")


async def cpu(scale: Scale, directory: Path) -> None:
    """What the program takes of a processor, beside a headless server with the same load, and what it paints."""
    async with both(directory) as (headless, application):
        shares: dict[str, list[float]] = {"headless": [], "application": []}
        painted = application.painted
        for _ in range(scale.rounds):
            for name, port in (("headless", headless.port), ("application", application.port)):
                before, began = _cpu(name, headless, application), time.perf_counter()
                await load(port, RATES[0], scale.seconds, 1)
                spent, took = _cpu(name, headless, application) - before, time.perf_counter() - began
                # The load generator takes a while to start.
                shares[name].append(100 * spent / min(took, scale.seconds))
        painted = application.painted - painted
        at_most(
            f"CPU at {RATES[0]}/s, server and application (headless: {statistics.median(shares['headless']):.1f} %)",
            statistics.median(shares["application"]), 12, "%",
        )  # fmt: skip
        row("painted meanwhile", f"{painted / scale.rounds / scale.seconds / 1000:.0f} kB/s", "", met=None)


async def first_frame(scale: Scale, directory: Path) -> None:
    """From the start of the process to the first whole frame, against a bare Textual application."""
    ours, bare, ready = [], [], []
    for number in range(scale.starts):
        async with OwnTerminal(directory / f"bare-{number}", ("-c", BARE)) as terminal:
            bare.append(await terminal.first_frame())
        application = Application(directory / str(number), OPTIONS)
        listening = asyncio.create_task(_listens(application.port))
        async with application:
            ours.append(application.took)
            ready.append(await listening)
    row("first frame of a bare Textual application", f"{statistics.median(bare):.2f} s; {_machine()}", "", met=None)
    row("ready to serve", f"{statistics.median(ready):.2f} s", "", met=None)
    row("first frame of the application with its server", f"{statistics.median(ours):.2f} s", "", met=None)
    at_most(
        "first frame, more than a bare Textual application's (median of"
        f" {scale.starts} starts)", statistics.median(one - other for one, other in zip(ours, bare, strict=True)),
        0.2, "s", 2,
    )  # fmt: skip


async def _listens(port: int) -> float:
    """Seconds from now until somebody takes connections there."""
    began = time.perf_counter()
    while True:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            await asyncio.sleep(0.005)
        else:
            writer.close()
            return time.perf_counter() - began


async def memory(scale: Scale, directory: Path) -> None:
    """What grows in an application that is open for long, beside what grows in a headless server."""
    async with both(directory) as (headless, application):
        began = application.memory()
        steps: list[str] = [f"{began:.0f}"]
        after: dict[str, list[float]] = {"headless": [], "application": []}
        for _ in range(5):
            for name, port in (("headless", headless.port), ("application", application.port)):
                await load(port, RATES[1], scale.activities / 5 / RATES[1], 1)
                after[name].append(
                    OwnTerminal.memory_of([headless.pid]) if name == "headless" else application.memory()
                )
            steps.append(f"{after['application'][-1]:.0f}")
        grown = {name: found[-1] - found[0] for name, found in after.items()}
        row(
            f"memory of the application, each {scale.activities // 5:,} activities",
            f"{', '.join(steps)} MB",
            "",
            met=None,
        )
        at_most(
            f"memory that {scale.activities * 4 // 5:,} activities add to the application, the first"
            f" {scale.activities // 5:,} left out, more than to a headless server ({grown['headless']:.1f} MB)",
            grown["application"] - grown["headless"], 5, "MB",
        )  # fmt: skip


async def past(scale: Scale, directory: Path) -> None:
    """The whole past in one window: from the start to its last page, and the memory after it was read to the first."""
    contents = Contents(activities=scale.stored)
    last = f"{scale.stored:012d}".encode()
    times: list[float] = []
    bare: list[float] = []
    spent: list[float] = []
    for number in range(max(1, scale.starts // 2)):
        async with OwnTerminal(directory / f"bare-{number}", ("-c", BARE)) as terminal:
            bare.append(await terminal.first_frame())
        where = directory / f"start-{number}"
        copied(contents, where / "data")
        async with OwnTerminal(where / "home", Application.arguments(where)) as application:
            shown = await asyncio.wait_for(application.expect(last), START_LIMIT)
            times.append(shown - application.began)
            spent.append(application.cpu())
    at_most(
        f"from the start to the last page, {scale.stored:,} stored (median of {len(times)}; processors"
        f" {statistics.median(spent):.2f} s; a bare Textual application's frame {statistics.median(bare):.2f} s;"
        f" {_machine()})", statistics.median(times), 0.7, "s", 2,
    )  # fmt: skip
    where = directory / "read"
    copied(contents, where / "data")
    async with Application(where) as application:
        began = application.shared_memory()
        application.type(b"\x1b")
        beginning = application.expect(b"nothing older is kept here")
        begun = time.perf_counter()
        while not beginning.done():
            # The scrollbar is dragged to its top, again and again.
            application.type(b"\x1b[<0;%d;8M\x1b[<32;%d;3M\x1b[<0;%d;3m" % ((BAR_COLUMN,) * 3))
            await asyncio.wait([beginning], timeout=0.02)
            assert time.perf_counter() - begun < READ_LIMIT, "the first activity was not reached"
        row("all of that read, page by page", f"{time.perf_counter() - begun:.0f} s", "", met=None)
        at_most(
            f"memory of node and application together, {scale.stored:,} stored, after reading back to the first"
            f" ({began:.0f} MB before)", application.shared_memory(), 150, "MB",
        )  # fmt: skip


ROWS: Rows[Scale] = {
    "past": past,
    "delivery": delivery,
    "keys": keys,
    "cpu": cpu,
    "first-frame": first_frame,
    "memory": memory,
}


async def main(rows: list[str] | None = None, scale: Scale | None = None) -> None:
    await measure_rows(ROWS, rows, scale or Scale())


def command(given: list[str]) -> None:
    arguments = RowParser("tests.benchmarks.screen", __doc__, ROWS, Scale()).read(given)
    asyncio.run(main(arguments.rows, arguments.scale))


if __name__ == "__main__":
    command(sys.argv[1:])
