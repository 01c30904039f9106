"""The feed as data: the rows of a window on the past, what they say of each other, and those on their way.

Sentences are made when a row is first looked at and kept in a small cache: of many thousand rows a person sees some
dozens.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Final

import msgspec

from core.client import PastPlace
from core.query import Query
from tui.feed.activities import Sentence, sentence
from tui.feed.feed_answers import FOLDED_RUN_MAX, FeedAnswers
from tui.feed.feed_item import PENDING_SERIAL, UNPLACED_SERIAL, FeedItem, ItemState
from tui.feed.feed_window import CAPACITY, WINDOW, FeedWindow

SENTENCES_KEPT: Final = 512
"""What is on the largest screen, and a page or two around it."""
MICROSECONDS: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class PastRow:
    """An activity that was read from the past."""

    body: bytes
    sender: str
    at: float
    own: bool
    id: str | None = None
    stamp: int | None = None


class Feed(FeedWindow):
    """The rows of a window, in words, with what they say of each other; and own ones on their way."""

    def __init__(self, capacity: int = CAPACITY, window: int = WINDOW) -> None:
        super().__init__(capacity, window)
        self._pending: OrderedDict[str, FeedItem] = OrderedDict()
        self._pending_count = 0
        self._sentences: OrderedDict[int, Sentence] = OrderedDict()
        self.answers = FeedAnswers()
        self._folded_run = 0
        """How many of the last rows have no line of their own."""
        self._hidden: dict[str, FeedItem] = {}
        """Rows that may be shown again, by the identities of their activities."""
        self.removals = 0
        """Rows in whose place there is another line."""
        self.arrived = 0
        """Activities that ever came in, of whatever age."""

    # --- what comes in ---------------------------------------------------------------------------------------------

    def add(
        self,
        body: bytes,
        sender: str,
        at: float,
        *,
        own_ref: str | None = None,
        live: bool = True,
        own: bool = False,
        late: bool = False,
        entry_id: str | None = None,
        stamp: int | None = None,
        came: float = 0.0,
    ) -> FeedItem:
        """An activity has arrived; with `own_ref` it takes the place of the one that was on its way."""
        if own_ref is not None and self._pending.pop(own_ref, None) is not None:
            own = True
            self.answers.sent(own_ref)
        entry = FeedItem(0, body, sender, at, "arrived", own, live, id=entry_id, stamp=stamp, came=came, late=late)
        self.answers.note(entry)
        entry = self._folded(entry)
        self.append(entry)
        self.arrived += 1
        return entry

    def mark(self, words: str, at: float) -> None:
        """A line of the application's own, such as where history ends."""
        self.append(FeedItem(0, words.encode(), "", at, "mark"))

    def sending(self, ref: str, body: bytes, sender: str, at: float) -> None:
        """An own activity is on its way."""
        serial = PENDING_SERIAL + self._pending_count
        self._pending_count += 1
        entry = FeedItem(serial, body, sender, at, "sending", own=True)
        self._pending[ref] = msgspec.structs.replace(entry, folded=self.answers.sending(ref, entry))
        self.version += 1

    def accepted(self, ref: str) -> None:
        self._settle(ref, "accepted", "")

    def refused(self, ref: str, why: str) -> None:
        """An own activity was refused: it stays where it is in time, marked."""
        entry = self._pending.pop(ref, None)
        self.answers.sent(ref)
        if entry is not None:
            self.append(msgspec.structs.replace(entry, state="refused", why=why, folded=False))

    def unknown(self, ref: str, why: str) -> None:
        """What became of an own activity cannot be said: the connection broke before the answer."""
        self.answers.sent(ref)
        self._settle(ref, "unknown", why)

    def _settle(self, ref: str, state: ItemState, why: str) -> None:
        entry = self._pending.get(ref)
        if entry is not None:
            folded = entry.folded and state != "unknown"
            self._pending[ref] = msgspec.structs.replace(entry, state=state, why=why, folded=folded)
            self.version += 1

    def _folded(self, entry: FeedItem) -> FeedItem:
        """A row, folded if it only changes what is shown of another one. A line stands for so many of them at most."""
        folds = self._folded_run < FOLDED_RUN_MAX and self.answers.folds(entry)
        self._folded_run = self._folded_run + 1 if folds else 0
        return msgspec.structs.replace(entry, folded=True) if folds else entry

    def _items(self, rows: Sequence[PastRow]) -> list[FeedItem]:
        """Rows of the past, the oldest first; those that answer one another are known by then."""
        items = [_item(row, 0) for row in rows]
        for item in items:
            self.answers.note(item)
        self._folded_run = 0
        return [self._folded(item) for item in items]

    def remove(self, ids: Collection[str], words: Callable[[str], str], why: str = "removed") -> int:
        """Let go of activities that operators have removed; how many were here. A line of the application's own takes
        the place of each: `words` makes it of the sender's name; `why` stands for several of them."""
        gone = self._put_in_place(set(ids), lambda row: _in_place_of(self._hidden.pop(row.id or "", row), words, why))
        for one in ids:
            self._hidden.pop(one, None)
        self.answers.forget(ids)
        return gone

    def hide(self, server: str, since: float, words: Callable[[str], str], why: str = "of an expelled server") -> None:
        """Show no more what a server has accepted from a time on, until it is shown again (`show_again`). `words` and
        `why`: as for `remove`."""
        begin = f"{server}."
        for row in [*self._tail, *self.newest_first()]:
            if row.id is not None and row.id.startswith(begin) and row.at >= since and row.state != "mark":
                self._hidden[row.id] = row
        self.answers.forget([one for one in self._hidden if one.startswith(begin)])
        # Its place stays known.
        self._put_in_place(
            {one for one in self._hidden if one.startswith(begin)},
            lambda row: (
                msgspec.structs.replace(_in_place_of(row, words, why), id=row.id, stamp=row.stamp)
                if row.state != "mark"
                else row
            ),
        )

    def show_again(self, server: str) -> None:
        """Show what a server has accepted and was hidden."""
        begin = f"{server}."
        again = {one: row for one, row in self._hidden.items() if one.startswith(begin)}
        for one in again:
            del self._hidden[one]
        self.answers.show_again(again.values())
        self._put_in_place(set(again), lambda row: msgspec.structs.replace(again[row.id or ""], serial=row.serial))

    def _put_in_place(self, ids: set[str], other: Callable[[FeedItem], FeedItem]) -> int:
        """Have other rows in the places of those of some activities; how many were here."""
        count = self.replace(ids, other)
        self.removals += bool(count)
        return count

    # --- the past --------------------------------------------------------------------------------------------------

    def prepend(self, rows: Sequence[PastRow], floor: PastPlace | None = None) -> None:
        """Put older rows on top, as `put_above` does. Raises ValueError when there is no room."""
        self.put_above(self._items(rows), floor)

    def extend(self, rows: Sequence[PastRow], ceiling: PastPlace | None) -> bool:
        """Put newer rows at the end, as `put_below` does."""
        return self.attached or self.put_below(self._items(rows), ceiling)

    def show(
        self, rows: Sequence[PastRow], floor: PastPlace | None, ceiling: PastPlace | None, reading: int = 0
    ) -> None:
        """Have the window at another place, as `move` does."""
        self.move(self._items(rows), floor, ceiling, reading)

    # --- what is shown ---------------------------------------------------------------------------------------------

    def __len__(self) -> int:
        return self.settled + len(self._pending)

    def serials_mean_others(self, serial: int | None = None) -> None:
        if serial is None:
            self._sentences.clear()
        else:
            self._sentences.pop(serial, None)

    def by_serial(self, serial: int) -> FeedItem | None:
        if serial >= PENDING_SERIAL:
            return next((entry for entry in self._pending.values() if entry.serial == serial), None)
        return self._rows.get(serial)

    def pending(self) -> tuple[FeedItem, ...]:
        """Own activities on their way."""
        return tuple(self._pending.values())

    def sentence(self, entry: FeedItem) -> Sentence:
        """The row in words."""
        if entry.serial == UNPLACED_SERIAL:
            return self.read(entry)
        said = self._sentences.get(entry.serial)
        if said is not None:
            self._sentences.move_to_end(entry.serial)
            return said
        said = self.read(entry)
        self._sentences[entry.serial] = said
        if len(self._sentences) > SENTENCES_KEPT:
            self._sentences.popitem(last=False)
        return said

    def is_wanted(self, entry: FeedItem, query: Query) -> bool:
        """Whether a row is one that somebody looks for, as it is now; lines of the application's own never are."""
        if entry.state == "mark":
            return False
        return self.answers.fits_now(query, entry)

    @staticmethod
    def read(entry: FeedItem) -> Sentence:
        """The row in words, without keeping them: for a search through all rows."""
        if entry.state == "mark":
            return Sentence(((entry.body.decode(), "mark"),))
        return sentence(entry.body)


def _item(row: PastRow, serial: int) -> FeedItem:
    return FeedItem(serial, row.body, row.sender, row.at, "arrived", row.own, live=False, id=row.id, stamp=row.stamp)


def _in_place_of(row: FeedItem, words: Callable[[str], str], why: str) -> FeedItem:
    """What stands in the place of an activity that is not to be seen."""
    return FeedItem(row.serial, words(row.sender).encode(), "", row.at, "mark", why=why)
