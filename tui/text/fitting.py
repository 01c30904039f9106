"""Safe text in so many cells of a terminal.

Apart from `safe_text`, which servers without a screen use as well: how wide characters are takes a while to load.
"""

from __future__ import annotations

from rich.cells import cell_len, get_character_cell_size

from tui.text.safe_text import ELLIPSIS


def fit(text: str, width: int) -> str:
    """Safe `text` cut or padded to exactly `width` cells, with an ellipsis where something was cut."""
    length = cell_len(text)
    if length <= width:
        return text + " " * (width - length)
    if width <= 0:
        return ""
    return cut(text, width - 1)[0] + ELLIPSIS + " " * (width - 1 - cell_len(cut(text, width - 1)[0]))


def cut(text: str, width: int) -> tuple[str, str]:
    """Split safe `text` after as many characters as fit into `width` cells; no wide character is torn."""
    if len(text) <= width and cell_len(text) <= width:
        return text, ""
    used = 0
    for index, character in enumerate(text):
        used += get_character_cell_size(character)
        if used > width:
            return text[:index], text[index:]
    return text, ""
