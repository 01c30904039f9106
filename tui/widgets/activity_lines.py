"""How an activity is shown in the feed: when, by whom, what it says, and what stands beside it, as lines of cells."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Hashable, Iterable, Sequence
from datetime import tzinfo
from typing import Final

from rich.cells import cell_len

from core.query import Term, fold, is_to
from tui.feed.activities import Span, sentence, whole_sentence
from tui.feed.answer_sentences import CLOSED, OPENED, REPLY, answer_spans, answered_spans, beside_spans, removed_spans
from tui.feed.feed import Feed
from tui.feed.feed_item import FeedItem
from tui.feed.folded_text import folded, is_foldable, line_count, opened
from tui.look.hues import HUES
from tui.text.clock_times import clock_time, same_day
from tui.text.fitting import fit
from tui.text.safe_text import neutralise_name
from tui.widgets.roles import Piece, look_of
from tui.widgets.wrapping import highlight, wrap

ROW_LINES_MAX: Final = 8
"""Lines of one activity in the feed; the inspector shows all of it."""
OPENED_LINES_MAX: Final = 500
"""The same of one that somebody has opened."""
OPENED_MAX: Final = 256
NAME_CELLS: Final = 12
WIDE: Final = 56
DEPTH_SHOWN: Final = 8
DEPTH_SHOWN_NARROW: Final = 3
"""What is deeper beneath an activity stands at this depth, and says how deep it is."""
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


def _role_of(entry: FeedItem) -> str:
    return "own" if entry.own else name_role(entry.sender)


class ActivityLines:
    """The lines of a feed's activities, and which of their texts are shown whole."""

    def __init__(
        self,
        feed: Feed,
        *,
        zone: tzinfo | None,
        reader: Callable[[], str | None],
        answers_reader: Callable[[bytes], bool],
    ) -> None:
        """`reader`: the name of who reads this, if the network knows it; `answers_reader`: whether an activity replies
        to one of theirs."""
        self._feed = feed
        self._zone = zone
        self._reader = reader
        self._answers_reader = answers_reader
        self._opened: set[Hashable] = set()
        """The keys of activities of which all lines are shown."""

    def when(self, entry: FeedItem, width: int) -> str:
        """The time of day of a row of so many cells."""
        return clock_time(entry.at, self._zone, "%H:%M:%S" if width >= WIDE else "%H:%M")

    def is_to_reader(self, entry: FeedItem) -> bool:
        """Whether somebody else has written this to whoever reads it."""
        reader = self._reader()
        if reader is None or entry.own or entry.state == "mark":
            return False
        return is_to(reader, entry.body) or self._answers_reader(entry.body)

    def depends_on(self, entry: FeedItem) -> Hashable:
        """What its lines depend on, beside itself and what they are told."""
        reader = self._reader() if self.is_to_reader(entry) else None
        return (reader, self._zone, self._feed.answers.of(entry), self._answer_spans(entry), self.is_opened(entry))

    def lines(
        self, entry: FeedItem, width: int, searched: Sequence[Term], hidden: str, *, opened: bool
    ) -> list[list[Piece]]:
        """The lines of an activity, none wider than `width`. `searched`: what is to be found easily; `hidden`: why it
        would not be shown; `opened`: whether what answers it is shown beneath."""
        name = neutralise_name(entry.sender) or "?"
        name_cells = NAME_CELLS if width >= WIDE else max(4, min(NAME_CELLS, width // 4))
        when = self.when(entry, width)
        to_reader = self.is_to_reader(entry)
        prefix: list[Piece] = [(when, "dim"), (TO_READER, "me") if to_reader else (" ", "dim")]
        names = highlight([(fit(name, name_cells), _role_of(entry))], searched)
        indent = len(when) + 1 + name_cells + 1
        beside = self._feed.answers.of(entry)
        spans = (*answered_spans(beside), *self._now(entry), *beside_spans(beside, OPENED if opened else CLOSED))
        pieces = self._pieces(entry, spans, searched, to_reader=to_reader)
        if hidden:
            pieces.append((f"  {hidden}", "mark"))
        lines = wrap(pieces, width - indent, self._most_lines(entry))
        blank = " " * indent
        return [
            [*prefix, *names, (" ", "text"), *line] if place == 0 else [(blank, "text"), *line]
            for place, line in enumerate(lines)
        ]

    def answer_lines(
        self, entry: FeedItem, width: int, depth: int, since: float, searched: Sequence[Term]
    ) -> list[list[Piece]]:
        """The lines of what stands so deep beneath an activity that was written at `since` (seconds since 1970)."""
        narrow = width < WIDE
        blank = " " * (6 if narrow else 9)
        level = min(depth, DEPTH_SHOWN_NARROW if narrow else DEPTH_SHOWN)
        lead = "  " * (level + 1)
        hanging = len(blank) + len(lead)
        if entry.state == "mark":
            words: list[Piece] = [(" " * hanging, "text"), (self._feed.sentence(entry).text, "mark")]
            lines = wrap(words, width, ROW_LINES_MAX, hanging)
            return [line if place == 0 else [(" " * hanging, "text"), *line] for place, line in enumerate(lines)]
        if same_day(entry.at, since, self._zone):
            when = self.when(entry, width)
        else:
            when = fit(clock_time(entry.at, self._zone, "%-d%b" if narrow else "%-d %b"), len(blank) - 1)
        to_reader = self.is_to_reader(entry)
        deeper = f"({depth} deep) " if depth > level else ""
        name = neutralise_name(entry.sender) or "?"
        first: list[Piece] = [
            (when, "dim"),
            (TO_READER, "me") if to_reader else (" ", "dim"),
            (f"{lead[:-2]}{REPLY} {deeper}", "dim"),
            *highlight([(fit(name, min(cell_len(name), NAME_CELLS)), _role_of(entry))], searched),
            (" ", "text"),
        ]
        spans = (*self._now(entry), *beside_spans(self._feed.answers.of(entry)))
        pieces = self._pieces(entry, spans, searched, to_reader=to_reader)
        taken = sum(cell_len(text) for text, _ in first)
        lines = wrap([*first, *pieces], width, self._most_lines(entry), hanging) if taken < width else [first]
        return [line if place == 0 else [(" " * hanging, "text"), *line] for place, line in enumerate(lines)]

    def _pieces(
        self, entry: FeedItem, spans: Iterable[Span], searched: Sequence[Term], *, to_reader: bool
    ) -> list[Piece]:
        """What is said of an activity, as it is painted, and what has become of it."""
        pieces = highlight((self._look_of(span, to_reader) for span in spans), searched)
        if entry.state in _STATE_WORDS:
            words, state_role = _STATE_WORDS[entry.state]
            if entry.why:
                words += ": " + neutralise_name(entry.why, 200)
            pieces.append(("  " + words, state_role))
        if entry.late:
            pieces.append(("  came late", "mark"))
        return pieces

    def _most_lines(self, entry: FeedItem) -> int:
        return OPENED_LINES_MAX if self.is_opened(entry) else ROW_LINES_MAX

    def _now(self, entry: FeedItem) -> tuple[Span, ...]:
        """What an activity says now."""
        return removed_spans(entry) if self._feed.answers.of(entry).removed else self._said(entry)

    def _answer_spans(self, entry: FeedItem) -> tuple[Span, ...]:
        return answer_spans(entry, self._feed.answers) or ()

    def _look_of(self, span: Span, to_reader: bool) -> Piece:
        text, role = span
        if role == "mention" and to_reader and fold(text[1:]) == fold((self._reader() or "").strip()):
            return text, "me"
        return look_of(span)

    # --- texts of many lines -----------------------------------------------------------------------------------------

    def is_opened(self, entry: FeedItem) -> bool:
        """Whether all lines of its text are shown."""
        return entry.key in self._opened

    def open(self, entry: FeedItem) -> bool:
        """Show all lines of an activity's text; whether there are others than before."""
        if self.is_opened(entry) or self._feed.answers.of(entry).removed:
            return False
        if not is_foldable(self._said_in_short(entry)[1]):
            return False
        if len(self._opened) >= OPENED_MAX:
            self._opened.clear()
        self._opened.add(entry.key)
        return True

    def close(self, entry: FeedItem) -> bool:
        """Show its first lines again; whether there were others."""
        was = self.is_opened(entry)
        self._opened.discard(entry.key)
        return was

    def _said_in_short(self, entry: FeedItem) -> tuple[tuple[Span, ...], int]:
        """What an activity says now, up to a bound, and how many lines that has."""
        if self._feed.answers.of(entry).version:
            body = self._feed.answers.as_it_is(entry).body
            spans = sentence(body).spans
        else:
            body = entry.body
            spans = self._answer_spans(entry) or self._feed.sentence(entry).spans
        return spans, line_count(spans, body)

    def _said(self, entry: FeedItem) -> tuple[Span, ...]:
        """What an activity says: its first lines, or all of them where somebody has opened it."""
        spans, lines = self._said_in_short(entry)
        if not self.is_opened(entry):
            return folded(spans, lines)
        if self._feed.answers.of(entry).version or not self._answer_spans(entry):
            spans = whole_sentence(self._feed.answers.as_it_is(entry).body).spans
        return opened(spans)
