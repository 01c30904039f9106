"""The table as a picture, SVG: how fast each server is, and how far each figure is from its bar."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final
from xml.sax.saxutils import escape

from tests.benchmarks import report
from tests.benchmarks.bars import MET, NOT_MET, WISHED, Line, Spread, amount
from tests.benchmarks.trials import Results

WIDTH: Final = 1240
LEFT: Final = 470
"""Where the scale begins; what is drawn has its name before it."""
SCALE: Final = 380
LINE, HEADING, MARGIN = 24, 34, 24
RANGE: Final = 8.0
"""Figures that are so many times better or worse than their bar are at the edge."""
COLOURS: Final = {MET: "#2e7d32", WISHED: "#00695c", NOT_MET: "#c62828"}
INK, PALE, GRID, OURS, OTHERS = "#222222", "#777777", "#dddddd", "#1565c0", "#b0bec5"
FULL: Final = " 256 in flight"


@dataclass
class Canvas:
    """Grows downwards."""

    y: float = MARGIN
    parts: list[str] = field(default_factory=list)

    def text(
        self, x: float, words: str, *, colour: str = INK, size: int = 13, anchor: str = "start", bold: bool = False
    ) -> None:
        weight = ' font-weight="bold"' if bold else ""
        self.parts.append(
            f'<text x="{x:.1f}" y="{self.y + LINE * 0.68:.1f}" font-size="{size}" fill="{colour}"'
            f' text-anchor="{anchor}"{weight}>{escape(words)}</text>'
        )

    def box(self, x: float, width: float, colour: str, *, height: float = 12, middle: float = LINE / 2) -> None:
        self.parts.append(
            f'<rect x="{x:.1f}" y="{self.y + middle - height / 2:.1f}" width="{max(width, 1):.1f}"'
            f' height="{height:.1f}" fill="{colour}"/>'
        )

    def dot(self, x: float, colour: str) -> None:
        self.parts.append(f'<circle cx="{x:.1f}" cy="{self.y + LINE / 2:.1f}" r="5" fill="{colour}"/>')

    def rule(self, x: float, top: float, colour: str, width: float = 1) -> None:
        self.parts.append(
            f'<line x1="{x:.1f}" y1="{top:.1f}" x2="{x:.1f}" y2="{self.y:.1f}" stroke="{colour}"'
            f' stroke-width="{width}"/>'
        )

    def heading(self, words: str, size: int = 14) -> None:
        self.y += HEADING - LINE
        self.text(MARGIN, words, size=size, bold=True)
        self.y += LINE

    def finished(self) -> str:
        height = self.y + MARGIN
        begins = (
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height:.0f}"'
            f' viewBox="0 0 {WIDTH} {height:.0f}" font-family="DejaVu Sans, Helvetica, Arial, sans-serif">'
        )
        paper = f'<rect width="{WIDTH}" height="{height:.0f}" fill="#ffffff"/>'
        return "\n".join([begins, paper, *self.parts, "</svg>\n"])


def place(score: float) -> float:
    """Where a score is on the scale: 1, the bar itself, is in its middle."""
    part = math.log(min(max(score, 1 / RANGE), RANGE)) / math.log(RANGE)
    return LEFT + SCALE * (part + 1) / 2


def drawn(lines: Mapping[str, Sequence[Line]], results: Results) -> str:
    """SVG."""
    canvas = Canvas()
    _speeds(canvas, results)
    _bars(canvas, lines)
    return canvas.finished()


def _speeds(canvas: Canvas, results: Results) -> None:
    found = {
        report.named(what).removesuffix(f":{FULL}"): Spread(tuple(float(one["deliveries"]) for one in rounds if one))
        for what, rounds in results.rounds.items()
        if what.endswith(FULL) and any(rounds)
    }
    if not found:
        return
    canvas.heading("Deliveries a second, 256 messages in flight", 16)
    most = max(max(spread.values) for spread in found.values())
    for title, spread in sorted(found.items(), key=lambda one: -one[1].median):
        canvas.text(LEFT - 12, title, anchor="end", bold=title.startswith("ours"))
        canvas.box(LEFT, SCALE * spread.median / most, OURS if title.startswith("ours") else OTHERS, height=14)
        low, high = (SCALE * figure / most for figure in (min(spread.values), max(spread.values)))
        canvas.box(LEFT + low, high - low, INK, height=2)
        canvas.text(LEFT + SCALE + 14, spread.told(""))
        canvas.y += LINE
    canvas.y += LINE / 2


def _bars(canvas: Canvas, lines: Mapping[str, Sequence[Line]]) -> None:
    canvas.heading("Against the bars: right of the line they are met", 16)
    top = canvas.y + 4
    for score in (1 / 8, 1 / 4, 1 / 2, 1, 2, 4, 8):
        canvas.text(place(score), "bar" if score == 1 else f"{score:g} ×", anchor="middle", colour=PALE, size=11)
    canvas.y += LINE
    below: list[str] = []
    canvas.parts, before = below, canvas.parts
    for row, found in lines.items():
        canvas.heading(row)
        for line in found:
            if line.bar is not None:
                _bar(canvas, line)
                canvas.y += LINE
    # The grid is behind.
    canvas.parts = before
    for score in (1 / 8, 1 / 4, 1 / 2, 2, 4, 8):
        canvas.rule(place(score), top + LINE, GRID)
    canvas.rule(place(1), top + LINE, INK, 1.5)
    canvas.parts += below


def _bar(canvas: Canvas, line: Line) -> None:
    assert line.bar is not None
    canvas.text(LEFT - 12, line.what, anchor="end")
    if line.spread is None:
        canvas.text(LEFT + SCALE + 14, f"{line.verdict}: {line.why}"[:60], colour=PALE)
        return
    colour = COLOURS[line.verdict]
    scores = [line.bar.score(value) for value in line.spread.values]
    low, high = place(min(scores)), place(max(scores))
    middle = place(line.bar.score(line.spread.median))
    canvas.box(min(place(1), middle), abs(middle - place(1)), colour + "55", height=12)
    canvas.box(low, high - low, colour, height=3)
    canvas.dot(middle, colour)
    if line.bar.wish is not None:
        canvas.box(place(line.bar.score(line.bar.wish)) - 1, 2, PALE, height=16)
    told = f"{amount(line.spread.median)}{line.bar.unit}"
    canvas.text(LEFT + SCALE + 14, told, colour=colour, bold=True)
    canvas.text(LEFT + SCALE + 110, str(line.bar), colour=PALE, size=11)
