"""Breaking coloured text into lines of cells."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from rich.cells import cell_len

from core.query import Term, spans_of
from tui.text.fitting import cut
from tui.text.safe_text import ELLIPSIS
from tui.widgets.roles import Piece

_TOKENS = re.compile(r"\n|[^\S\n]+|\S+")


def wrap(pieces: Iterable[Piece], width: int, lines_max: int, indent: int = 0) -> list[list[Piece]]:
    """Safe pieces as at most `lines_max` lines of at most `width` cells; an ellipsis ends what was cut.

    All lines but the first leave `indent` cells of the width free, for the caller to put something before them.
    """
    lines: list[list[Piece]] = [[]]
    room = max(1, width)
    width = max(1, width - indent)
    for text, role in pieces:
        for token in _TOKENS.findall(text):
            if token == "\n":
                lines.append([])
                room = width
                if len(lines) > lines_max:
                    return _shorten(lines[:lines_max], width)
                continue
            length = cell_len(token)
            if length > room and token.isspace():
                lines.append([])
                room = width
                continue
            if length > room and length <= width and room < width:
                lines.append([])
                room = width
            while length > room:
                head, tail = cut(token, room)
                if head:
                    lines[-1].append((head, role))
                elif room == width:
                    # A wide character in a column of one cell: nothing can be shown of it.
                    tail = tail[1:]
                token, length = tail, cell_len(tail)
                lines.append([])
                room = width
                if len(lines) > lines_max:
                    break
            if token:
                lines[-1].append((token, role))
                room -= length
            if len(lines) > lines_max:
                return _shorten(lines[:lines_max], width)
    return lines


def _shorten(lines: list[list[Piece]], width: int) -> list[list[Piece]]:
    last = lines[-1]
    while last and sum(cell_len(text) for text, _ in last) >= width:
        text, role = last.pop()
        if shorter := text[:-1]:
            last.append((shorter, role))
    last.append((ELLIPSIS, "dim"))
    return lines


def highlight(pieces: Iterable[Piece], wanted: Sequence[Term]) -> list[Piece]:
    """The pieces with what is looked for in them set in the role `match`."""
    if not wanted:
        return list(pieces)
    result: list[Piece] = []
    for text, role in pieces:
        position = 0
        for begin, end in spans_of(wanted, text):
            if begin > position:
                result.append((text[position:begin], role))
            result.append((text[begin:end], "match"))
            position = end
        if position < len(text):
            result.append((text[position:], role))
    return result
