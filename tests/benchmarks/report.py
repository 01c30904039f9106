"""What the benchmark says: a table with a verdict a line, one with all figures, and JSON of it."""

from __future__ import annotations

import json
import math
import os
import platform
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from tests.benchmarks.bars import FAILED, LEFT_OUT, Line, Spread, amount
from tests.benchmarks.compiled import NotHere
from tests.benchmarks.peers import PEERS, Peer
from tests.benchmarks.trials import Figures, Results, is_bottleneck
from tui.version import __version__

GAP: Final = "  "


def disk_kind(directory: Path) -> str:
    """Which file system a directory is on (proc(5), `mounts`)."""
    found, longest = "unknown", 0
    try:
        mounts = Path("/proc/mounts").read_text().splitlines()
    except OSError:
        return found
    for line in mounts:
        _, where, kind, *_ = line.split()
        if directory.is_relative_to(where) and len(where) > longest:
            found, longest = kind, len(where)
    return found


def machine() -> dict[str, Any]:
    """What the figures depend on beside what is measured."""
    return {
        "version": __version__,
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "processors": len(os.sched_getaffinity(0)),
        "disk": disk_kind(Path(tempfile.gettempdir())),
        "load": os.getloadavg()[0],
    }


def begin() -> None:
    """Say where it is measured, and what would make it worthless."""
    about = machine()
    print(
        f"{time.strftime('%Y-%m-%d %H:%M')}, activity-tui {about['version']}, Python {about['python']},"
        f" {about['system']}, {about['processors']} processors, data on {about['disk']}, load of the machine"
        f" {about['load']:.1f}",
        flush=True,
    )
    if about["load"] > about["processors"] / 2:
        print("the machine has much else to do: these figures are for a look only")
    if about["disk"] in ("tmpfs", "ramfs"):
        print("the data is on a disk in memory, where a sync costs nothing: set TMPDIR to a real one", file=sys.stderr)


# --- tables -----------------------------------------------------------------------------------------------------------


def aligned(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Columns, the last one ragged."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        yield GAP.join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()


def compared(line: Line) -> str:
    if line.spread is None:
        return line.said or "–"
    return line.spread.told(line.bar.unit if line.bar is not None else line.unit)


def table(lines: Mapping[str, Sequence[Line]]) -> str:
    """Each bar with its figure (the median of the rounds, in brackets the lowest and highest) and its verdict."""
    rows = [
        (line.what, compared(line), str(line.bar or ""), line.verdict) for found in lines.values() for line in found
    ]
    made = aligned([("", "measured", "bar", "verdict"), *rows])
    text = [next(made)]
    for about, found in lines.items():
        text.append(about)
        for line in found:
            text.append(f"{GAP}{next(made)}")
            text += [f"{GAP * 3}{beside}" for beside in line.beside]
            if line.verdict in (LEFT_OUT, FAILED):
                text.append(f"{GAP * 3}{line.why}")
    text[0] = GAP + text[0]
    return "\n".join(text)


def markdown(lines: Mapping[str, Sequence[Line]]) -> str:
    """The same for a document."""
    text = ["| row | what | measured | bar | verdict |", "|---|---|---|---|---|"]
    for row, found in lines.items():
        for number, line in enumerate(found):
            first = f"`{row}`" if number == 0 else ""
            measured = "; ".join([compared(line), *line.beside]) if line.spread is not None else line.said or line.why
            text.append(f"| {first} | {line.what} | {measured} | {line.bar or ''} | {line.verdict} |")
    return "\n".join([*text, ""])


def figures_table(results: Results) -> str:
    """What each server did, with what it took meanwhile; and what the load generator had left."""
    head = ("", "deliveries/s", "CPU s/million", "CPUs", "RSS, MB", "PSS, MB", "p50, ms", "p99, ms", "generator")
    rows: list[Sequence[str]] = [head]
    for what, rounds in results.rounds.items():
        found = [one for one in rounds if one is not None and "deliveries" in one]
        if found:
            rows.append((named(what), *_figures(found)))
    text = [] if len(rows) == 1 else ["", *aligned(rows)]
    for what, rounds in results.rounds.items():
        if any(one is not None and is_bottleneck(one) for one in rounds):
            text.append(f"{named(what)}: the load generator was the bottleneck; the server can do more")
        late = [(one["late"], one["ages"][0]["p99"]) for one in rounds if one is not None and "late" in one]
        if late and statistics.median(most for most, _ in late) > statistics.median(p99 for _, p99 in late) / 2:
            text.append(f"{named(what)}: the load generator itself was {max(late)[0]:.1f} ms late at most")
    text += [f"left out: {why}" for why in dict.fromkeys(results.left_out.values())]
    return "\n".join(text)


def named(what: str) -> str:
    """What was measured, for people."""
    peer, _, load = what.partition(" ")
    return f"{PEERS[peer].title}: {load}" if peer in PEERS else what


def _figures(found: Sequence[Figures]) -> Iterator[str]:
    def median(name: str) -> float:
        return statistics.median(float(one[name]) for one in found)

    yield Spread(tuple(float(one["deliveries"]) for one in found)).told("")
    yield f"{median('cpu_per_million'):.3f}"
    yield f"{median('server_cpu') / median('seconds'):.2f}"
    yield f"{median('rss') / 1024:.0f}"
    yield f"{median('pss') / 1024:.0f}"
    for which in ("p50", "p99"):
        yield amount(statistics.median(one["ages"][0][which] for one in found)) if "ages" in found[0] else ""
    yield f"{100 * median('share'):.0f} %" + ("!" if any(map(is_bottleneck, found)) else "")


# --- JSON -------------------------------------------------------------------------------------------------------------


def _version(peer: Peer) -> str:
    try:
        return peer.version()
    except NotHere:
        return ""


def _finite(figure: float) -> float | None:
    """JSON has no infinity: what is infinitely better than something that did nothing is not told."""
    return figure if math.isfinite(figure) else None


def as_json(lines: Mapping[str, Sequence[Line]], results: Results, scale: Any) -> str:
    """Everything: what was measured in each round, too."""
    return json.dumps(
        {
            "machine": machine() | {"time": time.time()},
            "scale": asdict(scale),
            "peers": {peer.title: version for peer in PEERS.values() if (version := _version(peer))},
            "lines": [
                {"row": row, "what": line.what, "verdict": line.verdict, "bar": str(line.bar or ""),
                 "median": None if line.spread is None else _finite(line.spread.median),
                 "rounds": None if line.spread is None else [*map(_finite, line.spread.values)],
                 "said": line.said, "beside": line.beside, "why": line.why}
                for row, found in lines.items() for line in found
            ],
            "rounds": results.rounds,
            "wrong": results.wrong,
            "left_out": results.left_out,
        },
        ensure_ascii=False, indent=1, allow_nan=False,
    )  # fmt: skip
