"""What matches, as a list: each hit with its time, its sender and the part that matches; one is gone to by Enter."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Hashable, Sequence
from datetime import tzinfo
from typing import ClassVar, Final, NamedTuple

from rich.cells import cell_len
from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.message import Message
from textual.strip import Strip

from core.client import NotConnected, OutcomeUnknown, PastNotShown, PastPlace, PastUnreadable
from core.query import Query, spans_of
from tui.feed.activities import sentence
from tui.feed.answer_sentences import answer_spans, beside_spans, removed_spans
from tui.feed.feed_answers import FeedAnswers
from tui.feed.feed_item import FeedItem
from tui.screens.dialog import DialogScreen
from tui.text.clock_times import clock_time
from tui.text.figures import count
from tui.text.fitting import fit
from tui.text.safe_text import ELLIPSIS, LINE_BREAK, neutralise_name
from tui.user_actions.action_registry import bindings
from tui.widgets.roles import Piece
from tui.widgets.row_view import RowView
from tui.widgets.wrapping import highlight

HITS_MAX: Final = 2_000
"""Hits in the list; whoever wants older ones says `before:`."""
BYTES_MAX: Final = 8 * 1024 * 1024
"""Of all of them together."""
TEXT_MAX: Final = 400
"""Characters shown of one."""
NEAR: Final = 10
"""So many hits from the end of the list more are asked for."""
LOOK_INTERVAL: Final = 0.3
"""Seconds between two looks whether something was edited or removed."""
MICROSECONDS: Final = 1_000_000
MOMENT: Final = "%Y-%m-%d %H:%M"


class Hit(NamedTuple):
    """One activity that matches: its place, or, where a server names none, its serial in the feed; and itself, as it
    came."""

    place: PastPlace | None
    serial: int | None
    item: FeedItem


class FoundHits(NamedTuple):
    """What one look has found."""

    hits: list[Hit]
    reached: PastPlace | None
    """Up to where was looked."""
    more: bool
    note: str = ""
    """What is to be said of it, as a clause."""


LookFurther = Callable[[PastPlace | None], Awaitable[FoundHits]]
"""The newest hits before a place; None: before the present. Raises as reading the past does."""


def hit_here(row: FeedItem) -> Hit:
    """A row of the feed as a hit."""
    return Hit(row.place, row.serial, row)


class HitsView(RowView):
    """The hits, the newest first."""

    BINDINGS: ClassVar = bindings("hits")

    class MoreWanted(Message):
        """Somebody is near the end of the list."""

    def __init__(
        self, query: Query, answers: FeedAnswers, zone: tzinfo | None, *, widget_id: str | None = None
    ) -> None:
        super().__init__(widget_id=widget_id)
        self._query = query
        self._answers = answers
        self._zone = zone
        self.hits: list[Hit] = []
        self.words = f"Searching{ELLIPSIS}"
        """What stands there while there are none."""

    def row_count(self) -> int:
        return len(self.hits)

    def row_key(self, index: int) -> Hashable:
        return index

    def row_index(self, key: Hashable) -> int | None:
        assert isinstance(key, int)
        return key

    def row_version(self, index: int) -> Hashable:
        return self._said(index)

    def row_strips(self, index: int, width: int) -> Sequence[Strip]:
        item = self.hits[index].item
        text, beside = self._said(index)
        name = neutralise_name(item.sender) or "?"
        lead: list[Piece] = [(clock_time(item.at, self._zone, MOMENT) + " ", "dim"), (fit(name, 12) + " ", "own")]
        room = max(1, width - sum(len(text) for text, _ in lead[:1]) - 13)
        kept = room - cell_len(beside)
        if kept < room // 2:
            beside, kept = "", room
        matching = highlight([(matching_part(text, self._query, kept).rstrip(), "text")], self._query.words)
        return [self.strip_of([*lead, *matching, (beside, "mark")]).crop(0, width)]

    def row_copy(self, index: int) -> str | None:
        return self._said(index)[0]

    def _said(self, index: int) -> tuple[str, str]:
        """What an activity says now, and what stands beside it."""
        item = self.hits[index].item
        beside = self._answers.of(item)
        spans = removed_spans(item) if beside.removed else answer_spans(item, self._answers)
        if spans is None:
            spans = sentence(self._answers.as_it_is(item).body).spans
        text = "".join(text for text, _ in spans).replace("\n", LINE_BREAK)
        return text[:TEXT_MAX], "".join(text for text, _ in beside_spans(beside))

    def empty_words(self) -> str:
        return self.words

    def moved(self, step: int) -> None:
        if step > 0 and self.visible_rows.stop > self.row_count() - NEAR:
            self.post_message(self.MoreWanted())


def matching_part(text: str, query: Query, cells: int) -> str:
    """The part of a safe text in which a query's words stand, in so many cells; its beginning where none does."""
    begin = min((span[0] for span in spans_of(query.words, text)), default=0)
    if begin > cells // 2:
        cut = text.rfind(" ", 0, begin - cells // 4)
        text = ELLIPSIS + text[max(cut + 1, begin - cells // 2) :]
    return fit(text, cells)


class HitsScreen(DialogScreen[Hit | None]):
    """The hits of a query; the answer is one of them."""

    BINDINGS: ClassVar = bindings("form", "application.help")

    def __init__(
        self, words: str, query: Query, look_further: LookFurther, answers: FeedAnswers, zone: tzinfo | None
    ) -> None:
        """`words`: the query as it was written, safe. `answers`: what is known of what was said of others."""
        super().__init__()
        self._words = words
        self._query = query
        self._look_further = look_further
        self._answers = answers
        self._shown = answers.version
        self._bytes = 0
        self._ids: set[str | None] = set()
        self._zone = zone
        self._reached: PastPlace | None = None
        self._note = ""
        self._more = True
        self._looking = False

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog -large", id="hits-dialog") as dialog:
            dialog.border_title = f"Hits: {self._words}".replace("[", r"\[")
            yield HitsView(self._query, self._answers, self._zone, widget_id="hits")

    @property
    def view(self) -> HitsView:
        return self.query_one("#hits", HitsView)

    def on_mount(self) -> None:
        self.view.focus()
        self.set_interval(LOOK_INTERVAL, self._show_news)
        self._look_on()

    def _show_news(self) -> None:
        if self._shown != self._answers.version:
            self._shown = self._answers.version
            self.view.changed()

    @on(HitsView.MoreWanted)
    def _look_on(self) -> None:
        if self._more and not self._looking:
            self._looking = True
            self.run_worker(self._look(), exclusive=True)

    async def _look(self) -> None:
        """Look on until the list is full beyond what is on the screen, or the past is at its end."""
        view, wanted = self.view, len(self.view.hits) + self.size.height + NEAR
        problem = ""
        try:
            while self._more and len(view.hits) < wanted:
                self._take(await self._look_further(self._reached))
                self._tell()
        except (NotConnected, PastNotShown, PastUnreadable, OutcomeUnknown) as error:
            problem = str(error)
            self._more = False
        finally:
            self._looking = False
        self._tell(problem)

    def _take(self, found: FoundHits) -> None:
        view = self.view
        for one in found.hits:
            # What was edited is there in the place of its edit, and comes once more by itself.
            if one.item.id is None or one.item.id not in self._ids:
                self._ids.add(one.item.id)
                view.hits.append(one)
                self._bytes += len(one.item.body)
        self._reached, self._note = found.reached or self._reached, found.note
        self._more = found.more and not self._is_full
        view.changed()

    @property
    def _is_full(self) -> bool:
        return len(self.view.hits) >= HITS_MAX or self._bytes >= BYTES_MAX

    def _tell(self, problem: str = "") -> None:
        view = self.view
        words = count(len(view.hits), "hit")
        if problem:
            words += f" \N{MIDDLE DOT} no more: {problem}"
        elif self._is_full:
            words += " \N{MIDDLE DOT} for older ones say before: and a date"
        elif not self._more:
            words += f" \N{MIDDLE DOT} {self._note or 'all of the past was looked through'}"
        elif self._reached is not None:
            moment = clock_time(self._reached.stamp / MICROSECONDS, self._zone, MOMENT)
            words += f" \N{MIDDLE DOT} looked back to {moment}{ELLIPSIS if self._looking else ''}"
            words += f" \N{MIDDLE DOT} {self._note}" if self._note else ""
        view.words = "Nothing matches." if not self._more else f"Searching{ELLIPSIS}"
        self.query_one("#hits-dialog").border_subtitle = words.replace("[", r"\[")
        if not view.hits:
            view.changed()

    @on(RowView.Inspected)
    def _chosen(self, event: RowView.Inspected) -> None:
        event.stop()
        self.dismiss(self.view.hits[event.index])

    def action_cancel(self) -> None:
        self.dismiss(None)
