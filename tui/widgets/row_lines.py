"""The rows of a list: what they are, and the lines that each comes to.

A row's lines are made when it is first seen at a width, and kept while its version stays the same; those that other
lists of the application may show as well are shared with them.
"""

from __future__ import annotations

import contextlib
from collections.abc import Hashable, Iterable, Iterator, Sequence
from functools import lru_cache
from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from textual.cache import LRUCache
from textual.strip import Strip
from textual.widget import Widget

from tui.widgets.line_pool import OWN_MAX, LinePool
from tui.widgets.roles import Piece


@lru_cache(maxsize=512)
def _leading_to(address: str) -> Style:
    """One style for all parts of a link, so that the terminal takes them for one."""
    return Style(link=address)


class Rows(Widget):
    """Base of the lists. Subclasses say what the rows are."""

    follows: ClassVar[bool] = False
    """Whether the view stays at the end when it is there and rows arrive."""
    header_lines: ClassVar[int] = 0
    shows_cursor: ClassVar[bool] = True
    """Whether a row is selected; without, the keys move the view."""

    def __init__(self, *, widget_id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=widget_id, classes=classes)
        self._cache: LRUCache[Hashable, Sequence[Strip]] = LRUCache(OWN_MAX)
        self._styles_by_role: dict[str, Style] = {}
        self._own_pool: LinePool | None = None
        self._pass: dict[int, Sequence[Strip]] | None = None
        """What was found in this pass, by index and for one width."""

    # --- what subclasses say ---------------------------------------------------------------------------------------

    def row_count(self) -> int:
        raise NotImplementedError

    def row_key(self, index: int) -> Hashable:
        """The identity of a row, stable while rows arrive and leave."""
        raise NotImplementedError

    def row_index(self, key: Hashable) -> int | None:
        """Where the row is now, or where the next one is if it is gone; None if that cannot be said."""
        raise NotImplementedError

    def row_version(self, index: int) -> Hashable:
        """Changes whenever a row is to be painted differently."""
        return None

    def row_strips(self, index: int, width: int) -> Sequence[Strip]:
        """The row's lines, at least one, none wider than `width`."""
        raise NotImplementedError

    def row_shared(self, index: int) -> Hashable | None:
        """Everything but width and styles that the row's lines depend on, if others may show the same; else None."""
        return None

    def header_strip(self, width: int) -> Strip:
        raise NotImplementedError

    def marker(self) -> str:
        """Words to lay over the last line, such as how much is new below; empty for none."""
        return ""

    def row_copy(self, index: int) -> str | None:
        """What copying the row copies."""
        return None

    def reached_end(self) -> None:
        """The end has come into view, and the view follows from here."""

    def moved(self, step: int) -> None:
        """A person has moved in the list, up (-1) or down (1), or tried to move beyond its first or last row."""

    @property
    def may_follow(self) -> bool:
        """Whether the last row is the newest there is."""
        return self.follows

    def heading_lines(self, index: int) -> int:
        """How many of the row's first lines stand above it, such as a date, and are not selected with it."""
        return 0

    def together(self, index: int) -> range:
        """The rows that one line stands for, the row's own among them: what is at the first of them stands there."""
        return range(index, index + 1)

    def empty_words(self) -> str:
        """What to say when there are no rows."""
        return ""

    # --- for subclasses --------------------------------------------------------------------------------------------

    def style_of(self, role: str) -> Style:
        style = self._styles_by_role.get(role)
        if style is None:
            name = f"rows--{role}"
            found = name if name in self.COMPONENT_CLASSES else "rows--text"
            style = self._styles_by_role[role] = self.get_component_rich_style(found)
        return style

    def strip_of(self, pieces: Iterable[Piece]) -> Strip:
        return Strip([Segment(text, self._style_of_piece(role)) for text, role in pieces if text])

    @property
    def shows_links(self) -> bool:
        """Whether the terminal is told where links lead (OSC 8)."""
        return bool(getattr(self.app, "shows_links", False))

    def _style_of_piece(self, role: str) -> Style:
        name, _, address = role.partition(" ")
        style = self.style_of(name)
        return style + _leading_to(address) if address and self.shows_links else style

    # --- lines -----------------------------------------------------------------------------------------------------

    @property
    def _row_width(self) -> int:
        return max(1, self.size.width - 2)

    @property
    def _row_height(self) -> int:
        return max(1, self.size.height - self.header_lines)

    @contextlib.contextmanager
    def one_pass(self) -> Iterator[None]:
        """Nothing changes for as long as the block runs, and each row is asked for its lines once."""
        self._pass = {}
        try:
            yield
        finally:
            self._pass = None

    def _strips(self, index: int, width: int) -> Sequence[Strip]:
        if self._pass is not None and (found := self._pass.get(index)) is not None:
            return found
        key = (self.row_key(index), self.row_version(index), width)
        strips = self._cache.get(key)
        if strips is None:
            strips = self._cache[key] = self._shared_strips(index, width)
        if self._pass is not None:
            self._pass[index] = strips
        return strips

    def _shared_strips(self, index: int, width: int) -> Sequence[Strip]:
        base, shared = self.style_of("text"), self.row_shared(index)
        if shared is None:
            return tuple(strip.extend_cell_length(width, base) for strip in self.row_strips(index, width))
        key = (
            shared,
            width,
            base,
            self.style_of("dim"),
            self.style_of("own"),
            self.app.console.color_system,
            self.shows_links,
        )
        strips = self._pool.row(key)
        if strips is None:
            strips = tuple(strip.extend_cell_length(width, base) for strip in self.row_strips(index, width))
            self._pool.keep_row(key, strips)
        return strips

    @property
    def _pool(self) -> LinePool:
        """The application's; one of its own for a list elsewhere."""
        pool = getattr(self.app, "line_pool", None)
        if not isinstance(pool, LinePool):
            pool = self._own_pool = self._own_pool or LinePool()
        return pool
