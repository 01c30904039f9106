"""The feed as data: a bounded ring of activities, and those on their way.

Rows carry a *serial* that counts up for ever, so a row keeps its identity while older ones leave the ring or are put on
top of it (those count down, below zero). Sentences
are made when a row is first looked at and kept in a small cache: of a hundred thousand rows a person sees some dozens.
"""

from __future__ import annotations

import contextlib
import zlib
from collections import OrderedDict, deque
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Literal

import msgspec

from core.query import Query, document, matches
from tui.feed.activities import Sentence, sentence

CAPACITY: Final = 100_000
"""Rows kept; the oldest leave first. Packed, an activity takes a hundred bytes or two: 10 to 20 MB when it is full."""
SENTENCES_KEPT: Final = 512
"""What is on the largest screen, and a page or two around it."""
MICROSECONDS: Final = 1_000_000
PENDING_SERIAL: Final = 1 << 60
"""Own activities on their way are numbered from here: they stand below everything that has arrived."""

ItemState = Literal["arrived", "sending", "accepted", "refused", "unknown", "mark"]


class FeedItem(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """One row. `at` is wall-clock seconds since 1970; `why` says what came of an own activity that was not accepted."""

    serial: int
    body: bytes
    sender: str
    at: float
    state: ItemState = "arrived"
    own: bool = False
    live: bool = True
    why: str = ""
    id: str | None = None
    """The identity under which a server has accepted it; None where none has yet, or a base server does not say."""


@dataclass(frozen=True, slots=True)
class Older:
    """An activity that belongs above the oldest row."""

    body: bytes
    sender: str
    at: float
    own: bool
    id: str | None = None


class Feed:
    """The rows. Whoever shows them asks by index, oldest first."""

    def __init__(self, capacity: int = CAPACITY) -> None:
        self._capacity = capacity
        self._dropped = False
        self._chunks = _Chunks()
        self._pending: OrderedDict[str, FeedItem] = OrderedDict()
        self._pending_count = 0
        self._sentences: OrderedDict[int, Sentence] = OrderedDict()
        self._hidden: dict[int, FeedItem] = {}
        """Rows that may be shown again, by their serials."""
        self.version = 0
        """Counts every change."""
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
        entry_id: str | None = None,
    ) -> FeedItem:
        """An activity has arrived; with `own_ref` it takes the place of the one that was on its way."""
        if own_ref is not None and self._pending.pop(own_ref, None) is not None:
            own = True
        entry = FeedItem(self._chunks.end, body, sender, at, "arrived", own, live, id=entry_id)
        self._append(entry)
        self.arrived += 1
        return entry

    def mark(self, words: str, at: float) -> None:
        """A line of the application's own, such as where history ends."""
        self._append(FeedItem(self._chunks.end, words.encode(), "", at, "mark"))

    def sending(self, ref: str, body: bytes, sender: str, at: float) -> None:
        """An own activity is on its way."""
        serial = PENDING_SERIAL + self._pending_count
        self._pending_count += 1
        self._pending[ref] = FeedItem(serial, body, sender, at, "sending", own=True)
        self.version += 1

    def accepted(self, ref: str) -> None:
        self._settle(ref, "accepted", "")

    def refused(self, ref: str, why: str) -> None:
        """An own activity was refused: it stays where it is in time, marked."""
        entry = self._pending.pop(ref, None)
        if entry is not None:
            self._append(msgspec.structs.replace(entry, serial=self._chunks.end, state="refused", why=why))

    def unknown(self, ref: str, why: str) -> None:
        """What became of an own activity cannot be said: the connection broke before the answer."""
        self._settle(ref, "unknown", why)

    def _settle(self, ref: str, state: ItemState, why: str) -> None:
        entry = self._pending.get(ref)
        if entry is not None:
            self._pending[ref] = msgspec.structs.replace(entry, state=state, why=why)
            self.version += 1

    def _append(self, entry: FeedItem) -> None:
        self._chunks.append(entry)
        if len(self._chunks) > self._capacity:
            self._hidden.pop(self._chunks.start, None)
            self._chunks.drop_oldest()
            self._dropped = True
        self.version += 1

    def remove(self, ids: Collection[str], words: Callable[[str], str]) -> int:
        """Let go of activities that operators have removed; how many were here. A line of the application's own takes
        the place of each: `words` makes it of the sender's name."""
        left = set(ids)
        for row in self._chunks.find(left):
            self._put(FeedItem(row.serial, words(row.sender).encode(), "", row.at, "mark"))
        gone = len(ids) - len(left)
        for serial in [serial for serial, row in self._hidden.items() if row.id in left]:
            del self._hidden[serial]
        return gone

    def hide(self, server: str, since: float, words: Callable[[str], str]) -> None:
        """Show no more what a server has accepted from a time on, until it is shown again (`show_again`)."""
        begin = f"{server}."
        found = [row for row in self.newest_first() if row.at >= since and row.id is not None]
        for row in (row for row in found if row.id is not None and row.id.startswith(begin)):
            self._hidden[row.serial] = row
            self._put(FeedItem(row.serial, words(row.sender).encode(), "", row.at, "mark"))

    def show_again(self, server: str) -> None:
        """Show what a server has accepted and was hidden."""
        begin = f"{server}."
        for serial, row in list(self._hidden.items()):
            if serial < self._chunks.start:
                del self._hidden[serial]
            elif row.id is not None and row.id.startswith(begin):
                self._put(self._hidden.pop(serial))

    def _put(self, row: FeedItem) -> None:
        """Have a row take the place of the one with its serial."""
        self._chunks.replace(row)
        self._sentences.pop(row.serial, None)
        self.removals += 1
        self.version += 1

    # --- what was before -------------------------------------------------------------------------------------------

    @property
    def room_above(self) -> int:
        """How many older rows may be added on top: none once the oldest ones have had to leave."""
        return 0 if self._dropped else self._capacity - len(self._chunks)

    def prepend(self, rows: Sequence[Older]) -> None:
        """Add rows on top, `rows` with the oldest first. Raises ValueError when there is no room for them."""
        if len(rows) > self.room_above:
            raise ValueError(f"there is room for {self.room_above} older rows, not for {len(rows)}")
        for row in reversed(rows):
            self._chunks.prepend(
                FeedItem(
                    self._chunks.start - 1, row.body, row.sender, row.at, "arrived", row.own, live=False, id=row.id
                )
            )
        self.version += 1

    def mark_beginning(self, words: str) -> None:
        """A line of the application's own on top; nothing where the feed is full."""
        oldest = self._chunks.get(self._chunks.start)
        if oldest is not None and self.room_above:
            self._chunks.prepend(FeedItem(self._chunks.start - 1, words.encode(), "", oldest.at, "mark"))
            self.version += 1

    # --- what is shown ---------------------------------------------------------------------------------------------

    def __len__(self) -> int:
        return len(self._chunks) + len(self._pending)

    @property
    def settled(self) -> int:
        """Rows that have arrived and stay."""
        return len(self._chunks)

    @property
    def first_serial(self) -> int:
        return self._chunks.start

    @property
    def end_serial(self) -> int:
        return self._chunks.end

    def by_serial(self, serial: int) -> FeedItem | None:
        if serial >= PENDING_SERIAL:
            return next((entry for entry in self._pending.values() if entry.serial == serial), None)
        return self._chunks.get(serial)

    def pending(self) -> tuple[FeedItem, ...]:
        return tuple(self._pending.values())

    def sentence(self, entry: FeedItem) -> Sentence:
        """The row in words."""
        said = self._sentences.get(entry.serial)
        if said is not None:
            self._sentences.move_to_end(entry.serial)
            return said
        said = self.read(entry)
        self._sentences[entry.serial] = said
        if len(self._sentences) > SENTENCES_KEPT:
            self._sentences.popitem(last=False)
        return said

    @staticmethod
    def is_wanted(entry: FeedItem, query: Query) -> bool:
        """Whether a row is one that somebody looks for; lines of the application's own never are."""
        return entry.state != "mark" and matches(
            query, document(entry.sender, entry.body, int(entry.at * MICROSECONDS))
        )

    @staticmethod
    def read(entry: FeedItem) -> Sentence:
        """The row in words, without keeping them: for a search through all rows."""
        if entry.state == "mark":
            return Sentence(((entry.body.decode(), "mark"),))
        return sentence(entry.body)

    def newest_first(self) -> Iterator[FeedItem]:
        """Every settled row that is there now, the newest first, also if rows come and go meanwhile."""
        serial = self._chunks.end - 1
        while (entry := self._chunks.get(serial)) is not None:
            yield entry
            serial -= 1


_pack_rows: Final = msgspec.msgpack.Encoder().encode
_unpack_rows: Final = msgspec.msgpack.Decoder(list[FeedItem]).decode


class _Chunks:
    """Rows with cheap access by serial, in chunks of a fixed size: they come at both ends, the oldest leave.

    Only the ends, and what was read last, are there as rows; everything between is packed, a chunk at a time and so in
    half a millisecond. What a person scrolls back to is unpacked for them.
    """

    SIZE = 128
    UNPACKED = 8
    """Chunks between the ends that are kept as rows once they were read."""

    def __init__(self) -> None:
        self._chunks: deque[list[FeedItem] | bytes] = deque()
        self._unpacked: OrderedDict[int, list[FeedItem]] = OrderedDict()
        """By the serial with which they begin."""
        self._base = 0
        self.start = 0
        self.end = 0

    def __len__(self) -> int:
        return self.end - self.start

    def append(self, entry: FeedItem) -> None:
        last = self._chunks[-1] if self._chunks else None
        if not isinstance(last, list) or len(last) == self.SIZE:
            last = []
            self._chunks.append(last)
            # What is on the screen is mostly in the two before.
            self._pack(len(self._chunks) - 4)
        last.append(entry)
        self.end += 1

    def prepend(self, entry: FeedItem) -> None:
        if self.start == self._base:
            # The new chunk is filled from its end; what is before `start` is never asked for.
            self._chunks.appendleft([entry] * self.SIZE)
            self._base -= self.SIZE
            self._pack(1)
        self.start -= 1
        first = self._chunks[0]
        assert isinstance(first, list)
        first[self.start - self._base] = entry

    def _pack(self, index: int) -> None:
        """Pack a chunk, if there is one that more will come after and before."""
        if 0 < index < len(self._chunks) - 1 and isinstance(chunk := self._chunks[index], list):
            with contextlib.suppress(UnicodeEncodeError):
                self._chunks[index] = zlib.compress(_pack_rows(chunk), 1)

    def drop_oldest(self) -> None:
        self.start += 1
        if self.start - self._base == self.SIZE:
            self._chunks.popleft()
            self._unpacked.pop(self._base, None)
            self._base = self.start

    def get(self, serial: int) -> FeedItem | None:
        if not self.start <= serial < self.end:
            return None
        number, place = divmod(serial - self._base, self.SIZE)
        chunk = self._chunks[number]
        if isinstance(chunk, bytes):
            chunk = self._unpack(self._base + number * self.SIZE, chunk)
        return chunk[place]

    def find(self, ids: set[str]) -> Iterator[FeedItem]:
        """The rows of some activities, the newest first; each that is found is taken out of `ids`."""
        for number in reversed(range(len(self._chunks))):
            if not ids:
                return
            chunk = self._chunks[number]
            if isinstance(chunk, bytes):
                packed = zlib.decompress(chunk)
                if not any(one.encode() in packed for one in ids):
                    continue
                chunk = _unpack_rows(packed)
            begin = self._base + number * self.SIZE
            for place, row in enumerate(chunk):
                if row.id in ids and self.start <= begin + place < self.end:
                    ids.discard(row.id)
                    yield row

    def replace(self, row: FeedItem) -> None:
        """Put a row in the place of the one with its serial."""
        number, place = divmod(row.serial - self._base, self.SIZE)
        chunk = self._chunks[number]
        if isinstance(chunk, list):
            chunk[place] = row
            return
        rows = _unpack_rows(zlib.decompress(chunk))
        rows[place] = row
        self._chunks[number] = zlib.compress(_pack_rows(rows), 1)
        self._unpacked.pop(self._base + number * self.SIZE, None)

    def _unpack(self, begin: int, packed: bytes) -> list[FeedItem]:
        rows = self._unpacked.get(begin)
        if rows is None:
            rows = self._unpacked[begin] = _unpack_rows(zlib.decompress(packed))
            if len(self._unpacked) > self.UNPACKED:
                self._unpacked.popitem(last=False)
        else:
            self._unpacked.move_to_end(begin)
        return rows
