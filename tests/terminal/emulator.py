"""As much of a terminal as a test needs that asks what is seen, cell by cell. It knows nothing of what writes to it."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

from rich.cells import cell_len

_PARTS = re.compile(
    r"\x1b\[(?P<numbers>[0-9;:?><$]*)(?P<final>[A-Za-z])|\x1b\]8;[^;]*;(?P<link>[^\x07\x1b]*)(?:\x07|\x1b\\)"
    r"|\x1b\](?P<other>[^\x07\x1b]*)(?:\x07|\x1b\\)|\x1b(?P<escape>[M78])|(?P<line>\n)|(?P<return>\r)|(?P<bell>\x07)"
    r"|\x1b\((?P<letters>[0B])|(?P<shift>[\x0e\x0f])"
    r"|(?P<cluster>[^\x00-\x1f\x7f](?:\u200d[^\x00-\x1f\x7f]|[\u0300-\u036f\ufe0f\u3099\u309a])*)",
    re.DOTALL,
)
_COLOURS = re.compile(r"([34])8;(5;\d+|2;\d+;\d+;\d+)|(\d+)")
_SEEN_ON_BLANKS = {"4", "7", "9"}


class Seen(NamedTuple):
    """What a cell shows."""

    text: str = " "
    back: str = ""
    front: str = ""
    attributes: frozenset[str] = frozenset()
    link: str = ""

    @property
    def visible(self) -> Seen:
        """Without what nobody sees: the colour of a blank."""
        if self.text.strip(" ") or self.link or self.attributes & _SEEN_ON_BLANKS:
            return self
        return Seen(self.text, self.back)


class Emulator:
    """A terminal without line wrap, as the application has it."""

    def __init__(self, width: int, height: int, width_of: Callable[[str], int] = cell_len) -> None:
        self.width, self.height = width, height
        self._width_of = width_of
        self._cells = [[Seen()] * width for _ in range(height)]
        self.region = (0, height - 1)
        """Its first and its last row."""
        self._pen = Seen()
        self._modes: set[str] = set()
        self._drawing = False
        """Whether letters are drawings: the set that DEC calls special graphics."""
        self._written_last = (-1, -1)
        """Where the last character ends."""
        self.row = self.column = 0

    @property
    def seen(self) -> list[list[Seen]]:
        return [[cell.visible for cell in row] for row in self._cells]

    @property
    def text(self) -> list[str]:
        return ["".join(cell.text for cell in row) for row in self._cells]

    @property
    def pen(self) -> Seen:
        """What would be written next."""
        return self._pen

    @property
    def synchronised(self) -> bool:
        """Whether it waits for the end of a frame."""
        return "?2026" in self._modes

    def feed(self, output: str) -> None:
        end = 0
        for part in _PARTS.finditer(output):
            assert part.start() == end, f"{output[end : part.start()]!r} is understood by no terminal"
            end = part.end()
            if part["cluster"]:
                self._write(part["cluster"])
            elif part["line"]:
                self._line_feed()
            elif part["return"]:
                self.column = 0
            elif part["escape"] == "M":
                self._reverse_line_feed()
            elif part["link"] is not None:
                self._pen = self._pen._replace(link=part["link"])
            elif part["letters"]:
                self._drawing = part["letters"] == "0"
            elif part["final"]:
                self._control(part["numbers"], part["final"])
        assert end == len(output), f"{output[end:]!r} is understood by no terminal"

    def _control(self, numbers: str, final: str) -> None:
        given = [int(number) if number.isdigit() else 0 for number in numbers.split(";")]
        first = given[0] or 1
        second = (given[1] or 1) if len(given) > 1 else 1
        match final:
            case "H":
                top, bottom = self.region if "?6" in self._modes else (0, self.height - 1)
                self.row, self.column = min(top + first - 1, bottom), min(second, self.width) - 1
            case "C":
                self.column = min(self.column + first, self.width - 1)
            case "G":
                self.column = min(first, self.width) - 1
            case "r":
                self.region = (first - 1, (given[1] or self.height) - 1 if len(given) > 1 else self.height - 1)
                self.row = self.column = 0
            case "m":
                self._style(numbers)
            case "h":
                self._modes |= set(self._named(numbers))
            case "l":
                self._modes -= set(self._named(numbers))
            case "J":
                assert given[0] == 2, numbers
                self._cells = [[Seen(back=self._pen.back)] * self.width for _ in range(self.height)]
            case _:
                assert final in "uptq", final

    @staticmethod
    def _named(numbers: str) -> list[str]:
        """Modes, each with what tells DEC's own apart."""
        kind = "?" if numbers.startswith("?") else ""
        return [kind + number for number in numbers.lstrip("?").split(";")]

    def _style(self, numbers: str) -> None:
        for kind, colour, number in _COLOURS.findall(numbers) or [("", "", "0")]:
            pen = self._pen
            if kind == "3":
                pen = pen._replace(front=colour)
            elif kind == "4":
                pen = pen._replace(back=colour)
            elif number == "0":
                pen = Seen(link=pen.link)
            elif re.fullmatch("3[0-7]|9[0-7]", number):
                pen = pen._replace(front=number)
            elif re.fullmatch("4[0-7]|10[0-7]", number):
                pen = pen._replace(back=number)
            elif number == "39":
                pen = pen._replace(front="")
            elif number == "49":
                pen = pen._replace(back="")
            else:
                pen = pen._replace(attributes=pen.attributes | {number})
            self._pen = pen

    def _write(self, cluster: str) -> None:
        cells = self._cells[self.row]
        width = self._width_of(cluster)
        if width == 0:
            # The cursor stays in the last column: what was written there is what a mark belongs to.
            place = self.column if self._written_last == (self.row, self.column) else self.column - 1
            while place > 0 and not cells[place].text:
                place -= 1
            if place >= 0:
                cells[place] = cells[place]._replace(text=cells[place].text + cluster)
            return
        if self.column + width > self.width:
            return
        if self._drawing and cluster.isalpha():
            cluster = "\N{WHITE DIAMOND}"
        if "4" in self._modes:
            cells[self.column :] = [*([Seen()] * width), *cells[self.column : self.width - width]]
        for column in range(self.column, self.column + width):
            self._cut(column)
        cells[self.column] = self._pen._replace(text=cluster)
        for column in range(self.column + 1, self.column + width):
            cells[column] = self._pen._replace(text="")
        self._written_last = (self.row, self.column + width - 1)
        self.column = min(self.column + width, self.width - 1)

    def _cut(self, column: int) -> None:
        """A wide character of which one half goes is a blank in the other."""
        cells = self._cells[self.row]
        start = column
        while start and not cells[start].text:
            start -= 1
        end = column + 1
        while end < self.width and not cells[end].text:
            end += 1
        if end - start > 1:
            for each in range(start, end):
                cells[each] = cells[each]._replace(text=" ")

    def _line_feed(self) -> None:
        top, bottom = self.region
        if self.row == bottom:
            del self._cells[top]
            self._cells.insert(bottom, [Seen(back=self._pen.back)] * self.width)
        elif self.row < self.height - 1:
            self.row += 1

    def _reverse_line_feed(self) -> None:
        top, bottom = self.region
        if self.row == top:
            del self._cells[bottom]
            self._cells.insert(top, [Seen(back=self._pen.back)] * self.width)
        elif self.row:
            self.row -= 1
