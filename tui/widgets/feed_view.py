"""The feed on the screen: rows of the ring, wrapped, filtered, following the end while nobody reads further up."""

from __future__ import annotations

import asyncio
import time
import zlib
from bisect import bisect_left
from collections import deque
from collections.abc import Callable, Hashable, Iterator, Sequence
from datetime import tzinfo
from functools import partial
from typing import Any, Final

import msgspec
from rich.cells import cell_len
from textual.message import Message
from textual.strip import Strip

from core.client import PastPlace
from core.query import EVERYTHING, Query, fold, is_to
from tui.feed.activities import Span, compact, sentence, whole_sentence
from tui.feed.answer_sentences import answer_spans, answered_spans, beside_spans, removed_spans
from tui.feed.feed import Feed
from tui.feed.feed_item import PENDING_SERIAL, FeedItem
from tui.feed.folded_text import folded, is_foldable, line_count, opened
from tui.look.hues import HUES
from tui.text.clock_times import clock_time, same_day
from tui.text.fitting import fit
from tui.text.safe_text import neutralise_name
from tui.widgets.hidden_runs import SHOWN, HiddenRun, HiddenRuns, Reason
from tui.widgets.roles import Piece, look_of
from tui.widgets.row_view import RowView
from tui.widgets.wrapping import highlight, wrap

ROW_LINES_MAX: Final = 8
"""Lines of one activity in the feed; the inspector shows all of it."""
OPENED_LINES_MAX: Final = 500
"""The same of one that somebody has opened."""
OPENED_MAX: Final = 256
NAME_CELLS: Final = 12
WIDE: Final = 56
SCAN_SLICE: Final = 0.006
"""Seconds that a search through old rows may take before everything else has its turn."""

NEAR: Final = 20
"""So many rows from an edge of the window what is beyond it is asked for, or as many as the view has lines."""
TRAIL: Final = 16
"""Places that somebody can go back to."""

EMPTY: Final = "Nothing here yet. Write the first line below."

NEW: Final = "new since you left"
TO_READER: Final = "\N{SINGLE RIGHT-POINTING ANGLE QUOTATION MARK}"
"""Before the name of whoever has written to the person that reads it."""

_STATE_WORDS: Final = {
    "sending": ("sending\N{HORIZONTAL ELLIPSIS}", "dim"),
    "accepted": ("accepted, on its way", "dim"),
    "refused": ("\N{BALLOT X} refused", "error"),
    "unknown": ("? nobody can say yet whether it arrived", "warning"),
}


def name_role(name: str) -> str:
    """The colour of a name: the same on every screen, for ever."""
    return f"name-{zlib.crc32(name.encode('utf-8', 'replace')) % HUES}"


class Bookmark(msgspec.Struct, frozen=True):
    """Where somebody was: the topmost activity, how many of the view's lines stood above it, and the selected one.
    Without a topmost one they followed what is new."""

    top: PastPlace | None = None
    lines: int = 0
    selected: PastPlace | None = None


class FeedView(RowView):
    """The rows of a `Feed`."""

    follows = True

    class FilterProgress(Message):
        """The search for what matches a filter has got further, or is done."""

        def __init__(self, found: int, searching: bool) -> None:
            super().__init__()
            self.found = found
            self.searching = searching

    class EndWanted(Message):
        """Somebody goes to the end, and leaves unread what is above."""

    class PositionChanged(Message):
        """The view has begun or ceased to follow, or more is new below."""

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

    def __init__(
        self,
        feed: Feed,
        *,
        zone: tzinfo | None = None,
        clock: Callable[[], float] = time.time,
        empty: Callable[[], str] = lambda: EMPTY,
        older: Callable[[], bool] = lambda: False,
        reader: Callable[[], str | None] = lambda: None,
        answers_reader: Callable[[bytes], bool] = lambda body: False,
        new_from: Callable[[], Hashable] = lambda: None,
        muted: Callable[[], Query] = lambda: EVERYTHING,
        beginning: Callable[[], float | None] = lambda: None,
        widget_id: str | None = None,
    ) -> None:
        """`clock`: seconds since 1970. `empty`: what to say while there are no rows. `older`: whether more may come.
        `reader`: the name of who reads this, if the network knows it. `new_from`: the `key` of the row
        from which on all is new to them. `muted`: what finds the rows
        of which they want to see no more than that they are there, if it finds not everything. `beginning`: when the
        first activity of all was written, once that is known."""
        super().__init__(widget_id=widget_id)
        self.feed = feed
        self._zone = zone
        self._clock = clock
        self._empty = empty
        self._older = older
        self._reader = reader
        self._answers_reader = answers_reader
        self._new_from = new_from
        self._muted = muted
        self._beginning = beginning
        self._dragged_to: float | None = None
        self._opened: set[int] = set()
        """The serials of activities of which all lines are shown."""
        self._hidden = HiddenRuns(self._entry, self._why_hidden)
        self._filter = EVERYTHING
        self._generation = 0
        self._with_rest = False
        self._matches: deque[int] = deque()
        self._tested_from = self._tested_to = feed.end_serial
        self._searching = False
        self._came = feed.came
        """How many rows had come when it was last looked."""
        self._unseen_rows = self._unseen_matches = 0
        self._run = feed.runs
        self._before_filter: Bookmark | None = None
        self._trail: list[Bookmark] = []
        """Where somebody was before each time they went elsewhere."""
        self._told = (True, 0)
        self._pending: tuple[FeedItem, ...] = ()
        self._end = feed.end_serial
        """Up to where the feed is shown: what arrives while a frame is prepared is for the next one."""
        self._taken = False
        """Whether the next `changed` shows what was taken for it."""

    # --- the filter ------------------------------------------------------------------------------------------------

    @property
    def filter(self) -> Query:
        return self._filter

    @property
    def showing_rest(self) -> bool:
        """Whether rows that do not match are shown as well."""
        return self._with_rest

    @property
    def matches(self) -> int:
        return len(self._matches)

    @property
    def searching(self) -> bool:
        return self._searching

    def apply_filter(self, wanted: Query) -> None:
        """Show what matches; an empty filter shows everything, where one was before."""
        if wanted == self._filter:
            return
        if not self._filter:
            self._before_filter = self.bookmark()
        self._filter = wanted
        self.feed.keeps_all = bool(wanted)
        self._search_anew()
        if not wanted and self._before_filter is not None:
            self.return_to(self._before_filter)
            self.feed.shrink()
        self.changed()

    def _search_anew(self) -> None:
        self._generation += 1
        self._matches.clear()
        self._tested_from = self._tested_to = self.feed.end_serial
        self._to_end()
        self._searching = bool(self._filter)
        if self._filter:
            # Not begun before it is its turn: another filter may be typed by then.
            search: Any = partial(self._search, self._filter, self._generation, self._tested_to)
            self.run_worker(search, group="search", exclusive=True)

    def toggle_rest(self) -> None:
        """Hide or show what does not match."""
        selected = self.selected
        key = self.row_key(selected) if selected is not None else None
        self._with_rest = not self._with_rest
        self.changed()
        if key is not None and (index := self.row_index(key)) is not None:
            self.select(index)

    async def _search(self, wanted: Query, generation: int, until: int) -> None:
        """Test the rows that were there before the filter, those before `until`, newest first, in slices.

        Later ones are tested as they come, which they may do before this begins.
        """
        begun = time.monotonic()
        for entry in self.feed.newest_first():
            if entry.serial < until:
                self._tested_from = entry.serial
                if self.feed.is_wanted(entry, wanted):
                    self._matches.appendleft(entry.serial)
            if time.monotonic() - begun > SCAN_SLICE:
                self.changed()
                self.post_message(self.FilterProgress(len(self._matches), True))
                await asyncio.sleep(SCAN_SLICE)
                if generation != self._generation:
                    return
                begun = time.monotonic()
        self._searching = False
        self.changed()
        self.post_message(self.FilterProgress(len(self._matches), False))

    def matching(self, wanted: Query) -> Iterator[FeedItem]:
        """The matches of the filter, the newest first; those of another one are not known, and there are none."""
        if wanted == self._filter:
            for serial in reversed(tuple(self._matches)):
                entry = self.feed.by_serial(serial)
                if entry is not None:
                    yield entry

    def move_match(self, step: int) -> bool:
        """Select the next (1) or previous (-1) match; whether there is one."""
        self._forget_left()
        if not self._filter or not self._matches:
            return False
        selected = self.selected
        serial = self._entry(selected).serial if selected is not None else 0
        place = bisect_left(self._matches, serial)
        if step > 0 and place < len(self._matches) and self._matches[place] == serial:
            place += 1
        elif step < 0:
            place -= 1
        if not 0 <= place < len(self._matches):
            return False
        index = self.row_index(self._matches[place])
        if index is None:
            return False
        self.select(index)
        return True

    # --- RowView ---------------------------------------------------------------------------------------------------

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
        """Take what has come since the last time."""
        feed = self.feed
        self._pending = tuple(one for one in feed.pending() if not one.folded) if feed.attached else ()
        self._count_unseen(feed.came - self._came)
        self._came = feed.came
        if self._run != feed.runs:
            self._run = feed.runs
            self._hidden.close_all()
            self._opened.clear()
            if self._filter:
                self._search_anew()
        self._end = feed.end_serial
        if self._filter:
            while self._matches and self._matches[-1] >= self._end:
                self._matches.pop()
            self._tested_to = min(self._tested_to, self._end)
            while self._tested_to < self._end:
                entry = self.feed.by_serial(self._tested_to)
                if entry is not None and self.feed.is_wanted(entry, self._filter):
                    self._matches.append(self._tested_to)
                self._tested_to += 1
            # Those that were put on top of the feed since; while a search is under way it comes to them itself.
            while not self._searching and self._tested_from > self.feed.first_serial:
                self._tested_from -= 1
                entry = self.feed.by_serial(self._tested_from)
                if entry is not None and self.feed.is_wanted(entry, self._filter):
                    self._matches.appendleft(self._tested_from)
            self._forget_left()

    def _count_unseen(self, count: int) -> None:
        if not count or self.following:
            return
        # Of much that has come at once not all is here.
        self._unseen_rows += count - sum(row.folded for row in self.feed.newest(count))
        if self._filter:
            self._unseen_matches += sum(self.feed.is_wanted(row, self._filter) for row in self.feed.newest(count))

    def _forget_left(self) -> None:
        """The oldest rows leave whenever something arrives: between two frames, and between the steps of one."""
        while self._matches and self._matches[0] < self.feed.first_serial:
            self._matches.popleft()

    def changed(self) -> None:
        if not self._taken:
            self._take()
        self._taken = False
        super().changed()
        if self.following:
            self._unseen_rows = self._unseen_matches = 0
        self.feed.reading = None if self.following else self._top_serial()
        position = (self._follow, self.unseen)
        if position != self._told and self.is_attached:
            self._told = position
            self.post_message(self.PositionChanged())

    @property
    def hides_some(self) -> bool:
        """Whether rows that do not match a filter are not shown."""
        return bool(self._filter) and not self._with_rest

    @property
    def _settled(self) -> int:
        if not self.hides_some:
            return max(0, min(self._end, self.feed.end_serial) - self.feed.first_serial)
        self._forget_left()
        return len(self._matches)

    def row_count(self) -> int:
        return self._settled + len(self._pending)

    def row_key(self, index: int) -> Hashable:
        settled = self._settled
        if index >= settled:
            return self._pending[index - settled].serial
        return self._matches[index] if self.hides_some else self.feed.first_serial + index

    def row_index(self, key: Hashable) -> int | None:
        assert isinstance(key, int)
        settled = self._settled
        if key >= PENDING_SERIAL:
            place = next((place for place, entry in enumerate(self._pending) if entry.serial >= key), None)
            return settled + place if place is not None else max(0, self.row_count() - 1)
        if self.hides_some:
            return bisect_left(self._matches, key)
        return max(0, key - self.feed.first_serial)

    def row_version(self, index: int) -> Hashable:
        settled = self._settled
        state = self._pending[index - settled].state if index >= settled else None
        # What was let go of may come again with another one in its place.
        identity = self._entry(index).id
        return (
            identity,
            self._generation,
            self.feed.removals,
            state,
            self._headings(index),
            self._reader(),
            self._muted(),
            self._hidden_words(index),
            self.feed.answers.of(self._entry(index)),
            self._is_opened(self._entry(index)),
        )

    def _new_day(self, index: int) -> str:
        """The date, where it is another one than above; at the top, where it is not today's.

        Lines of the application's own count for nothing: their time is this machine's, the others' are the network's.
        """
        entry = self._entry(index)
        if entry.state == "mark":
            return ""
        above = map(self._entry, self._above(index))
        at, before = entry.at, next((one.at for one in above if one.state != "mark"), self._clock())
        return "" if same_day(at, before, self._zone) else clock_time(at, self._zone, "%A %d %B %Y")

    def _headings(self, index: int) -> tuple[str, ...]:
        """The lines of the application's own above a row."""
        entry, new_from = self._entry(index), self._new_from()
        is_new = new_from is not None and new_from == entry.key and entry.state != "mark"
        run = self._hidden_run(index)
        shown = (
            f"{run.words}; \N{LEFTWARDS ARROW} hides"
            if run is not None and run.opened and index == run.rows.start
            else ""
        )
        return tuple(words for words in (self._new_day(index), NEW if is_new else "", shown) if words)

    def _above(self, index: int) -> Iterator[int]:
        """The rows above one, the nearest first; of those for which one line stands, the first."""
        while index > 0:
            index = self.together(index - 1).start
            yield index

    def heading_lines(self, index: int) -> int:
        return len(self._headings(index))

    def visible_entries(self) -> list[FeedItem]:
        """What is on the screen."""
        return [self._entry(index) for index in self.visible_rows if index < self.row_count()]

    def entry(self, index: int) -> FeedItem:
        """The row's activity, as it is now."""
        return self.feed.answers.as_it_is(self._entry(index))

    def _entry(self, index: int) -> FeedItem:
        settled = self._settled
        if index >= settled:
            return self._pending[index - settled]
        entry = self.feed.by_serial(self._matches[index] if self.hides_some else self.feed.first_serial + index)
        if entry is None:
            raise IndexError(index)
        return entry

    def row_shared(self, index: int) -> Hashable | None:
        entry = self._entry(index)
        reader = self._reader() if self._is_to_reader(entry) else None
        beside = (self.feed.answers.of(entry), self._answer_spans(entry), self._is_opened(entry))
        look = (self._filter, self._zone, self._headings(index), reader, self._hidden_words(index), beside)
        return (entry.body, entry.sender, entry.at, entry.state, entry.own, entry.late, entry.why, look)

    # --- what is hidden ----------------------------------------------------------------------------------------------

    def _why_hidden(self, entry: FeedItem) -> Reason:
        if entry.state == "mark":
            return (entry.why, "") if entry.why else SHOWN
        muted = self._muted()
        if not muted or entry.own or entry.folded:
            return SHOWN
        for term in (term for terms in muted.wanted for term in terms):
            if self.feed.is_wanted(entry, Query(((term,),))):
                whom = entry.sender if term.kind == "from" else f"#{term.words[0]}"
                return "muted", neutralise_name(whom)
        return SHOWN

    def _hidden_run(self, index: int) -> HiddenRun | None:
        """The run of hidden rows that a row is in, if it is."""
        feed, settled = self.feed, self._settled
        if index >= settled or not (self._muted() or feed.removals):
            return None
        self._hidden.follow(
            (self._muted(), feed.removals, feed.runs),
            (feed.first_serial, settled, self._generation, self._with_rest, len(self._matches)),
        )
        return self._hidden.at(index, settled)

    def _hidden_words(self, index: int) -> tuple[str, str]:
        """What is said in the place of a row and those that stand with it, or behind one shown though hidden."""
        run = self._hidden_run(index)
        if run is None:
            return "", ""
        return ("", self._hidden.why(index)[0]) if run.opened else (run.words, "")

    def together(self, index: int) -> range:
        begin = index
        while self._is_folded(begin):
            begin -= 1
        run = self._hidden_run(begin)
        rows = super().together(begin) if run is None or run.opened else run.rows
        end = rows.stop
        while end < self._settled and self._is_folded(end):
            end += 1
        return range(rows.start, end)

    def _is_folded(self, index: int) -> bool:
        """Whether a row has no line of its own: it stands beside another one. What a filter finds has one."""
        return 0 < index < self._settled and not self._filter and self._entry(index).folded

    def open_hidden(self, *, wanted: bool) -> bool:
        """Show the rows for which the selected line stands, or have one line stand for them again; whether it can."""
        selected = self.selected
        run = self._hidden_run(selected) if selected is not None else None
        if selected is None or run is None or run.opened == wanted:
            return False
        if wanted:
            top = self.visible_rows.start
            self._cursor_key = self.row_key(selected)
            if self._follow and self.is_laid_out:
                self._anchor(*self._end_anchor())
                self._follow = False
            self._hidden.open(run)
            if selected == top:
                self._anchor(selected, 0)
        else:
            self._cursor_key = self.row_key(run.rows.start)
            self._hidden.close(run)
            self._bring_into_view(run.rows.start)
        self.changed()
        return True

    def action_inspect(self) -> None:
        if not self.open_hidden(wanted=True):
            super().action_inspect()

    def _is_to_reader(self, entry: FeedItem) -> bool:
        """Whether somebody else has written this to whoever reads it."""
        reader = self._reader()
        if reader is None or entry.own or entry.state == "mark":
            return False
        return is_to(reader, entry.body) or self._answers_reader(entry.body)

    def row_strips(self, index: int, width: int) -> Sequence[Strip]:
        rules = [self._rule(words, width) for words in self._headings(index)]
        entry, (words, hidden) = self._entry(index), self._hidden_words(index)
        if words:
            when = clock_time(entry.at, self._zone, "%H:%M:%S" if width >= WIDE else "%H:%M")
            line = f"{when} \N{BLACK RIGHT-POINTING SMALL TRIANGLE} {words}; Enter shows"
            return [*rules, self.strip_of([(fit(line, width), "dim")])]
        return [*rules, *self._entry_strips(entry, width, hidden)]

    def _entry_strips(self, entry: FeedItem, width: int, hidden: str) -> list[Strip]:
        if entry.state == "mark":
            return [self._rule(self.feed.sentence(entry).text, width)]
        wide = width >= WIDE
        name = neutralise_name(entry.sender) or "?"
        name_cells = NAME_CELLS if wide else max(4, min(NAME_CELLS, width // 4))
        when = clock_time(entry.at, self._zone, "%H:%M:%S" if wide else "%H:%M")
        to_reader = self._is_to_reader(entry)
        prefix: list[Piece] = [(when, "dim"), (TO_READER, "me") if to_reader else (" ", "dim")]
        role = "own" if entry.own else name_role(entry.sender)
        names = highlight([(fit(name, name_cells), role)], self._filter.words)
        indent = len(when) + 1 + name_cells + 1
        spans = self._spans(entry)
        pieces: list[Piece] = highlight((self._look_of(span, to_reader) for span in spans), self._filter.words)
        if entry.state in _STATE_WORDS:
            words, state_role = _STATE_WORDS[entry.state]
            if entry.why:
                words += ": " + neutralise_name(entry.why, 200)
            pieces.append(("  " + words, state_role))
        if entry.late:
            pieces.append(("  came late", "mark"))
        if hidden:
            pieces.append((f"  {hidden}", "mark"))
        lines = wrap(pieces, width - indent, OPENED_LINES_MAX if self._is_opened(entry) else ROW_LINES_MAX)
        blank = " " * indent
        return [
            self.strip_of([*prefix, *names, (" ", "text"), *line] if place == 0 else [(blank, "text"), *line])
            for place, line in enumerate(lines)
        ]

    def _spans(self, entry: FeedItem) -> tuple[Span, ...]:
        """What an activity says now, whom it answers, and what stands beside it."""
        beside = self.feed.answers.of(entry)
        said = removed_spans(entry) if beside.removed else self._said(entry)
        return (*answered_spans(beside), *said, *beside_spans(beside))

    def _answer_spans(self, entry: FeedItem) -> tuple[Span, ...]:
        return answer_spans(entry, self.feed.answers) or ()

    # --- texts of many lines -----------------------------------------------------------------------------------------

    def _is_opened(self, entry: FeedItem) -> bool:
        return entry.serial in self._opened

    def _said_in_short(self, entry: FeedItem) -> tuple[tuple[Span, ...], int]:
        """What an activity says now, up to a bound, and how many lines that has."""
        if self.feed.answers.of(entry).version:
            body = self.feed.answers.as_it_is(entry).body
            spans = sentence(body).spans
        else:
            body = entry.body
            spans = self._answer_spans(entry) or self.feed.sentence(entry).spans
        return spans, line_count(spans, body)

    def _said(self, entry: FeedItem) -> tuple[Span, ...]:
        """What an activity says: its first lines, or all of them where somebody has opened it."""
        spans, lines = self._said_in_short(entry)
        if not self._is_opened(entry):
            return folded(spans, lines)
        if self.feed.answers.of(entry).version or not self._answer_spans(entry):
            spans = whole_sentence(self.feed.answers.as_it_is(entry).body).spans
        return opened(spans)

    def open_folded(self, *, wanted: bool) -> bool:
        """Show all lines of the selected activity, or its first ones again; whether there are others."""
        selected = self.selected
        entry = self._entry(selected) if selected is not None else None
        if selected is None or entry is None or entry.state == "mark" or self._is_opened(entry) == wanted:
            return False
        if wanted:
            if self.feed.answers.of(entry).removed or not is_foldable(self._said_in_short(entry)[1]):
                return False
            if len(self._opened) >= OPENED_MAX:
                self._opened.clear()
            self._opened.add(entry.serial)
        else:
            self._opened.discard(entry.serial)
        self._cursor_key = self.row_key(selected)
        if self._follow and self.is_laid_out:
            self._anchor(*self._end_anchor())
            self._follow = False
        self._bring_into_view(selected)
        self.changed()
        return True

    def action_cursor(self, rows: int) -> None:
        if not self._reads_on(rows):
            super().action_cursor(rows)

    def action_page(self, pages: float) -> None:
        if not self._reads_on(int(pages * max(1, self._row_height - 1))):
            super().action_page(pages)

    def _reads_on(self, lines: int) -> bool:
        """Move the view within the selected activity, where the end of it that one goes to is not in sight."""
        selected = self.selected
        if selected is None or not self._visible:
            return False
        index, line = self._visible[-1 if lines > 0 else 0]
        last = len(self._strips(index, self._row_width)) - 1 if lines > 0 else 0
        if self.together(selected).start != index or line == last or last < 0:
            return False
        self.scroll_lines(lines)
        return True

    def _look_of(self, span: Span, to_reader: bool) -> Piece:
        text, role = span
        if role == "mention" and to_reader and fold(text[1:]) == fold((self._reader() or "").strip()):
            return text, "me"
        return look_of(span)

    def _rule(self, text: str, width: int) -> Strip:
        words = f" {text} "
        dashes = max(0, width - cell_len(words))
        line = "\N{BOX DRAWINGS LIGHT HORIZONTAL}"
        return self.strip_of([(fit(line * (dashes // 2) + words + line * (dashes - dashes // 2), width), "mark")])

    # --- where one is ----------------------------------------------------------------------------------------------

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
            if index < self._settled and self._entry(index).state != "mark":
                return self._entry(index).serial
        return self.feed.end_serial - 1

    @property
    def reading_at(self) -> float | None:
        """The time of the topmost activity, in seconds since 1970; None while the view follows."""
        serial = None if self.following else self._top_serial()
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

    def bookmark(self) -> Bookmark:
        """Where one is."""
        if self.following or not self._visible:
            return Bookmark()
        selected = self.selected
        cursor = self._entry(selected).place if selected is not None else None
        for lines, (index, line) in enumerate(self._visible):
            place = self._entry(index).place
            if place is not None:
                return Bookmark(place, lines - line + self.heading_lines(index), cursor)
        return Bookmark()

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

    def row_copy(self, index: int) -> str | None:
        entry = self.entry(index)
        return None if entry.state == "mark" else compact(entry.body)

    def empty_words(self) -> str:
        if self._filter:
            further = "; g looks further back" if self._older() else ""
            return "Searching\N{HORIZONTAL ELLIPSIS}" if self._searching else f"Nothing matches the filter{further}."
        return self._empty()
