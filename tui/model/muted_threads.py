"""Threads of which a person wants to hear nothing more, but for what names them.

What is muted is the beginning of a thread. An activity is of it as far as is known here what answers what.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable

from core.answers import Reference, read_reference
from core.query import entities_of, fold
from tui.feed.activities import plain_text
from tui.feed.answer_sentences import who
from tui.feed.feed_answers import FeedAnswers, answer_of, reference_of
from tui.feed.feed_item import FeedItem


class MutedThreads:
    """Tells which activities are of a muted thread."""

    def __init__(
        self, answers: FeedAnswers, muted: Callable[[], tuple[str, ...]], name: Callable[[], str | None]
    ) -> None:
        """`muted`: the references of the activities with which muted threads begin; `name`: the person's."""
        self._answers = answers
        self._muted = muted
        self._name = name
        self._known: dict[Reference, str] = {}
        self._known_for: Hashable = None

    @property
    def stand(self) -> tuple[Hashable, ...]:
        """What it depends on which activities are muted."""
        muted = self._muted()
        return (muted, self._name(), self._answers.version) if muted else ()

    def of(self, item: FeedItem) -> str:
        """The muted thread that an activity is of, by the reference with which that begins; empty if it is of none."""
        if not self._muted() or item.state == "mark":
            return ""
        beginnings = self._beginnings()
        return next((beginnings[one] for one in self._stands_under(item) if one in beginnings), "")

    def hides(self, item: FeedItem) -> bool:
        """Whether the person wants to hear nothing of an activity, as of a muted thread. Their own they see, and what
        names them: who is asked by name is asked, wherever that is."""
        return not item.own and self.of(item) != "" and not self._names_person(item)

    def words(self, item: FeedItem) -> str:
        """Whose muted thread an activity is of, as it is said of hidden ones; empty if nothing hides it."""
        found = read_reference(self.of(item)) if self.hides(item) else None
        if found is None:
            return ""
        begun = self._answers.item(found)
        if begun is None:
            return "a thread"
        return "your thread" if begun.own else f"thread of {who(begun)}"

    def beginning_of(self, item: FeedItem) -> Reference | None:
        """With what the thread of an activity begins, as far as that is known; None where nothing names it."""
        reference = reference_of(item)
        return None if reference is None else self._answers.table.beginning(reference)

    def _beginnings(self) -> dict[Reference, str]:
        now = (self._muted(), self._answers.version)
        if self._known_for != now:
            self._known_for = now
            read = {one: read_reference(one) for one in self._muted()}
            self._known = {
                self._answers.table.name(reference): one for one, reference in read.items() if reference is not None
            }
        return self._known

    def _stands_under(self, item: FeedItem) -> list[Reference]:
        """An activity, what it answers, and so on."""
        table, reference, answer = self._answers.table, reference_of(item), answer_of(item)
        found = [] if reference is None else [table.name(reference), *table.above(reference)]
        if answer is not None and answer.kind == "reply" and table.name(answer.about) not in found:
            # Of what came long ago the table may have forgotten what it answers.
            found += [table.name(answer.about), *table.above(answer.about)]
        return found

    def _names_person(self, item: FeedItem) -> bool:
        name = self._name()
        if name is None or b"@" not in item.body:
            return False
        text = plain_text(item.body)
        return any(one.kind == "mention" and fold(one.value) == fold(name) for one in entities_of(text))
