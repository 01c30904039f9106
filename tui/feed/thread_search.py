"""Looking for all of a thread: what an activity answers, and what answers it, in the past that a server shows."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Final

from core.answers import Reference
from core.client import PastEntry
from core.query import QUERY_CHARACTERS_MAX
from tui.feed.feed_answers import FeedAnswers, answer_of, reference_of
from tui.feed.feed_item import FeedItem
from tui.feed.past_answers import AskPast, PastQuestion, about, past_item

AT_ONCE: Final = 8
"""Activities about which one question asks."""
QUESTIONS_MAX: Final = 100
FOUND_MAX: Final = 2_000
"""Activities of one thread."""
BENEATH_MAX: Final = 500
"""Activities that answer one, where they are shown beneath it."""


class ThreadSearch:
    """The activities of one thread, as far as they are known. They stay known as long as the thread is looked at."""

    def __init__(
        self,
        answers: FeedAnswers,
        start: FeedItem | Reference,
        ask: AskPast,
        is_own: Callable[[str], bool],
        *,
        beneath: bool = False,
        waits: bool = True,
    ) -> None:
        """`beneath`: only what answers `start` is looked for, and what answers that, and less of it. `waits`: whether
        somebody waits for it: else a server that has no index for it is not asked on."""
        self._answers = answers
        self._beneath = beneath
        self._waits = waits
        self._most = BENEATH_MAX if beneath else FOUND_MAX
        self._ask = ask
        self._is_own = is_own
        self._items: dict[Reference, FeedItem] = {}
        self._start = reference_of(start) if isinstance(start, FeedItem) else start
        if self._start is not None and isinstance(start, FeedItem):
            self._items[answers.table.name(self._start)] = start
        self._is_through = False
        self._is_cut = False

    @property
    def complete(self) -> bool:
        """Whether all of the past was looked through, and all that is known is among the rows."""
        return self._is_through and not self._is_cut

    @property
    def beginning(self) -> Reference | None:
        """With what the thread begins, as far as is known."""
        if self._start is None or self._beneath:
            return self._start
        return self._answers.table.beginning(self._start)

    def rows(self) -> list[tuple[int, Reference, FeedItem | None]]:
        """The activities of the thread in their order, each with how deep it stands, as they are now. Of a flood of
        answers there are as many as are looked for, and no more: each time that anything is said they are gathered."""
        beginning, answers = self.beginning, self._answers
        if beginning is None:
            return []
        found = []
        thread = answers.table.thread(beginning, self._most + 2)
        self._is_cut = len(thread) == self._most + 2
        for depth, reference in thread[: self._most + 1]:
            item = self._items.get(reference) or answers.item(reference)
            found.append((depth, reference, None if item is None else answers.as_it_is(item)))
        return found

    def is_removed(self, item: FeedItem) -> bool:
        """Whether its sender has removed an activity."""
        reference = reference_of(item)
        return reference is not None and self._answers.table.removed_at(reference, item.sender) is not None

    async def look(self, tell: Callable[[], object] = lambda: None) -> None:
        """Look through the past; `tell` is called when something was found. Raises as reading it does."""
        asked: set[Reference] = set()
        waiting = deque(reference for _, reference, _ in self.rows())
        for _ in range(QUESTIONS_MAX):
            batch: list[Reference] = []
            room = QUERY_CHARACTERS_MAX
            while waiting and len(batch) < AT_ONCE:
                reference = self._answers.table.name(waiting[0])
                # Whoever answers chooses how long the name of that is.
                room -= 0 if reference in asked else len(about(reference)) + 1
                if room < 0:
                    break
                waiting.popleft()
                if reference not in asked:
                    asked.add(reference)
                    batch.append(reference)
            if not batch:
                self._is_through = True
                return
            if not await self._look_about(batch, waiting, tell):
                return

    async def _look_about(self, batch: list[Reference], waiting: deque[Reference], tell: Callable[[], object]) -> bool:
        """Whether all that is about these was found; replies, and what they answer, are `waiting` from here on."""
        question = PastQuestion(self._ask, " ".join(map(about, batch)))
        async for page in question.pages():
            for entry in page.entries:
                self._take(entry, waiting)
            tell()
            if len(self._items) >= self._most or (page.unindexed is None and not self._waits):
                break
        return question.through

    def _take(self, entry: PastEntry, waiting: deque[Reference]) -> None:
        item = past_item(entry, self._is_own)
        reference = reference_of(item)
        if reference is None:
            return
        self._answers.note(item, is_shown=False)
        answer = answer_of(item)
        if answer is None or answer.kind == "reply":
            self._items[self._answers.table.name(reference)] = item
            waiting.append(reference)
        if answer is not None and answer.kind == "reply" and not self._beneath:
            waiting.append(answer.about)
