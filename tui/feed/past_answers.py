"""What was said of some activities in all of the past that a server shows: asked for a few of them at a time.

A question has a bound on what it asks about and on what it brings. Who is answered by thousands is asked about no more
after some hundreds, and its own edits and removals are asked for apart: so no flood of answers hides that something was
removed, nor what was said of anything else.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Iterator, Sequence
from typing import Final, NamedTuple

from core.answers import Reaction, Reference, Reply
from core.client import PastEntry, PastPage, PastPlace
from core.query import QUERY_CHARACTERS_MAX, Query
from core.wire import ANONYMOUS, original_name
from tui.feed.activities import sentence
from tui.feed.feed_answers import FeedAnswers, answer_of, reference_of
from tui.feed.feed_item import FeedItem

AT_ONCE: Final = 24
"""Activities about which one question asks."""
PAGE: Final = 200
"""Activities of one page."""
PLENTY: Final = 400
"""After so many answers to one activity it is asked about no more."""
PLENTY_BYTES: Final = 256 * 1024
PAGES_MAX: Final = 60
"""Pages of one question: more than that many with plenty of answers have."""
SCANNED_MAX: Final = 5
"""Pages of a question that a server looks for without an index: some tenths of a second of its time each."""
WITHIN_MAX: Final = 240
"""Of the replies and reactions to those that one question asks about, so many are asked about as well."""
PAUSE: Final = 0.2
"""Seconds until the server is asked again, when it had more to do before it could look."""
TRIES: Final = 50
EARLIER: Final = 24 * 3600 * 1_000_000
"""Microseconds by which an answer may have an earlier stamp than what it answers, where clocks differ."""
MICROSECONDS: Final = 1_000_000
_ROOM: Final = QUERY_CHARACTERS_MAX - 100
"""Characters for references; the rest is for what else a question asks."""

AskPast = Callable[[PastPlace | None, str, int], Awaitable[PastPage]]
"""A page of what stands before a place and matches a query, of at most so many."""


class AskedAbout(NamedTuple):
    """An activity of which somebody wants to know what was said of it."""

    reference: Reference
    sender: str = ""
    """Whose it is; empty where nobody knows here."""
    stamp: int | None = None
    """When it was said, in microseconds since 1970, as far as that is known."""


class PastQuestion:
    """One question, over as many pages as it takes."""

    def __init__(self, ask: AskPast, query: str) -> None:
        self.query = query
        self.through = False
        """Whether nothing is left to look at."""
        self._ask = ask
        self._place: PastPlace | None = None

    async def pages(self, *, scanned_max: int | None = None) -> AsyncGenerator[PastPage]:
        """The pages, the newest first; they end early where the server cannot look. Raises as reading the past does."""
        waited = scanned = 0
        while not self.through:
            page = await self._ask(self._place, self.query, PAGE)
            self.through = not page.more
            yield page
            waited = waited + 1 if page.reached == self._place else 0
            scanned += page.unindexed is None
            if self.through or waited > TRIES or (scanned_max is not None and scanned >= scanned_max):
                return
            if waited:
                await asyncio.sleep(PAUSE)
            self._place = page.reached


class PastAnswers:
    """Has what is known of answers know more of some activities."""

    def __init__(
        self, answers: FeedAnswers, ask: AskPast, is_own: Callable[[str], bool] = lambda sender: False
    ) -> None:
        self._answers = answers
        self._ask = ask
        self._is_own = is_own
        self.is_sure = True
        """Whether the server could look everywhere."""

    async def look(self, wanted: Iterable[AskedAbout], *, counts: bool = True) -> None:
        """Ask what was said of some activities, and take it in; `counts`: also which of their replies were removed, and
        which reactions were taken back. Raises as reading the past does."""
        for batch in _batches(wanted, self._answers):
            await self._look_about(batch)
            if counts:
                within = list(self._answers_to(batch))[:WITHIN_MAX]
                for those in _batches(within, self._answers):
                    await self._read(PastQuestion(self._ask, f"{_query(those)} type:Undo type:Delete"))

    async def _look_about(self, batch: Sequence[AskedAbout]) -> None:
        left = {self._answers.table.name(one.reference): one for one in batch}
        found = {name: [0, 0] for name in left}
        question = PastQuestion(self._ask, _query(left.values()))
        pages = 0
        async for page in question.pages(scanned_max=SCANNED_MAX):
            pages += 1
            for entry in page.entries:
                about = self._take(entry)
                if about in found:
                    found[about][0] += 1
                    found[about][1] += len(entry.body)
            plenty = [name for name in left if found[name][0] >= PLENTY or found[name][1] >= PLENTY_BYTES]
            if plenty and not question.through:
                for name in plenty:
                    del left[name]
                question.query = _query(left.values())
            if not left or pages == PAGES_MAX:
                break
        is_cut = pages == PAGES_MAX and not question.through
        self.is_sure &= question.through or is_cut or not left
        for one in batch:
            if is_cut or self._name(one) not in left:
                await self._look_for_words(one)

    async def _look_for_words(self, one: AskedAbout) -> None:
        """Ask what an activity says that has plenty of answers: what its sender has made of it, and itself."""
        changes = f"{about(one.reference)} type:Update type:Delete{_from(one.sender)}"
        await self._read(PastQuestion(self._ask, changes))
        if self._answers.item(one.reference) is None:
            others = " ".join(f"-type:{kind}" for kind in ("Like", "Dislike", "EmojiReact", "Undo", "Update", "Delete"))
            await self._read(PastQuestion(self._ask, f"{about(one.reference)} {others}"))

    async def _read(self, question: PastQuestion) -> None:
        pages = 0
        async for page in question.pages(scanned_max=SCANNED_MAX):
            pages += 1
            for entry in page.entries:
                self._take(entry)
            if pages == PAGES_MAX:
                break
        self.is_sure &= question.through

    def _answers_to(self, batch: Iterable[AskedAbout]) -> Iterator[AskedAbout]:
        """The replies and reactions to some activities, the latest of each first."""
        for one in batch:
            found = self._answers.table.of(one.reference)
            those: list[Reply | Reaction] = [*found.replies, *found.reactions]
            for answer in sorted(those, key=lambda answer: answer[:2], reverse=True):
                if answer.own is not None:
                    yield AskedAbout(answer.own, answer.sender, answer.stamp)

    def _name(self, one: AskedAbout) -> Reference:
        return self._answers.table.name(one.reference)

    def _take(self, entry: PastEntry) -> Reference | None:
        """An activity of the past; what it says something of, if anything."""
        item = past_item(entry, self._is_own)
        self._answers.note(item, is_shown=False)
        answer = answer_of(item)
        return None if answer is None else self._answers.table.name(answer.about)


def past_item(entry: PastEntry, is_own: Callable[[str], bool] = lambda sender: False) -> FeedItem:
    """An activity of the past as a row that stands nowhere."""
    sender = entry.sender or sentence(entry.body).sender
    at = entry.stamp / MICROSECONDS
    return FeedItem(0, entry.body, sender, at, own=is_own(sender), live=False, id=entry.id, stamp=entry.stamp)


def asked_about(item: FeedItem, answers: FeedAnswers) -> list[AskedAbout]:
    """What has to be known to show an activity: what was said of it, and of what it answers."""
    found = []
    if (reference := reference_of(item)) is not None:
        found.append(AskedAbout(reference, item.sender, item.stamp))
    answer = answer_of(item)
    if answer is not None and answers.item(answer.about) is None:
        found.append(AskedAbout(answer.about))
    return found


def about(reference: Reference) -> str:
    """What asks for an activity and what answers it, in the language of queries."""
    return f'about:"{reference}"'


def _batches(wanted: Iterable[AskedAbout], answers: FeedAnswers) -> Iterator[list[AskedAbout]]:
    """Each activity once, as many at a time as one question has room for."""
    batch: list[AskedAbout] = []
    asked: set[Reference] = set()
    room = _ROOM
    for one in wanted:
        name = answers.table.name(one.reference)
        if name in asked:
            continue
        asked.add(name)
        # Whoever answers chooses how long the name of that is.
        size = len(about(name)) + 1
        if len(batch) == AT_ONCE or size > room:
            yield batch
            batch, room = [], _ROOM
        batch.append(one)
        room -= size
    if batch:
        yield batch


def _query(wanted: Iterable[AskedAbout]) -> str:
    items = list(wanted)
    stamps = [one.stamp for one in items]
    known = [stamp for stamp in stamps if stamp is not None]
    since = str(Query(since=max(0, min(known) - EARLIER))) if known and len(known) == len(stamps) else ""
    return " ".join([*(about(one.reference) for one in items), since]).rstrip()


def _from(sender: str) -> str:
    """What asks for what an account has sent, before and after a conflict over its name."""
    if not sender or sender == ANONYMOUS:
        return ""
    name = original_name(sender).replace('"', '""')
    return f' from:"{sender.replace(chr(34), chr(34) * 2)}" from:"{name}" from:"{name}~"*'
