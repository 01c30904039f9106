"""A thread: an activity, and under it what answers it, each as deep as it stands."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from datetime import tzinfo
from typing import ClassVar, Final

from textual.strip import Strip

from core.answers import Reference
from tui.feed.activities import sentence
from tui.feed.answer_sentences import REPLY, beside_spans, removed_spans
from tui.feed.feed_answers import FeedAnswers
from tui.feed.feed_item import FeedItem
from tui.text.clock_times import clock_time
from tui.text.safe_text import neutralise_name
from tui.user_actions.action_registry import bindings
from tui.widgets.activity_lines import name_role
from tui.widgets.roles import Piece, look_of
from tui.widgets.row_view import RowView
from tui.widgets.wrapping import wrap

LINES_MAX: Final = 40
"""Lines of one activity; the inspector shows all of it."""
DEPTH_SHOWN: Final = 6
"""What is deeper stands at this depth, and says how deep it is."""

ThreadRow = tuple[int, Reference, FeedItem | None]


class ThreadView(RowView):
    """The activities of a thread. An opened one is told from the others by more than its colour."""

    BINDINGS: ClassVar = bindings("thread")

    def __init__(self, answers: FeedAnswers, *, zone: tzinfo | None, opened: Reference | None) -> None:
        super().__init__(widget_id="thread")
        self._answers = answers
        self._zone = zone
        self._opened = opened
        self._rows: list[ThreadRow] = []

    def show(self, rows: list[ThreadRow]) -> None:
        """Show these, with what was selected and read where it was."""
        first = not self._rows
        self._rows = rows
        if first and (at := self.row_index(self._opened)) is not None:
            self._cursor_key = self._opened
            self._top_key, self._top_line = self.row_key(at), 0
        self.changed()

    @property
    def chosen(self) -> FeedItem | None:
        """The selected activity."""
        selected = self.selected
        return None if selected is None else self._rows[selected][2]

    def item(self, index: int) -> FeedItem | None:
        return self._rows[index][2]

    # --- RowView ---------------------------------------------------------------------------------------------------

    def row_count(self) -> int:
        return len(self._rows)

    def row_key(self, index: int) -> Hashable:
        return self._rows[index][1]

    def row_index(self, key: Hashable) -> int | None:
        return next((place for place, row in enumerate(self._rows) if row[1] == key), None)

    def row_version(self, index: int) -> Hashable:
        depth, _, item = self._rows[index]
        return (depth, item, None if item is None else self._answers.of(item))

    def row_strips(self, index: int, width: int) -> Sequence[Strip]:
        depth, _, item = self._rows[index]
        indent = 2 * min(depth, DEPTH_SHOWN)
        lead = " " * max(0, indent - 2) + (f"{REPLY} " if depth else "")
        deeper = f"({depth} deep) " if depth > DEPTH_SHOWN else ""
        if item is None:
            pieces: list[Piece] = [(lead, "dim"), (f"{deeper}an activity that is not shown here", "mark")]
        else:
            beside = self._answers.of(item)
            said = removed_spans(item) if beside.removed else sentence(item.body).spans
            who = neutralise_name(item.sender) or "?"
            pieces = [
                (lead, "dim"),
                (f"{who} ", "own" if item.own else name_role(item.sender)),
                (f"{clock_time(item.at, self._zone, '%-d %b %H:%M')} {deeper}", "dim"),
                *map(look_of, said),
                *beside_spans(beside),
            ]
        margin = min(indent + 2, max(0, width - 8))
        lines = wrap(pieces, width, LINES_MAX, margin)
        return [
            self.strip_of(line if place == 0 else [(" " * margin, "text"), *line]) for place, line in enumerate(lines)
        ]

    def row_copy(self, index: int) -> str | None:
        item = self._rows[index][2]
        return None if item is None else f"{item.sender}: {sentence(item.body).text}"

    def empty_words(self) -> str:
        return "Nothing is known of this thread."
