"""What a piece of output writes, cell by cell: two strings as long as it is wide, one of characters, one of styles.

How wide a character is, terminals agree about in most scripts and in drawings. What they differ about (emoji, joined
and combined characters, scripts that are shaped) is kept as clusters: one character of our own for each, of a plane
that nobody else has in a cell.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from functools import lru_cache
from typing import Final, NamedTuple

from rich.cells import cell_len

from tui.terminal import cell_styles
from tui.terminal.cell_styles import CellStyle, blank, character_of

REST: Final = "\x00"
"""The second cell of a wide character, and the further ones of a cluster."""
UNKNOWN: Final = "\x02"
"""A cell of which nobody knows what it shows."""
CLUSTERS_MAX: Final = 4096
"""Kept at a time."""
PIECES_MAX: Final = 1024
"""Pieces of output that are remembered: some frames, of all the screens of a process."""
_FIRST_CLUSTER: Final = 0xF0000
CLUSTER: Final = re.compile(f"[{chr(_FIRST_CLUSTER)}-\U0010ffff]{REST}*")
"""The cells of one."""
_NARROW: Final = (
    "\x20-\x7e\xa1-\xac\xae-\u02ff\u0386\u0388-\u038a\u038c\u038e-\u03a1\u03a3-\u03ff\u0400-\u0482\u048a-\u052f"
    "\u1e00-\u1eff\u2010-\u2015\u2018-\u201e\u2020-\u2027\u2030-\u203b\u203d-\u2048\u20a0-\u20bf\u2190-\u2193"
    "\u21b0-\u21b7\u2200-\u22ff\u2500-\u259f\u25a0-\u25a9\u25ac-\u25b5\u25b7-\u25bf\u25c1-\u25fa\u2713\u2717\u2718"
    "\u2800-\u28ff"
)
_WIDE: Final = (
    "\u3001-\u3003\u3005-\u3011\u3041-\u3096\u30a1-\u30fa\u30fc-\u30fe\u3400-\u4dbf\u4e00-\u9fff"
    "\uac00-\ud7a3\uff01-\uff60"
)
_ALL_NARROW: Final = re.compile(f"[{_NARROW}]*")
_ALL_WIDE: Final = re.compile(f"[{_WIDE}]+")
_RUNS: Final = re.compile(f"[{_NARROW}]+|[{_WIDE}]+|[^{_NARROW}{_WIDE}]+")
JOINER: Final = "\u200d"
_SPACING_MARK: Final = "Mc"
_OF_LETTERS: Final = frozenset(("Lo", "Lm", "Mn", _SPACING_MARK, "Cf"))
_PARTS: Final = re.compile(
    r"\x1b\[([0-9;:]*)m"
    r"|(\x1b\]8;[^;\x07\x1b]*;[^\x07\x1b]*(?:\x07|\x1b\\))"
    # What changes no cell: commands to the system around the terminal, its modes of input, questions, its cursor's
    # form, the title's stack, the keyboard's.
    r"|(\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b\[\?(?:1000|1002|1003|1004|1006|1015|2004|2026|2048|25)[hl]|\x07"
    r"|\x1b\[\?\d+\$p|\x1b\[\d+ q|\x1b\[2[23];\d*t|\x1b\[>\d*u|\x1b\[<u)"
    r"|(\n)"
    r"|([^\x00-\x1f\x7f-\x9f]+)"
)
_clusters: list[str] = []
_cluster_characters: dict[str, str] = {}
_generation = 0
also_forgotten: Final[list[Callable[[], None]]] = []
"""What else goes when cells from before stand for nothing any more."""


class WrittenPiece(NamedTuple):
    """What some output does from where the cursor stands."""

    text: str
    styles: str
    beside: tuple[str, ...]
    """What it has that changes no cell."""


@lru_cache(PIECES_MAX)
def read(output: str) -> WrittenPiece | None:
    """What a piece of output does that begins and ends in no style; None if that is not known."""
    texts: list[str] = []
    styles: list[str] = []
    beside: list[str] = []
    style, end, is_over = CellStyle(), 0, False
    for part in _PARTS.finditer(output):
        if part.start() != end:
            return None
        end = part.end()
        codes, link, other, line, text = part.groups()
        if codes is not None:
            style = style.after(codes)
        elif link is not None:
            style = style._replace(link="" if re.fullmatch(r"\x1b\]8;[^;]*;(?:\x07|\x1b\\)", link) else link)
        elif other is not None:
            beside.append(other)
        elif line is not None:
            is_over = True
        elif is_over:
            # Wherever that is.
            return None
        else:
            cells = _cells(text)
            if cells is None:
                return None
            here = character_of(style)
            on_blanks = blank(here)
            texts.append(cells)
            styles.append(
                here * len(cells)
                if on_blanks == here
                else "".join([on_blanks if cell == " " else here for cell in cells])
            )
    if end != len(output) or style != CellStyle():
        return None
    return WrittenPiece("".join(texts), "".join(styles), tuple(beside))


def _cells(text: str) -> str | None:
    if _ALL_NARROW.fullmatch(text):
        return text
    found: list[str] = []
    for characters in _clusters_of(text):
        if _ALL_NARROW.fullmatch(characters):
            found.append(characters)
        elif _ALL_WIDE.fullmatch(characters):
            found.append(REST.join(characters) + REST)
        elif width := cell_len(characters):
            found.append(_cluster(characters) + REST * (width - 1))
        else:
            return None
    cells = "".join(found)
    # What is joined may be narrower than its parts.
    return cells if len(cells) == cell_len(text) else _cluster(text) + REST * (cell_len(text) - 1)


def _clusters_of(text: str) -> list[str]:
    """Runs of characters of one width, and what stands in one place together, each for itself."""
    found: list[str] = []
    for run in _RUNS.findall(text):
        if _ALL_NARROW.fullmatch(run) or _ALL_WIDE.fullmatch(run):
            found.append(run)
            continue
        joined = ""
        for character in run:
            if joined and (not cell_len(character) or joined.endswith(JOINER) or _is_half_flag(joined, character)):
                joined += character
            elif joined:
                found.append(joined)
                joined = character
            elif found and not cell_len(character):
                # It belongs to the letter before.
                joined = found[-1][-1] + character
                found[-1] = found[-1][:-1]
            else:
                joined = character
        found.append(joined)
    return found


def _is_half_flag(before: str, character: str) -> bool:
    return len(before) == 1 and all("\U0001f1e6" <= each <= "\U0001f1ff" for each in (before, character))


def _cluster(text: str) -> str:
    found = _cluster_characters.get(text)
    if found is None:
        found = _cluster_characters[text] = chr(_FIRST_CLUSTER + len(_clusters))
        _clusters.append(text)
    return found


def is_cluster(character: str) -> bool:
    """Whether terminals may differ about how wide this is."""
    return ord(character) >= _FIRST_CLUSTER


def is_letter(character: str) -> bool:
    """Whether this is a letter, with its marks, of a script that is shaped."""
    return is_cluster(character) and _categories(written(character)) <= _OF_LETTERS


def is_spread(character: str) -> bool:
    """Whether this is a letter of which terminals may show a mark (a vowel sign, say) in a cell of its own."""
    return is_letter(character) and _SPACING_MARK in _categories(written(character))


@lru_cache(CLUSTERS_MAX)
def _categories(text: str) -> frozenset[str]:
    return frozenset(map(unicodedata.category, text))


def written(character: str) -> str:
    """What has a terminal show what stands for a cell."""
    return _clusters[ord(character) - _FIRST_CLUSTER] if is_cluster(character) else character


def generation() -> int:
    """Cells of another one stand for nothing. It changes here, when there are too many to be remembered."""
    if len(_clusters) >= CLUSTERS_MAX or cell_styles.is_full():
        forget()
    return _generation


def forget() -> None:
    """Begin anew: no cell from before stands for anything."""
    global _generation
    _generation += 1
    _clusters.clear()
    _cluster_characters.clear()
    read.cache_clear()
    cell_styles.forget()
    for each in also_forgotten:
        each()
