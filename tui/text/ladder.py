"""A ladder diagram in text: what went on between servers, from top to bottom, with the time of each step.

Each server is a rail. A step is an arrow from one to another, a break between two, or a mark on one; what it was stands
to the right. Read as the diagrams of protocols are (ITU-T Z.120, message sequence charts).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final, NamedTuple

from rich.cells import cell_len

from core.stories import ServerName, StoryLine, line_text, span
from tui.text.fitting import fit
from tui.text.safe_text import neutralise, neutralise_name

RAILS_MAX: Final = 6
"""Servers that get a rail; what goes on at others is told without one."""
STEPS_MAX: Final = 60
RAIL: Final = "\N{BOX DRAWINGS LIGHT VERTICAL}"
_LINE: Final = "\N{BOX DRAWINGS LIGHT HORIZONTAL}"
_LINK: Final = "\N{BOX DRAWINGS DOUBLE HORIZONTAL}"
_OVER: Final = "\N{BOX DRAWINGS LIGHT VERTICAL AND HORIZONTAL}"
_LINK_OVER: Final = "\N{BOX DRAWINGS VERTICAL SINGLE AND HORIZONTAL DOUBLE}"
TIME_WIDTH: Final = 9
WORDS_WIDTH_MIN: Final = 24
GAP_MIN: Final = 7
GAP_MAX: Final = 14


class LadderStep(NamedTuple):
    """One row: between which rails, how it is drawn, and what it was."""

    at: int
    """Monotonic time of its witness, in microseconds."""
    ends: tuple[str, ...]
    """Ids of servers: one, or two in the direction of the arrow."""
    drawn: str
    """`arrow`, `link`, `break` or `mark`."""
    words: str


def ladder(lines: Sequence[StoryLine], width: int) -> list[str]:
    """The diagram of some lines, at most so many columns wide; empty where there are fewer than two servers."""
    rails = _rails(lines)
    if len(rails) < 2 or width < TIME_WIDTH + GAP_MIN + WORDS_WIDTH_MIN:
        return []
    room = width - TIME_WIDTH - WORDS_WIDTH_MIN
    count = min(len(rails), RAILS_MAX, 1 + room // GAP_MIN)
    shown = list(rails.values())[:count]
    gap = max(GAP_MIN, min(GAP_MAX, room // max(1, count)))
    at = {party.id: place * gap for place, party in enumerate(shown)}
    steps = [step for line in lines for step in _steps(line)]
    begin = steps[0].at if steps else 0
    drawn = [_heading(shown, gap)]
    for step in steps[:STEPS_MAX]:
        when = f"+{span(max(0, step.at - begin) / 1_000_000)}" if step.at > begin else "+0"
        rows = _rails_with(step, at, (count - 1) * gap + 1)
        left = f"{fit(when, TIME_WIDTH - 1):<{TIME_WIDTH - 1}} {rows}  "
        drawn.append(left + fit(neutralise(step.words, 400), width - cell_len(left)))
    if len(steps) > STEPS_MAX:
        drawn.append(f"{len(steps) - STEPS_MAX} more steps")
    return [row.rstrip() for row in drawn]


def _rails(lines: Iterable[StoryLine]) -> dict[str, ServerName]:
    """Those who take part, in the order in which they do; the witness first."""
    found: dict[str, ServerName] = {}
    for line in lines:
        named = (line.witness, line.about, line.other, *line.servers)
        links = (end for link in (*line.taken, *line.gone) for end in (link.a, link.b))
        for party in (*named, *links):
            if party is not None and party.id:
                found.setdefault(party.id, party)
    return found


def _steps(line: StoryLine) -> Iterator[LadderStep]:
    about, other, witness = line.about, line.other, line.witness
    words = line_text(line)
    match line.kind:
        case "asked" | "vote" | "caught up" if about is not None and about.id != witness.id:
            yield LadderStep(line.tick, (about.id, witness.id), "arrow", words)
        case "linked" | "answers" if about is not None:
            yield LadderStep(line.tick, (witness.id, about.id), "link", words)
        case "link lost" | "link cut" | "unlinked" if about is not None:
            yield LadderStep(line.tick, (witness.id, about.id), "break", words)
        case "moved" | "redirected" | "leaving" if about is not None and other is not None:
            yield LadderStep(line.tick, (about.id, other.id), "arrow", words)
        case "tree broke" | "tree grew":
            for link in line.gone:
                kept = " goes beside the tree" if link.spare else " is gone from the tree"
                yield LadderStep(line.tick, link.ends, "break", f"{link.a.name}\N{EN DASH}{link.b.name}{kept}")
            for link in line.taken:
                kind = "spare link " if link.spare else "link "
                yield LadderStep(
                    line.tick, link.ends, "link", f"{kind}{link.a.name}\N{EN DASH}{link.b.name} is in the tree"
                )
        case _ if line.servers:
            yield LadderStep(line.tick, tuple(one.id for one in line.servers), "mark", words)
        case _:
            yield LadderStep(line.tick, ((about or witness).id,), "mark", words)


def _heading(shown: Sequence[ServerName], gap: int) -> str:
    names = "".join(f"{fit(neutralise_name(party.name), gap - 1):<{gap}}" for party in shown)
    return " " * TIME_WIDTH + names


def _rails_with(step: LadderStep, at: dict[str, int], width: int) -> str:
    cells = [" "] * width
    for place in at.values():
        cells[place] = RAIL
    ends = [at[one] for one in step.ends if one in at]
    if step.drawn == "mark" or len(ends) < 2:
        for place in ends:
            cells[place] = "\N{BLACK CIRCLE}"
        return "".join(cells)
    begin, end = ends[0], ends[1]
    low, high = min(begin, end), max(begin, end)
    for place in range(low + 1, high):
        crossed = cells[place] == RAIL
        cells[place] = (_LINK_OVER if crossed else _LINK) if step.drawn == "link" else _OVER if crossed else _LINE
    if step.drawn == "arrow":
        tip = "\N{BLACK RIGHT-POINTING TRIANGLE}" if end > begin else "\N{BLACK LEFT-POINTING TRIANGLE}"
        cells[end - 1 if end > begin else end + 1] = tip
    elif step.drawn == "break":
        cells[(low + high) // 2] = "\N{MULTIPLICATION SIGN}"
    return "".join(cells)
