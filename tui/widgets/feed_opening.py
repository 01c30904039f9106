"""What opens and closes in place in a feed: hidden rows, texts of many lines, and threads.

Whatever comes to stand there, or goes, somebody reads on where they are: the selected row stays on its line.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any, Final

from textual.message import Message

from tui.feed.feed_answers import reference_of
from tui.feed.feed_item import FeedItem
from tui.widgets.feed_places import FeedPlaces
from tui.widgets.opened_threads import OPENED_THREADS_MAX, OpenedThread

NOTHING_THERE: Final = "There is no activity here to open."
OPENS_NOTHING: Final = "This line stands for nothing hidden, and no answer to it is loaded: C looks in the past."
CLOSES_NOTHING: Final = "Nothing is open at the selected line of the feed."
UNNAMED: Final = "No server has said yet what names this activity, so nothing answers it."


class FeedOpening(FeedPlaces):
    """The rows of a feed, opened and closed by keys."""

    class AnswersWanted(Message):
        """What answers an activity is to be looked for in the past: it is shown beneath it."""

        def __init__(self, thread: OpenedThread) -> None:
            super().__init__()
            self.thread = thread

    def __init__(self, *arguments: Any, **options: Any) -> None:
        """As of `FeedRows`."""
        super().__init__(*arguments, **options)
        self._reads_at: tuple[Hashable, int] | None = None
        """The selected row, and on which line of the view it begins."""
        self._was_at_thread = False

    # --- what the keys ask for ---------------------------------------------------------------------------------------

    def open_here(self) -> str:
        """Show what belongs to the selected line: the rows that it stands for, the rest of its text, what answers it.
        Why there is nothing to show, in words for a person; empty where there is."""
        if self.selected is None:
            return NOTHING_THERE
        if self.open_hidden(wanted=True) or self.show_more() or self.open_folded(wanted=True):
            return ""
        entry = self._entry(self.selected)
        if entry.state == "mark" or not self.feed.answers.of(entry).replies:
            return OPENS_NOTHING
        return self.open_thread()

    def close_here(self) -> str:
        """Fold what belongs to the selected line again, what was opened last first. Why there is nothing to fold, in
        words for a person; empty where there is."""
        if self.selected is None:
            return NOTHING_THERE
        if self.thread_at(self.selected) is not None and self.open_folded(wanted=False):
            return ""
        if self.close_thread() or self.open_hidden(wanted=False) or self.open_folded(wanted=False):
            return ""
        return CLOSES_NOTHING

    def toggle_thread(self) -> str:
        """Show what answers the selected activity beneath it, or no more. Why it cannot, in words for a person."""
        return "" if self.close_thread() else self.open_thread()

    def action_inspect(self) -> None:
        if not (self.open_hidden(wanted=True) or self.show_more()):
            super().action_inspect()

    @property
    def at_thread(self) -> bool:
        """Whether something answers the selected activity, or it stands beneath one that it answers."""
        selected = self.selected
        if selected is None or self.thread_at(selected) is not None:
            return selected is not None
        entry = self._entry(selected)
        return entry.state != "mark" and self.feed.answers.of(entry).replies > 0

    # --- hidden rows -------------------------------------------------------------------------------------------------

    def open_hidden(self, *, wanted: bool) -> bool:
        """Show the rows for which the selected line stands, or have one line stand for them again; whether it can."""
        selected = self.selected
        place, thread = self._threads.at(selected) if selected is not None else (0, None)
        run = self._window.hidden_run(place) if selected is not None and thread is None else None
        if selected is None or run is None or run.opened == wanted:
            return False
        if wanted:
            top = self.visible_rows.start
            self._stop_following(selected)
            self._window.hidden.open(run)
            if selected == top:
                self._anchor(selected, 0)
        else:
            first = self._window.serial(run.rows.start)
            self._cursor_key = first
            self._window.hidden.close(run)
            index = self.row_index(first)
            self._bring_into_view(index if index is not None else 0)
        self.changed()
        return True

    # --- texts of many lines -----------------------------------------------------------------------------------------

    def open_folded(self, *, wanted: bool) -> bool:
        """Show all lines of the selected activity, or its first ones again; whether there are others."""
        selected = self.selected
        entry = self._entry(selected) if selected is not None else None
        if selected is None or entry is None or entry.state == "mark":
            return False
        if not (self._activity_lines.open(entry) if wanted else self._activity_lines.close(entry)):
            return False
        self._stop_following(selected)
        self._bring_into_view(selected)
        self.changed()
        return True

    def _stop_following(self, selected: int) -> None:
        """Stay where the view is, with this row selected, though it was at the end: a row becomes higher."""
        self._cursor_key = self.row_key(selected)
        if self._follow and self.is_laid_out:
            self._anchor(*self._end_anchor())
            self._follow = False

    # --- threads -----------------------------------------------------------------------------------------------------

    def open_thread(self) -> str:
        """Show what answers the selected activity beneath it. Why it cannot, in words for a person."""
        selected = self.selected
        entry = self._entry(selected) if selected is not None else None
        if selected is None or entry is None or entry.state == "mark":
            return "Select an activity in the feed first."
        place, within = self._threads.at(selected)
        if within is not None:
            return "What answers this one is shown beneath it already."
        if self._window.hidden_words(place)[0]:
            return "What this line stands for is hidden: Enter shows it first."
        why = self._why_not(entry)
        if not why:
            self._stop_following(selected)
            thread = self._threads.open(entry, self._answers_to(entry))
            self._show_beneath(selected, thread)
            self.post_message(self.AnswersWanted(thread))
        return why

    def _why_not(self, entry: FeedItem) -> str:
        if entry.state != "arrived" or reference_of(entry) is None:
            return UNNAMED
        if len(self._threads) >= OPENED_THREADS_MAX:
            return (
                f"{OPENED_THREADS_MAX} threads are open, that is all there is room for; \N{LEFTWARDS ARROW} closes one."
            )
        return ""

    def _show_beneath(self, selected: int, thread: OpenedThread) -> None:
        """Have what stands beneath the selected activity in sight, as far as that one stays in sight."""
        if self.is_laid_out:
            last = min(selected + len(thread.rows), self.row_count() - 1)
            lowest, top = self._end_anchor(last), self._top()
            if top < lowest:
                self._anchor(*min(lowest, (selected, 0)))
        self.changed()

    def close_thread(self) -> bool:
        """Have nothing stand beneath the selected activity, or beneath the one beneath which it stands, which is
        selected then; whether anything did."""
        selected = self.selected
        if selected is None:
            return False
        root = self.serial_at(selected)
        if self._threads.of(root) is None:
            return False
        self._threads.close(root)
        self._cursor_key = root
        if not self._follow and (index := self.row_index(root)) is not None:
            self._bring_into_view(index)
        self.changed()
        return True

    def show_more(self) -> bool:
        """Show more of what answers an activity, if the selected line says that there is more."""
        selected = self.selected
        place, thread = self._threads.at(selected) if selected is not None else (0, None)
        if selected is None or thread is None or not thread.has_more or thread.rows[place].reference is not None:
            return False
        line = next((line for line, (index, _) in enumerate(self._visible) if index == selected), 0)
        thread.show_more()
        self._threads.look_again()
        self._cursor_key = self.row_key(selected)
        self._follow = False
        self._anchor(selected, -line)
        self.changed()
        return True

    def found_answers(self, thread: OpenedThread, problem: str | None = None) -> bool:
        """More has become known of a thread; with a `problem`, be it empty, nothing more will. Whether anything
        answers its activity, as far as that is known."""
        if problem is not None:
            thread.looking, thread.problem = False, problem
        self._stay(self._threads.look_again)
        if problem is not None and not thread.answers and self._threads.of(thread.root) is thread:
            self._stay(lambda: self._threads.close(thread.root))
        selected = self.selected
        if selected is not None and self._cursor_key == thread.root and thread is self._threads.of(thread.root):
            # Nobody has gone on yet.
            self._show_beneath(selected, thread)
        else:
            self.changed()
        return bool(thread.answers)

    # --- staying where one is ----------------------------------------------------------------------------------------

    def changed(self) -> None:
        super().changed()
        self._reads_at = None
        at_thread = self.at_thread
        if at_thread != self._was_at_thread and self.is_attached:
            self._was_at_thread = at_thread
            self.post_message(self.PositionChanged())
        selected = self.selected if self._threads and not self._follow else None
        if selected is not None:
            line = next((line for line, (index, part) in enumerate(self._visible) if index == selected), None)
            if line is not None:
                self._reads_at = self.row_key(selected), line - self._visible[line][1]

    def _take(self) -> None:
        self._stay(super()._take)

    def _stay(self, change: Any) -> None:
        """Have rows come and go elsewhere, with the selected one on its line."""
        reads_at, top = self._reads_at, self._top_key
        before = self._threads.changes
        change()
        if reads_at is None or self._threads.changes == before or self._follow or self._top_key != top:
            return
        key, line = reads_at
        index = self.row_index(key) if key == self._cursor_key else None
        if index is not None and index < self.row_count() and self.row_key(index) == key:
            self._anchor(index, -line)
