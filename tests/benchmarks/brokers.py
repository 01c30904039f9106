"""Ours beside other brokers, and beside what C could do: each bar with its figure and verdict.

    python -m tests.benchmarks.brokers [ROW ...] [--rounds 5] [--json FILE] [--picture FILE]

Rows can be chosen; `--help` names them. `tests/benchmarks/README.md` says how it is measured, and what has to be
installed. Durable before delivered is ours, the C reference's that syncs, and JetStream's; the others keep nothing.
"""

from __future__ import annotations

import argparse
import asyncio
import functools
import os
import resource
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.benchmarks import linked, picture, report, starts
from tests.benchmarks.bars import Bar, Line
from tests.benchmarks.peers import NATS_VARIABLE, PEERS
from tests.benchmarks.rows import RowParser
from tests.benchmarks.trials import LoadPlan, Measure, Results, Run, measure_rounds
from tests.benchmarks.verdicts import Judge, Pick, Side, pick


@dataclass(frozen=True)
class Scale:
    """How much of everything: what the bars are for, unless somebody asks for less."""

    rounds: int = 5
    seconds: float = 1.5
    """Of a run of the load generator that fills the server; others take as long or a little longer."""
    receivers: int = 200
    crowd: int = 2_000
    """Of the rows that are about many connections."""
    tries: int = 2
    """Starts of each kind in a round."""
    activities: int = 1_000_000
    accounts: int = 100_000


STALLED_SHARE: Final = 20
"""One of so many receivers stalls, in the row about that."""
FULL, ONE, SENDERS, CROWD, SLOW, FAST, LOGINS, UNSTALLED, STALLED, IDLE = (
    "256 in flight", "1 in flight", "10 senders", "a crowd", "200/s", "10,000/s", "logins", "none stalled",
    "10 stalled", "idle",
)  # fmt: skip
"""Loads."""


def loads(scale: Scale) -> Mapping[str, LoadPlan]:
    some, seconds = scale.receivers, scale.seconds
    return {
        FULL: LoadPlan.of(receivers=some, window=256, seconds=seconds),
        ONE: LoadPlan.of(receivers=some, window=1, seconds=0.75 * seconds),
        SENDERS: LoadPlan.of(receivers=some, window=256, senders=10, seconds=seconds),
        CROWD: LoadPlan.of(receivers=scale.crowd, window=256, seconds=seconds),
        SLOW: LoadPlan.of(receivers=some, rate=200, warm=1, seconds=2.5 * seconds),
        FAST: LoadPlan.of(receivers=some, rate=10_000, warm=0.5, seconds=seconds),
        LOGINS: LoadPlan.of(receivers=scale.crowd, logins=1, idle=1),
        UNSTALLED: LoadPlan.of(receivers=some, window=256, seconds=seconds),
        STALLED: LoadPlan.of(receivers=some, window=256, seconds=seconds, stalled=max(1, some // STALLED_SHARE)),
        IDLE: LoadPlan.of(receivers=some, logins=1, idle=1),
    }


@dataclass(frozen=True)
class Row:
    """A row of the benchmark: what it takes to measure it, and what it is held against."""

    about: str
    judges: tuple[Judge, ...]
    runs: tuple[Run, ...] = ()
    measures: tuple[str, ...] = ()


# --- sides of comparisons ---------------------------------------------------------------------------------------------


def side(run: Run, figure: Pick, unit: str = "", *, names_load: bool = False) -> Side:
    title = PEERS[run.peer].title + f", {run.load}" * names_load
    return Side(title, str(run), figure, unit)


DELIVERIES, CPU, CONNECTION = pick("deliveries"), pick("cpu_per_million"), pick("connection")
SECOND, FACTOR = "/s", " ×"


def age(which: str) -> Pick:
    return lambda figures: float(figures["ages"][0][which])


def megabytes(which: str) -> Pick:
    return lambda figures: float(figures[which]) / 1024


def start(which: str) -> Side:
    return Side(which, "starts", lambda figures: 1000 * float(figures[which]), " ms")


def registered(which: str, title: str, unit: str) -> Side:
    return Side(title, "registrations", pick(which), unit)


def hop(number: int) -> Side:
    return Side("ours", "hops", lambda figures: float(figures["hops"][number]), " ms")


def against(
    run: Run, peer: str, load: str, bar: Bar, figure: Pick = DELIVERIES, unit: str = SECOND, what: str = ""
) -> Judge:
    """A figure of ours as so many times that of somebody else."""
    theirs = Run(peer, load, run.scene)
    what = what or f"deliveries, {load}"
    return Judge(f"{what}, against {PEERS[peer].title}", side(run, figure, unit), bar, side(theirs, figure, unit))


def at_least(limit: float, wish: float | None = None, unit: str = FACTOR) -> Bar:
    return Bar(limit, unit, wish)


def at_most(limit: float, wish: float | None = None, unit: str = FACTOR) -> Bar:
    return Bar(limit, unit, wish, at_most=True)


# --- the rows ---------------------------------------------------------------------------------------------------------

OURS_FULL = Run("ours", FULL)
ENCRYPTED, ENCRYPTED_NATS = Run("ours-tls", FULL), Run("nats-tls", FULL)
ENCRYPTED_BAR, ENCRYPTED_FACTOR = 2e6, 3.5
"""Deliveries a second, or so many times those of nats-server: either is enough."""
STALLS = {peer: (Run(peer, UNSTALLED, "stalls"), Run(peer, STALLED, "stalls")) for peer in ("ours", "nats")}


LOADED, LOADED_STALLED = (side(run, DELIVERIES, SECOND, names_load=True) for run in STALLS["ours"])


def _stall_growth(peer: str, bar: Bar | None) -> Judge:
    without, stalled = (side(run, megabytes("peak"), " MB", names_load=True) for run in STALLS[peer])
    return Judge(
        f"memory that stalled readers cost, {PEERS[peer].title}", stalled, bar, without,
        combine=lambda one, other: one - other,
    )  # fmt: skip


ROWS: Final[dict[str, Row]] = {
    "saturation": Row(
        "256 messages in flight to 200 receivers",
        (
            against(OURS_FULL, "nats", FULL, at_least(2, 3)),
            against(OURS_FULL, "redis", FULL, at_least(1.5, 2)),
            against(OURS_FULL, "c", FULL, at_least(0.4, 0.6)),
        ),
        tuple(Run(peer, FULL) for peer in ("ours", "nats", "redis", "c", "ngircd", "inspircd")),
    ),
    "cpu": Row(
        "processor seconds of the server for a million deliveries, 256 in flight",
        (
            against(OURS_FULL, "nats", FULL, at_most(0.35, 0.25), CPU, " s", "CPU for a million"),
            against(OURS_FULL, "redis", FULL, at_most(0.7), CPU, " s", "CPU for a million"),
        ),
        tuple(Run(peer, FULL) for peer in ("ours", "nats", "redis")),
    ),
    "senders": Row(
        "ten senders, 256 in flight",
        (against(Run("ours", SENDERS), "nats", SENDERS, at_least(2)),),
        tuple(Run(peer, SENDERS) for peer in ("ours", "nats", "redis")),
    ),
    "crowd": Row(
        "one sender to 2,000 receivers",
        (against(Run("ours", CROWD), "nats", CROWD, at_least(8)),),
        tuple(Run(peer, CROWD) for peer in ("ours", "nats", "redis")),
    ),
    "one-in-flight": Row(
        "one message in flight, against what syncs before it delivers as well",
        (against(Run("ours", ONE), "c-sync", ONE, at_least(0.75)),),
        tuple(Run(peer, ONE) for peer in ("ours", "c-sync")),
    ),
    "durable": Row(
        "against JetStream that syncs each write, one and 256 in flight",
        (
            against(Run("ours", ONE), "jetstream", ONE, at_least(1.5)),
            against(OURS_FULL, "jetstream", FULL, at_least(6)),
        ),
        (Run("ours", ONE), OURS_FULL, Run("jetstream", ONE), Run("jetstream", FULL)),
    ),
    "latency": Row(
        "200 messages a second: how late, against what syncs before it delivers as well",
        tuple(
            against(Run("ours", SLOW), "c-sync", SLOW, at_most(limit), age(which), " ms", f"delivery at 200/s, {which}")
            for which, limit in (("p50", 1.2), ("p99", 1.5))
        ),
        tuple(Run(peer, SLOW) for peer in ("ours", "c-sync")),
    ),
    "latency-10k": Row(
        "10,000 messages a second: how late",
        (
            Judge(
                "delivery at 10,000/s, p99", side(Run("ours", FAST), age("p99"), " ms"), at_most(15, unit=" ms"),
                shown=tuple(side(Run(peer, FAST), age("p99"), " ms") for peer in ("nats", "c")),
            ),
        ),
        tuple(Run(peer, FAST) for peer in ("ours", "nats", "c")),
    ),
    "logins": Row(
        "2,000 anonymous logins, and what an idle connection takes",
        (
            against(Run("ours", LOGINS, "logins"), "nats", LOGINS, at_least(1), pick("logins"), SECOND, "logins"),
            Judge(
                "memory of an idle connection", side(Run("ours", LOGINS, "logins"), CONNECTION, " kB"),
                at_most(3.4, unit=" kB"),
                shown=(side(Run("nats", LOGINS, "logins"), CONNECTION, " kB"),),
            ),
        ),
        tuple(Run(peer, LOGINS, "logins") for peer in ("ours", "nats", "c")),
    ),
    "start": Row(
        "ready to serve, and --help, against a Python that imports asyncio",
        (
            Judge("ready to serve, with nothing stored", start("empty"), at_most(2.5), start("python")),
            Judge("ready to serve, with much stored", start("full"), at_most(4), start("python")),
            Judge("--help", start("help"), at_most(0.7), start("python")),
        ),
        measures=("starts",),
    ),
    "registrations": Row(
        "registrations on 5 linked servers with a fast verifier",
        (
            Judge("registrations, singly", registered("singly", "ours", SECOND), at_least(300, unit=SECOND)),
            Judge("registrations, 32 at once", registered("at_once", "ours", SECOND), at_least(1000, unit=SECOND)),
            Judge("lock messages of one", registered("messages", "ours", ""), at_most(8, unit="")),
        ),
        measures=("registrations",),
    ),
    "hops": Row(
        "three servers in a chain: how much later the next one delivers, 200/s, p50",
        tuple(Judge(f"hop {number + 1}, p50", hop(number), at_most(0.8, unit=" ms")) for number in range(2)),
        measures=("hops",),
    ),
    "stalled": Row(
        "10 of 200 readers stall: what the others lose, and memory",
        (
            Judge("deliveries with 10 of 200 stalled, of those with none", LOADED_STALLED, at_least(0.9), LOADED),
            _stall_growth("ours", at_most(15, unit=" MB")),
            _stall_growth("nats", None),
        ),
        (*STALLS["ours"], *STALLS["nats"]),
    ),
    "encrypted": Row(
        "200 encrypted receivers, TLS against TLS",
        (
            Judge(
                "deliveries over TLS, 256 in flight", side(ENCRYPTED, DELIVERIES, SECOND),
                Bar(1, "", told=f"≥ 1 of 2 M/s, or of {ENCRYPTED_FACTOR:g} × nats"),
                side(ENCRYPTED_NATS, DELIVERIES, SECOND),
                combine=lambda one, other: max(one / ENCRYPTED_BAR, one / other / ENCRYPTED_FACTOR),
            ),
            Judge(
                "memory of an idle encrypted connection", side(Run("ours-tls", IDLE, "idle"), CONNECTION, " kB"),
                at_most(20, unit=" kB"),
                shown=(side(Run("nats-tls", IDLE, "idle"), CONNECTION, " kB"),),
            ),
        ),
        (ENCRYPTED, ENCRYPTED_NATS, Run("ours-tls", IDLE, "idle"), Run("nats-tls", IDLE, "idle")),
    ),
}  # fmt: skip


def measures(scale: Scale) -> Mapping[str, Measure]:
    return {
        "starts": functools.partial(
            starts.starts, tries=scale.tries, activities=scale.activities, accounts=scale.accounts
        ),
        "registrations": functools.partial(linked.registrations, seconds=scale.seconds),
        "hops": functools.partial(linked.hops, seconds=scale.seconds),
    }


def titles(measured: str) -> str:
    """Whose it is what was measured, as what is left out is called."""
    peer = measured.partition(" ")[0]
    return PEERS[peer].title if peer in PEERS else measured


def judged(names: list[str], results: Results) -> dict[str, list[Line]]:
    return {name: [judge.judge(results, titles) for judge in ROWS[name].judges] for name in names}


async def main(rows: list[str] | None = None, scale: Scale | None = None) -> tuple[dict[str, list[Line]], Results]:
    """Measure those rows, all if there are none, and print what came of it; the lines of each row, and all figures."""
    names, scale = list(rows or ROWS), scale or Scale()
    chosen = measures(scale)
    wanted = {what: chosen[what] for name in names for what in ROWS[name].measures}
    report.begin()
    results = await measure_rounds(
        [run for name in names for run in ROWS[name].runs], loads(scale), wanted, scale.rounds
    )
    lines = judged(names, results)
    print(report.table({ROWS[name].about: found for name, found in lines.items()}), flush=True)
    print(report.figures_table(results), flush=True)
    return lines, results


def asked(given: list[str]) -> argparse.Namespace:
    """What somebody asks for on the command line, and what that takes of the process. Ends it where it is wrong."""
    parser = RowParser("tests.benchmarks.brokers", __doc__, ROWS, Scale())
    parser.add_argument("--json", type=Path, metavar="FILE", help="where to write everything that was measured")
    parser.add_argument("--picture", type=Path, metavar="FILE", help="where to draw it, as SVG")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="where to write the table for a document")
    parser.add_argument("--nats", metavar="PATH", help="the nats-server to start")
    arguments = parser.read(given)
    for file in (arguments.json, arguments.picture, arguments.markdown):
        # Before it has taken minutes.
        if file is not None and not os.access(file if file.exists() else file.parent, os.W_OK):
            parser.error(f"{file} cannot be written")
    # Thousands of connections, and each server inherits it.
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    if arguments.nats is not None:
        os.environ[NATS_VARIABLE] = arguments.nats
    return arguments


def written(arguments: argparse.Namespace, lines: Mapping[str, Sequence[Line]], results: Results) -> None:
    """Write what was measured where somebody wants it."""
    if arguments.json is not None:
        arguments.json.write_text(report.as_json(lines, results, arguments.scale))
    if arguments.picture is not None:
        arguments.picture.write_text(picture.drawn(lines, results))
    if arguments.markdown is not None:
        arguments.markdown.write_text(report.markdown(lines))


def command(given: list[str]) -> None:
    arguments = asked(given)
    lines, results = asyncio.run(main(arguments.rows, arguments.scale))
    written(arguments, lines, results)


if __name__ == "__main__":
    command(sys.argv[1:])
