"""Rows of a benchmark: each has a name, is measured in a directory of its own, and printed beside its bar."""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from tests.benchmarks.bars import Bar, Line, Spread

_Scale = TypeVar("_Scale")
Rows = Mapping[str, Callable[[_Scale, Path], Awaitable[None]]]


_listening: list[list[Line]] = []


@contextmanager
def recorded() -> Iterator[list[Line]]:
    """What is printed meanwhile, as lines of a table."""
    lines: list[Line] = []
    _listening.append(lines)
    try:
        yield lines
    finally:
        _listening.remove(lines)


def row(what: str, figure: str, bar: str, *, met: bool | None, line: Line | None = None) -> None:
    """Print a row. `met` is None where there is no bar. `line` is the row where its figure is a number."""
    verdict = "" if met is None else ": met" if met else ": MISSED"
    print(f"{what}: {figure}" + (f" (bar {bar})" if bar else "") + verdict, flush=True)
    for lines in _listening:
        lines.append(line or Line(what, said=figure, met=met))


def at_most(what: str, figure: float, bar: float, unit: str, digits: int = 1) -> None:
    line = Line(what, Bar(bar, f" {unit}", at_most=True), Spread((figure,)))
    row(what, f"{figure:,.{digits}f} {unit}", f"{bar:,g} {unit}", met=figure <= bar, line=line)


async def measure_rows(rows: Rows[_Scale], names: Sequence[str] | None, scale: _Scale) -> None:
    """Measure those with these names, all if there are none. What fails is a row that is missed."""
    for name in names or rows:
        with tempfile.TemporaryDirectory() as directory:
            try:
                await rows[name](scale, Path(directory))
            except (TimeoutError, AssertionError, OSError) as error:
                row(name, f"{type(error).__name__} {str(error)[-300:]}".strip(), "", met=False)


class RowParser(argparse.ArgumentParser):
    """Reads which rows somebody wants of a benchmark, and with how much of everything."""

    def __init__(self, module: str, about: str | None, rows: Collection[str], scale: object) -> None:
        """`scale`: a data class with what holds unless somebody says otherwise."""
        super().__init__(prog=f"python -m {module}", description=(about or "").partition("\n")[0])
        names = ", ".join(rows)
        self.add_argument("rows", metavar="ROW", nargs="*", help=f"one of {names} (default: all)")
        for name, most in vars(scale).items():
            option = f"--{name.replace('_', '-')}"
            self.add_argument(option, type=type(most), default=most, help=f"default: {most:,}")
        self._rows, self._scale = rows, scale

    def read(self, given: Sequence[str]) -> argparse.Namespace:
        """What was given; in `scale` how much of everything. Ends the process where a row is none."""
        found = self.parse_args(given)
        if wrong := [name for name in found.rows if name not in self._rows]:
            self.error(f"there is no row {wrong[0]!r}; the rows are {', '.join(self._rows)}")
        found.scale = type(self._scale)(**{name: getattr(found, name) for name in vars(self._scale)})
        return found
