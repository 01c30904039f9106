"""`python -m core.simulation`: sweep, replay, table."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import msgspec

from core.simulation.experiments.figure_table import print_table, rows
from core.simulation.plans.plan import Plan
from core.simulation.runs.revision import revision
from core.simulation.runs.runner import Report, run
from core.simulation.runs.shrink import numbers_of, ranges_of, shrink
from core.simulation.runs.sweep import MIXES, SeedOutcome, Summary, sweep
from core.simulation.world.world import World

PROGRESS_SECONDS: Final = 10.0
SHOWN_MAX: Final = 10
OF_COMMIT: Final = "commit"
"""In place of a first seed: the one that follows from the commit."""


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit status: 0 if everything held, 1 if something did not, 2 for wrong usage."""
    parser = _parser()
    options = parser.parse_args(arguments)
    for name in ("seeds", "jobs", "nodes"):
        number = getattr(options, name, None)
        if number is not None and number < 1:
            print(f"--{name} must be at least 1", file=sys.stderr)
            return 2
    match options.command:
        case "sweep":
            return _sweep(options)
        case "replay":
            return _replay(options)
        case "table":
            return _table(options)
        case _:
            parser.print_help()
            return 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m core.simulation",
        description="Simulated worlds of servers, people and faults: each history follows from its seed, and everything"
        " that the network guarantees is checked in it.",
    )
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    many = commands.add_parser("sweep", help="run the histories of many seeds")
    many.add_argument("--seeds", type=int, default=1000, help="how many (default 1000)")
    many.add_argument(
        "--first",
        type=_first,
        default=0,
        metavar="SEED",
        help=f"the first seed (default 0); {OF_COMMIT!r}: one that follows from what is checked out, so another at each"
        " commit",
    )
    many.add_argument("--jobs", type=int, default=2, help="processes (default 2)")
    many.add_argument("--nodes", type=int, metavar="N", help="worlds of so many servers (default: 1 to 9)")
    many.add_argument("--mix", choices=tuple(MIXES), default="standard", help="what worlds (default standard)")
    many.add_argument("--no-shrink", action="store_true", help="do not look for the shortest failing history")
    once = commands.add_parser("replay", help="run one history again, and print what happens in it")
    source = once.add_mutually_exclusive_group(required=True)
    source.add_argument("--seed", type=int, help="the history of this seed")
    source.add_argument("--plan", type=Path, help="a plan written by --save")
    once.add_argument("--nodes", type=int, metavar="N", help="the same seed's history in a world of so many servers")
    once.add_argument("--mix", choices=tuple(MIXES), default="standard", help="whose seed it is (default standard)")
    once.add_argument("--without", default="", metavar="NUMBERS", help="operations to leave out, such as 0-3,7")
    once.add_argument("--quiet", action="store_true", help="only the outcome")
    once.add_argument("--debug", action="store_true", help="also what goes on inside the servers, as key=value")
    once.add_argument("--save", type=Path, metavar="FILE", help="write the plan as JSON")
    once.add_argument("--shrink", action="store_true", help="find the shortest history that still fails")
    measured = commands.add_parser("table", help="measure what the network is judged by, and print it beside its bars")
    measured.add_argument("--quick", action="store_true", help="no networks of 1,000 servers, and few seeds")
    measured.add_argument("--row", action="append", metavar="NAME", help="only this line; may be repeated")
    measured.add_argument("--seeds", type=int, metavar="N", help="so many worlds for each line")
    measured.add_argument("--jobs", type=int, default=2, help="processes (default 2)")
    return parser


def _first(text: str) -> int | None:
    """A seed; None for the commit's."""
    if text == OF_COMMIT:
        return None
    try:
        return int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is neither a number nor {OF_COMMIT!r}") from None


# --- sweep ------------------------------------------------------------------------------------------------------------


def _sweep(options: argparse.Namespace) -> int:
    shown = time.perf_counter()
    first = options.first
    if first is None:
        origin = revision()
        first = origin.first_seed
        print(f"seeds {first} to {first + options.seeds - 1}, which follow from {origin.name}; the same again:")
        print(
            f"  python -m core.simulation sweep --first {first} --seeds {options.seeds}{_worlds(options)}",
            flush=True,
        )

    def progress(summary: Summary, outcome: SeedOutcome) -> None:
        nonlocal shown
        if outcome.problems and len(summary.failures) <= SHOWN_MAX:
            _print_failure(outcome, _source(options, outcome.seed))
        if time.perf_counter() - shown >= PROGRESS_SECONDS:
            shown = time.perf_counter()
            print(
                f"{summary.seeds} of {options.seeds} seeds, {len(summary.failures)} failed,"
                f" {summary.seeds / summary.real_seconds:.1f} a second",
                file=sys.stderr,
                flush=True,
            )

    summary = sweep(range(first, first + options.seeds), options.jobs, progress, options.nodes, options.mix)
    _print_summary(summary)
    if not summary.failures:
        return 0
    if not options.no_shrink:
        failure = summary.failures[0]
        plan = MIXES[options.mix](failure.seed, options.nodes)
        _shrink(plan, _source(options, failure.seed), {problem.guarantee for problem in failure.problems})
    return 1


def _worlds(options: argparse.Namespace) -> str:
    """How a command line names the worlds of its seeds."""
    mix = "" if options.mix == "standard" else f" --mix {options.mix}"
    return mix if options.nodes is None else f"{mix} --nodes {options.nodes}"


def _source(options: argparse.Namespace, seed: int) -> str:
    """How a command line names the history of a seed."""
    return f"--seed {seed}{_worlds(options)}"


def _print_failure(outcome: SeedOutcome, source: str) -> None:
    print(f"seed {outcome.seed} FAILED:")
    for problem in outcome.problems[:5]:
        print(f"  at {problem.at:.3f} s, {problem.guarantee}: {problem.text}")
    if len(outcome.problems) > 5:
        print(f"  and {len(outcome.problems) - 5} more")
    print(f"  replay: python -m core.simulation replay {source}", flush=True)


def _print_summary(summary: Summary) -> None:
    print(
        f"{summary.seeds} histories, {summary.seconds:,.0f} simulated seconds, {summary.events:,} events,"
        f" {summary.faults:,} operations; {summary.real_seconds:.1f} s,"
        f" {summary.seeds / max(summary.real_seconds, 1e-9):.1f} histories a second"
    )
    kinds = sorted(summary.messages.items(), key=lambda item: (-item[1], item[0]))
    print("messages: " + ", ".join(f"{kind} {number:,}" for kind, number in kinds))
    print("largest queues: " + ", ".join(f"{name} {size}" for name, size in sorted(summary.largest.items())))
    for kind, number in sorted(summary.lies.items()):
        histories, failed = summary.lied[kind]
        print(f"lie: {kind}, told {number:,} times in {histories:,} histories, of which {failed:,} failed")
    if summary.worst_seed is not None:
        print(f"worst convergence after faults: {summary.worst_convergence:.2f} s (seed {summary.worst_seed})")
    if summary.failures:
        seeds = ", ".join(str(failure.seed) for failure in summary.failures[:50])
        print(f"{len(summary.failures)} FAILED: {seeds}")
    else:
        print("all guarantees held")


# --- replay -----------------------------------------------------------------------------------------------------------


def _replay(options: argparse.Namespace) -> int:
    if options.plan is not None:
        try:
            plan = msgspec.json.decode(options.plan.read_bytes(), type=Plan)
        except (OSError, msgspec.DecodeError) as error:
            print(f"{options.plan} is not a plan that can be read: {error}", file=sys.stderr)
            return 2
    else:
        plan = MIXES[options.mix](options.seed, options.nodes)
    source = f"--plan {options.plan}" if options.plan is not None else _source(options, options.seed)
    try:
        plan = plan.without(numbers_of(options.without))
    except ValueError:
        print(f"--without {options.without!r} is not a list of numbers such as 0-3,7", file=sys.stderr)
        return 2
    if options.save is not None:
        options.save.write_bytes(msgspec.json.format(msgspec.json.encode(plan), indent=1) + b"\n")
    if not options.quiet:
        _print_plan(plan)
    report = run(plan, verbose=not options.quiet, watch=_progress(plan), debug=options.debug)
    _print_report(report)
    if report.failed and options.shrink:
        _shrink(plan, source, {problem.guarantee for problem in report.problems}, numbers_of(options.without))
    return 1 if report.failed else 0


def _progress(plan: Plan) -> Callable[[World], None]:
    """Says now and then how far a history is that takes longer than somebody waits without a word."""
    begun = shown = time.perf_counter()

    def show(world: World) -> None:
        nonlocal shown
        now = time.perf_counter()
        if now - shown >= PROGRESS_SECONDS:
            shown = now
            at = world.schedule.time
            if at < plan.duration:
                where = f"{at:.0f} of {plan.duration:.0f} simulated seconds"
            else:
                where = f"all is repaired since {at - plan.duration:.0f} of at most {plan.bound:.0f} simulated seconds"
            print(
                f"{where}, {world.schedule.events:,} events, {now - begun:.0f} s",
                file=sys.stderr,
                flush=True,
            )

    return show


def _print_plan(plan: Plan) -> None:
    print(
        f"seed {plan.seed}: {plan.servers} servers grow as {plan.shape}, {len(plan.people)} people,"
        f" one way takes {1000 * plan.latency[0]:.1f} to {1000 * plan.latency[1]:.1f} ms,"
        f" everything is repaired at {plan.duration:.1f} s"
    )
    for index, operation in enumerate(plan.operations):
        print(f"{index:4} {operation}")


def _print_report(report: Report) -> None:
    print(
        f"{report.events} events in {report.seconds:.1f} simulated and {report.real_seconds:.2f} real seconds;"
        f" fingerprint {report.fingerprint}"
    )
    kinds = sorted(report.messages.items(), key=lambda item: (-item[1], item[0]))
    print("messages: " + ", ".join(f"{kind} {number}" for kind, number in kinds))
    if report.lies:
        print("lies: " + ", ".join(f"{kind} {number}" for kind, number in sorted(report.lies.items())))
    if report.convergence is not None:
        print(f"one network, complete and agreed, {report.convergence:.2f} s after the last fault")
    for problem in report.problems:
        print(f"FAILED at {problem.at:.3f} s, {problem.guarantee}: {problem.text}")
    if not report.problems:
        print("all guarantees held")


def _shrink(plan: Plan, source: str, guarantees: set[str], before: frozenset[int] = frozenset()) -> None:
    """Print the shortest history found in which one of the same guarantees is broken, and the command that replays it.

    `source` is how a command line names the whole plan, of which `before` has been left out already.
    """

    def fails(shorter: Plan) -> bool:
        try:
            return any(problem.guarantee in guarantees for problem in run(shorter).problems)
        except Exception:
            return "no exceptions" in guarantees

    print("looking for the shortest history that still fails …", file=sys.stderr, flush=True)
    left_out = shrink(plan, fails)
    short = plan.without(left_out)
    print(f"{len(short.operations)} of {len(plan.operations)} operations are enough:")
    for index, operation in enumerate(plan.operations):
        if index not in left_out:
            print(f"{index:4} {operation}")
    for problem in run(short).problems[:3]:
        print(f"  at {problem.at:.3f} s, {problem.guarantee}: {problem.text}")
    kept = [number for number in range(len(plan.operations) + len(before)) if number not in before]
    numbers = before | {kept[index] for index in left_out}
    without = f" --without {ranges_of(numbers)}" if numbers else ""
    print(f"replay: python -m core.simulation replay {source}{without}")


# --- table ------------------------------------------------------------------------------------------------------------


def _table(options: argparse.Namespace) -> int:
    found = rows(quick=options.quick, seeds=options.seeds, jobs=options.jobs)
    if options.row:
        names = [row.name for row in found]
        unknown = [name for name in options.row if name not in names]
        if unknown:
            print(f"there is no line {unknown[0]!r}; there are {', '.join(names)}", file=sys.stderr)
            return 2
        found = [row for row in found if row.name in options.row]
    return 0 if print_table(found, max(1, options.jobs)) else 1
