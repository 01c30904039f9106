"""One run of the load generator against one server, and rounds of many in which the servers take turns."""

from __future__ import annotations

import asyncio
import functools
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from tests.benchmarks.compiled import NotHere, program
from tests.benchmarks.peers import PEERS, Peer, Running

Figures = Mapping[str, Any]
"""What one run said: numbers by their names, as `native/loadgen.c` prints them."""
LIMIT: Final = 60.0
"""Seconds after which a run gives up."""
BUSY: Final = 0.9
"""The share of a processor from which on the load generator has no more to give."""
BUSY_OR_WAITING: Final = 0.97
"""The same, with the time in which it could have run and others did."""


@dataclass(frozen=True)
class LoadPlan:
    """What the load generator does in one run: its options, without dashes (see `native/loadgen.c`)."""

    options: tuple[tuple[str, float], ...]

    @classmethod
    def of(cls, **options: float) -> LoadPlan:
        return cls(tuple(options.items()))


@dataclass(frozen=True)
class Run:
    """A run of a load at a peer, by the names of both. Those of one `scene` share a server, in their order."""

    peer: str
    load: str
    scene: str = ""

    def __str__(self) -> str:
        return f"{self.peer} {self.load}"


async def generate(peer: Peer, ports: Sequence[int], pid: int, load: LoadPlan) -> Figures:
    """Put a load on a server. What is not complete says so in `complete`. Raises NotHere, AssertionError."""
    options = {
        "protocol": peer.protocol, "ports": ",".join(map(str, ports)), "pid": pid, "at-once": peer.at_once,
        "acked": int(peer.is_acked), "tls": int(peer.tls), "limit": LIMIT,
    } | {name.replace("_", "-"): value for name, value in load.options}  # fmt: skip
    words = [word for name, value in options.items() for word in (f"--{name}", str(value))]
    process = await asyncio.create_subprocess_exec(
        program("loadgen", tls=peer.tls), *words, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    try:
        told, said = await asyncio.wait_for(process.communicate(), LIMIT + 20.0)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return read_figures(told.decode(), said.decode(errors="replace"))


def read_figures(told: str, said: str) -> Figures:
    """What the load generator printed. Raises AssertionError where it printed no figures."""
    try:
        figures = json.loads(told)
    except ValueError:
        raise AssertionError(f"no figures: {(told + said).strip()[-300:]}") from None
    assert isinstance(figures, dict) and isinstance(figures.get("complete"), bool), f"no figures: {told[:300]}"
    return figures if figures["complete"] else {**figures, "said": said.strip()[-300:]}


def is_bottleneck(figures: Figures) -> bool:
    """Whether it was the load generator that could do no more."""
    share, waited = figures.get("share", 0.0), figures.get("waited", 0.0)
    return bool(share >= BUSY or share + waited >= BUSY_OR_WAITING)


def what_is_wrong(figures: Figures) -> str:
    """Why a run does not count; nothing where it does."""
    if figures.get("complete", True):
        return ""
    faults = ("lost", "doubled", "reordered", "damaged", "disconnected")
    counted = ", ".join(f"{figures[fault]:,} {fault}" for fault in faults if figures.get(fault))
    return counted or figures.get("said") or "not everything came"


# --- rounds -----------------------------------------------------------------------------------------------------------

Measure = Callable[[Path], Awaitable[Figures]]
"""A measurement that is no run of a load at one server, in a directory of its own."""


@dataclass
class Results:
    """What was measured, by the name of what was measured, one for each round in which it was."""

    rounds: dict[str, list[Figures | None]] = field(default_factory=dict)
    """None: it did not come to it in that round, or did not count."""
    wrong: dict[str, str] = field(default_factory=dict)
    """Why something does not count: it failed in a round."""
    left_out: dict[str, str] = field(default_factory=dict)
    """Why something was not measured: what is not installed."""

    def note(self, what: str, figures: Figures) -> None:
        wrong = what_is_wrong(figures)
        if wrong:
            self.wrong[what] = wrong
        self.rounds.setdefault(what, []).append(None if wrong else figures)

    def fail(self, what: str, why: str) -> None:
        self.wrong[what] = why
        self.rounds.setdefault(what, []).append(None)


async def measure_rounds(
    runs: Iterable[Run], loads: Mapping[str, LoadPlan], measures: Mapping[str, Measure], rounds: int
) -> Results:
    """Measure everything once in each round. What is not installed, or fails, is noted and the rest goes on."""
    results = Results()
    scenes: dict[tuple[str, str], list[Run]] = {}
    for run in dict.fromkeys(runs):
        scenes.setdefault((run.peer, run.scene), []).append(run)
    for number in range(rounds):
        began = time.monotonic()
        turns = [
            *(functools.partial(_measure_scene, results, scene, loads) for scene in scenes.values()),
            *(functools.partial(_measure_other, results, *measure) for measure in measures.items()),
        ]
        # Another one is first in each round.
        first = number % len(turns)
        for turn in turns[first:] + turns[:first]:
            with tempfile.TemporaryDirectory(prefix="benchmark-", ignore_cleanup_errors=True) as directory:
                await turn(Path(directory))
        print(
            f"  round {number + 1} of {rounds}: {time.monotonic() - began:.0f} s, load of the machine"
            f" {os.getloadavg()[0]:.1f}", file=sys.stderr, flush=True,
        )  # fmt: skip
    return results


async def _measure_scene(results: Results, runs: Sequence[Run], loads: Mapping[str, LoadPlan], directory: Path) -> None:
    """The runs of one server."""
    peer, waiting = PEERS[runs[0].peer], list(runs)
    if peer.title in results.left_out:
        return
    try:
        program("loadgen", tls=peer.tls)
        async with peer.start(directory) as running:
            while waiting:
                results.note(str(waiting[0]), await _figures(peer, running, loads[waiting[0].load]))
                waiting.pop(0)
    except NotHere as why:
        results.left_out[peer.title] = str(why)
    except (TimeoutError, AssertionError, OSError) as error:
        for run in waiting:
            results.fail(str(run), f"{type(error).__name__} {str(error)[-300:]}".strip())


async def _figures(peer: Peer, running: Running, load: LoadPlan) -> Figures:
    return await generate(peer, [running.port], running.pid, load)


async def _measure_other(results: Results, name: str, measure: Measure, directory: Path) -> None:
    if name in results.left_out:
        return
    try:
        results.note(name, await measure(directory))
    except NotHere as why:
        results.left_out[name] = str(why)
    except (TimeoutError, AssertionError, OSError) as error:
        results.fail(name, f"{type(error).__name__} {str(error)[-300:]}".strip())
