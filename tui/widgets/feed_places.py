"""Where somebody is in a feed: at the present or in the past, how far back, and the way back to where they were."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import msgspec
from textual.message import Message

from core.client import PastPlace
from tui.feed.feed_item import PENDING_SERIAL
from tui.widgets.feed_rows import FeedRows

NEAR: Final = 20
"""So many rows from an edge of the window what is beyond it is asked for, or as many as the view has lines."""
TRAIL: Final = 16
"""Places that somebody can go back to."""


class Bookmark(msgspec.Struct, frozen=True):
    """Where somebody was: the topmost activity, how many of the view's lines stood above it, and the selected one.
    Without a topmost one they followed what is new."""

    top: PastPlace | None = None
    lines: int = 0
    selected: PastPlace | None = None


class FeedPlaces(FeedRows):
    """The rows of a feed, and where in all of the past somebody reads them."""

    class EndWanted(Message):
        """Somebody goes to the end, and leaves unread what is above."""

    class PositionChanged(Message):
        """The view has begun or ceased to follow, more is new below, or something else is read."""

    class OlderWanted(Message):
        """Somebody is near the top: what is older is wanted there, if there is any."""

    class NewerWanted(Message):
        """Somebody is near the end, and that is not the present: what is newer is wanted there."""

    class BeginningWanted(Message):
        """Somebody wants to read from the first activity on."""

    class MomentWanted(Message):
        """Somebody wants to read from a time on, in seconds since 1970."""

        def __init__(self, at: float) -> None:
            super().__init__()
            self.at = at

    class BackWanted(Message):
        """Somebody wants to go back to where they were, which is not in the window any more."""

        def __init__(self, bookmark: Bookmark) -> None:
            super().__init__()
            self.bookmark = bookmark

    def __init__(self, *arguments: Any, **options: Any) -> None:
        """As of `FeedRows`."""
        super().__init__(*arguments, **options)
        self._came = self.feed.came
        """How many rows had come when it was last looked."""
        self._unseen_rows = self._unseen_matches = 0
        self._trail: list[Bookmark] = []
        """Where somebody was before each time they went elsewhere."""
        self._told: tuple[bool, int, int] = (True, 0, 0)
        self._taken = False
        """Whether the next `changed` shows what was taken for it."""
        self._dragged_to: float | None = None

    # --- what comes meanwhile ----------------------------------------------------------------------------------------

    def prepare(self) -> Iterator[None]:
        """Lay out, a row in each step, what `changed` will show; what arrives meanwhile is not shown by it."""
        self._take()
        self._taken = True
        if self._follow and self.is_laid_out:
            room, index, width = self._row_height, self.row_count() - 1, self._row_width
            while room > 0 and index >= 0:
                room -= len(self._strips(index, width))
                yield
                # Rows have left, or the filter is another one.
                index = min(self.together(index).start, self.row_count()) - 1 if index < self.row_count() else -1

    def _take(self) -> None:
        self._count_unseen(self.feed.came - self._came)
        self._came = self.feed.came
        super()._take()

    def _count_unseen(self, count: int) -> None:
        if not count or self.following:
            return
        # Of much that has come at once not all is here. Nobody's own is new to them.
        newest = self.feed.newest(count)
        self._unseen_rows += count - sum(row.folded or row.own for row in newest)
        if self.filter:
            self._unseen_matches += sum(self.feed.is_wanted(row, self.filter) for row in newest if not row.own)

    def changed(self) -> None:
        if not self._taken:
            self._take()
        self._taken = False
        super().changed()
        if self.following:
            self._unseen_rows = self._unseen_matches = 0
        self.feed.reading = None if self.following else self._top_serial()
        position = (self._follow, self.unseen, int((self.reading_at or 0.0) // 60))
        if position != self._told and self.is_attached:
            self._told = position
            self.post_message(self.PositionChanged())

    def _paint(self) -> None:
        if self.feed.attached and not self._follow:
            # What is in sight is seen.
            below = self.row_count() - self.visible_rows.stop
            self._unseen_rows, self._unseen_matches = min(self._unseen_rows, below), min(self._unseen_matches, below)
        super()._paint()

    @property
    def unseen(self) -> int:
        """Rows that have arrived below while the person reads further up."""
        if self.following:
            return 0
        return self._unseen_matches if self.hides_some else self._unseen_rows

    def marker(self) -> str:
        unseen = self.unseen
        return (
            f"\N{BLACK DOWN-POINTING TRIANGLE} {unseen} new below \N{EM DASH} End (or a click here) follows"
            if unseen
            else ""
        )

    # --- where one is ------------------------------------------------------------------------------------------------

    @property
    def may_follow(self) -> bool:
        return self.feed.attached

    @property
    def following(self) -> bool:
        """Whether the end of the view is the present, and stays so."""
        return self._follow and self.feed.attached

    def moved(self, step: int) -> None:
        visible, near = self.visible_rows, max(self._row_height, NEAR)
        if step < 0 and visible.start < near:
            self.post_message(self.OlderWanted())
        elif step > 0 and not self.feed.attached and visible.stop > self.row_count() - near:
            self.post_message(self.NewerWanted())

    def hold(self) -> None:
        """Stay where the view is, also where it was at the end: more comes behind that."""
        if self._follow and not self.feed.attached and self._visible:
            index, line = self._visible[0]
            self._cursor_key = self.row_key(self.row_count() - 1)
            self._anchor(index, line)
            self._follow = False

    def _top_serial(self) -> int | None:
        """The serial of the topmost row that is no line of the application's own; without one, of the last row."""
        for index in self.visible_rows:
            serial = self.serial_at(index)
            if serial < PENDING_SERIAL and self._entry(index).state != "mark":
                return serial
        return self.feed.end_serial - 1

    @property
    def reading_at(self) -> float | None:
        """The time of what is read, in seconds since 1970: of the selected row while somebody is among the rows and it
        is in sight, else of the topmost activity. None while the view follows."""
        if self.following:
            return None
        selected = self.selected
        if self.has_focus and selected is not None and selected in self.visible_rows:
            entry = self.feed.by_serial(self.serial_at(selected))
            if entry is not None and entry.state != "mark":
                return entry.at
        return self._time_of(self._top_serial())

    def _time_of(self, serial: int | None) -> float | None:
        entry = self.feed.by_serial(serial) if serial is not None else None
        return entry.at if entry is not None else None

    @property
    def share(self) -> float | None:
        """How far what is read is from the first activity of all (0) to the present (1), by time; by rows where all of
        them are loaded. None where it is not known how much there is."""
        if self.following:
            return 1.0
        beginning, at = self._beginning(), self.reading_at
        if self.feed.attached and not self._older():
            hidden = self.row_count() - len(self.visible_rows)
            return self.visible_rows.start / hidden if hidden > 0 else None
        if beginning is None or at is None:
            return None
        return max(0.0, min(1.0, (at - beginning) / max(1.0, self._clock() - beginning)))

    # --- the scrollbar -----------------------------------------------------------------------------------------------

    @property
    def _is_part(self) -> bool:
        """Whether it is known of which past the loaded rows are a part."""
        return self._beginning() is not None and (self._older() or not self.feed.attached) and not self.hides_some

    def _thumb(self, height: int) -> range:
        share = self.share if self._is_part else None
        if share is None:
            return super()._thumb(height)
        start = round((height - 1) * share)
        return range(start, start + 1)

    def _drag_to(self, y: int) -> None:
        beginning = self._beginning()
        if not self._is_part or beginning is None:
            super()._drag_to(y)
            return
        share = max(0.0, min(1.0, y / max(1, self._row_height - 1)))
        self._dragged_to = beginning + share * (self._clock() - beginning)

    def dropped(self) -> None:
        at, self._dragged_to = self._dragged_to, None
        if at is None:
            return
        if at >= self._clock():
            self.action_end()
        elif at == self._beginning():
            self.post_message(self.BeginningWanted())
        else:
            self.post_message(self.MomentWanted(at))

    # --- elsewhere ---------------------------------------------------------------------------------------------------

    def bookmark(self) -> Bookmark:
        """Where one is."""
        if self.following or not self._visible:
            return Bookmark()
        selected = self.selected
        cursor = self._place_at(selected) if selected is not None else None
        for lines, (index, line) in enumerate(self._visible):
            place = self._place_at(index)
            if place is not None and self.thread_at(index) is None:
                return Bookmark(place, lines - line + self.heading_lines(index), cursor)
        return Bookmark(cursor, 0, cursor)

    def _place_at(self, index: int) -> PastPlace | None:
        """Where in the past a row stands; what stands beneath an activity, where that does."""
        entry = self.feed.by_serial(self.serial_at(index))
        return entry.place if entry is not None else None

    def remember_place(self) -> None:
        """One goes elsewhere: `go_back` comes back."""
        self._trail.append(self.bookmark())
        del self._trail[:-TRAIL]

    @property
    def came_from(self) -> bool:
        """Whether there is somewhere to go back to."""
        return bool(self._trail)

    def go_back(self) -> None:
        """Return to where one was before one went elsewhere."""
        if self._trail:
            self.return_to(self._trail.pop())

    def return_to(self, bookmark: Bookmark) -> None:
        """Return to where one was; `BackWanted` is told where that is not in the window any more."""
        top = bookmark.top
        if top is None:
            self._to_present()
            return
        serial = self.feed.serial_of(str(top.id))
        if serial is None:
            self.post_message(self.BackWanted(bookmark))
        else:
            self.stand_at(serial, bookmark)

    def stand_at(self, serial: int, bookmark: Bookmark | None = None) -> None:
        """Have a row on top of the view and select it, or have it and another one where a bookmark says."""
        self._take()
        index = self.row_index(serial)
        if index is None or not self.row_count():
            return
        index = min(index, self.row_count() - 1)
        self._follow = False
        self._cursor_key = self.row_key(index)
        if bookmark is None:
            self._anchor(index, 0)
        else:
            self._anchor(index, self.heading_lines(index) - bookmark.lines)
            selected = bookmark.selected
            cursor = self.feed.serial_of(str(selected.id)) if selected is not None else None
            self._cursor_key = self._cursor_key if cursor is None else cursor
        self.changed()

    def _to_present(self) -> None:
        self.feed.to_present()
        self._take()
        self._to_end()
        self.changed()

    def action_top(self) -> None:
        if self.hides_some:
            super().action_top()
        else:
            self.post_message(self.BeginningWanted())

    def action_end(self) -> None:
        if not self.following:
            self.remember_place()
        self._to_present()
        self.post_message(self.EndWanted())
