"""A window on a run of rows without gaps: its end is the present, or not, and there are never more rows than a bound.

While it is *attached* its end is the present: what arrives is put there, in the order in which it comes. Who reads
further back has older rows put on top of it, in the order of all activities (stamp and id); then what is newest is let
go, and what arrives waits in a short *tail*.

Rows carry a *serial*, so a row keeps its identity while others come and leave at both ends.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import Final

import msgspec

from core.client import PastPlace
from tui.feed.feed_item import FeedItem
from tui.feed.packed_rows import PackedRows

CAPACITY: Final = 100_000
"""Rows kept where nobody shows again what has been let go, and while a filter looks through them. Packed, an activity
takes a hundred bytes or two: 10 to 20 MB when it is full."""
WINDOW: Final = 20_000
"""Rows kept where the server shows them again."""
TAIL: Final = 500
"""Of the newest, how many are kept for the return to the present."""
RUN_APART: Final = 1 << 32
"""The serials of one run are so far from those of the next."""


class FeedWindow:
    """The rows. Whoever shows them asks by serial, from `first_serial` to before `end_serial`."""

    def __init__(self, capacity: int = CAPACITY, window: int = WINDOW) -> None:
        self._capacity = capacity
        self._window = min(window, capacity)
        self._rows = PackedRows()
        self._highs: dict[int, PastPlace] = {}
        """The latest place of all rows before a serial, for each at which a chunk begins."""
        self._high: PastPlace | None = None
        self._late: dict[str, int] = {}
        """Those that came after what they stand before, and their serials."""
        self._tail: deque[FeedItem] = deque()
        self._tail_floor: PastPlace | None = None
        """From here on what is newest is in the tail."""
        self._top_mark: int | None = None
        self.attached = True
        """Whether the end of the window is the present."""
        self.floor: PastPlace | None = None
        """From here on the window has all that there is, what stands before has to be read. None: nobody has said."""
        self.ceiling: PastPlace | None = None
        """Up to here, unless it is attached."""
        self.lets_go = False
        """Whether rows may be let go because the server shows them again."""
        self.keeps_all = False
        """Whether they are kept all the same, as far as there is room: a filter looks through them."""
        self.reading: int | None = None
        """The serial of the row that a person reads; None while they follow what is new."""
        self.runs = 0
        """Counts the windows: each is at another place, and no row of one is a row of the next."""
        self.version = 0
        """Counts every change."""
        self.came = 0
        """Rows that ever came in at the present."""
        self.gone_above = 0
        """Counts how often the oldest rows were let go."""

    def serials_mean_others(self, serial: int | None = None) -> None:
        """From here on another row than before may have this serial, or any."""

    # --- what comes in ---------------------------------------------------------------------------------------------

    def append(self, entry: FeedItem) -> None:
        """Something has come in at the present."""
        self.came += 1
        self.version += 1
        if self.attached:
            self._put(entry)
            self._make_room()
            return
        self._tail.append(entry)
        if len(self._tail) > TAIL:
            self._tail_floor = _later(self._tail_floor, _behind(self._tail.popleft().place))

    def _put(self, entry: FeedItem) -> None:
        rows, place = self._rows, entry.place
        if rows.boundary(rows.end) == rows.end and self._high is not None:
            self._highs[rows.end] = self._high
        rows.append(msgspec.structs.replace(entry, serial=rows.end))
        if place is None:
            return
        if (self._high is not None and place.key < self._high.key) or (
            self.floor is not None and place.key < self.floor.key
        ):
            self._late[str(place.id)] = rows.end - 1
            return
        self._high = place
        if self.floor is None:
            self.floor = place

    def begins_before(self, entry: FeedItem) -> None:
        """The past begins no later than with this activity, which has come with it."""
        place = entry.place
        if place is not None and (self.floor is None or place.key < self.floor.key):
            self.floor = place

    def replace(self, ids: set[str], other: Callable[[FeedItem], FeedItem]) -> int:
        """Have other rows in the places of those of some activities; how many were here."""
        count = 0
        for number, row in enumerate(self._tail):
            if row.id in ids:
                ids.discard(row.id)
                self._tail[number] = other(row)
                count += 1
        for row in list(self._rows.find(ids)):
            self._rows.replace(other(row))
            self.serials_mean_others(row.serial)
            count += 1
        if count:
            self.version += 1
        return count

    # --- where it is -----------------------------------------------------------------------------------------------

    @property
    def room_above(self) -> int:
        """How many older rows may be put on top without any being let go that has to stay."""
        if self.lets_go and not self.keeps_all:
            return self._window
        return max(0, self._capacity - len(self._rows))

    def put_above(self, rows: Sequence[FeedItem], floor: PastPlace | None = None) -> None:
        """Put older rows on top, `rows` with the oldest first; `floor`: from where on all is there then.

        Those that are there already, because they came late, are left out. Raises ValueError when there is no room.
        """
        if len(rows) > self.room_above:
            raise ValueError(f"there is room for {self.room_above} older rows, not for {len(rows)}")
        self._drop_top_mark()
        for item in reversed(rows):
            if item.id is not None and item.id in self._late:
                continue
            item = msgspec.structs.replace(item, serial=self._rows.start - 1)
            if self._rows.start == self._rows.boundary(self._rows.start) and (place := item.place) is not None:
                self._highs[self._rows.start] = place
            self._rows.prepend(item)
            self._high = self._high or item.place
        self.floor = floor or self.floor
        self._make_room(above=True)
        self.version += 1

    def put_below(self, rows: Sequence[FeedItem], ceiling: PastPlace | None) -> bool:
        """Put newer rows at the end, `rows` with the oldest first, up to where the tail begins; `ceiling`: up to where
        all is there then, None where that is the present. Whether the window is attached from here on."""
        if self.attached:
            return True
        floor = self._tail_floor
        for item in rows:
            place = item.place
            if floor is not None and place is not None and place.key >= floor.key:
                ceiling = None
                break
            self._put(item)
        self.version += 1
        if ceiling is not None and (floor is None or ceiling.key < floor.key):
            self.ceiling = ceiling
            self._make_room()
            return False
        self._attach()
        return True

    def _attach(self) -> None:
        """The tail follows the window's last row: from here on it is the end of the window."""
        floor = self._tail_floor
        late = {row.id for row in self._tail if row.id and floor and (place := row.place) and place.key < floor.key}
        known = {row.id for row in self._rows.find(set(late))} if late else set()
        self.attached, self.ceiling = True, None
        for row in self._tail:
            if row.id is None or row.id not in known:
                self._put(row)
        self._tail.clear()
        self._make_room()

    def move(
        self, rows: Sequence[FeedItem], floor: PastPlace | None, ceiling: PastPlace | None, reading: int = 0
    ) -> None:
        """Have the window at another place. `floor` and `ceiling`: see there; without a ceiling the rows go up to the
        present. `reading`: how many of the rows stand before the one that is going to be read."""
        self._keep_tail(self._rows.start)
        self._begin_run()
        newest = self._tail_floor
        if floor is not None and newest is not None and newest.key < floor.key:
            # All of that is in the tail.
            floor = newest
        self.attached, self.floor = False, floor
        self.ceiling = ceiling or floor
        self.reading = self._rows.start + reading
        self.put_below(rows, ceiling)

    def to_present(self) -> None:
        """Have the window at the present again."""
        if self.attached:
            return
        self._begin_run()
        self.attached, self.ceiling = True, None
        self.floor = self._tail_floor
        for row in self._tail:
            self._put(row)
        self._tail.clear()
        self.version += 1

    def _begin_run(self) -> None:
        self.runs += 1
        self._rows = PackedRows(self.runs * RUN_APART)
        self._highs.clear()
        self._late.clear()
        self.serials_mean_others()
        self._high = self._top_mark = None
        self.reading = None

    def _keep_tail(self, kept: int) -> None:
        """What is newest is kept apart: the window is about to let go of it, but for the rows before a serial."""
        if not self.attached:
            return
        rows = self._rows
        begin = max(kept, rows.boundary(max(kept, rows.end - TAIL)))
        self._tail_floor = _behind(self._highs.get(begin)) or self.floor
        self._tail = deque(row for serial in range(begin, rows.end) if (row := rows.get(serial)) is not None)
        if self._top_mark == begin and self._tail:
            self._tail.popleft()

    def _make_room(self, *, above: bool = False) -> None:
        """Let go of rows that are far from the one that is read, where there are too many."""
        rows = self._rows
        most = self._window if self.lets_go and not self.keeps_all else self._capacity
        extra = len(rows) - most
        if extra <= 0:
            return
        reading = rows.start if above and self.reading is None else self.reading
        if self.lets_go and not self.keeps_all and reading is not None and reading - rows.start < rows.end - reading:
            cut = rows.boundary(rows.end - extra - most // 8)
            if cut > reading and cut in self._highs:
                self._keep_tail(cut)
                self.attached = False
                rows.drop_from(cut)
                self.serials_mean_others()
                self._high = self.ceiling = self._highs[cut]
                self._forget_marks()
                return
        self.gone_above += 1
        if extra >= rows.SIZE:
            cut = rows.boundary(rows.start + extra)
            self.floor = _later(self.floor, _behind(self._highs.get(cut)))
            rows.drop_before(cut)
        while len(rows) > most:
            gone = rows.get(rows.start)
            rows.drop_oldest()
            self.floor = _later(self.floor, _behind(gone.place if gone is not None else None))
        self._forget_marks()

    def _forget_marks(self) -> None:
        """Rows have been let go."""
        rows = self._rows
        if len(self._highs) > len(rows) // rows.SIZE + 2:
            self._highs = {at: place for at, place in self._highs.items() if rows.start < at <= rows.end}
        if self._late:
            self._late = {one: at for one, at in self._late.items() if rows.start <= at < rows.end}

    def shrink(self) -> None:
        """There is no filter any more: let go of what was kept for it."""
        self.keeps_all = False
        self._make_room()

    def mark_top(self, words: str) -> None:
        """A line of the application's own on top, until something is put there."""
        self._drop_top_mark()
        oldest = self._rows.get(self._rows.start)
        if oldest is not None:
            self._rows.prepend(FeedItem(self._rows.start - 1, words.encode(), "", oldest.at, "mark"))
            self._top_mark = self._rows.start
            self.version += 1

    def _drop_top_mark(self) -> None:
        if self._top_mark is not None and self._top_mark == self._rows.start:
            self._rows.drop_oldest()
            self.serials_mean_others(self._top_mark)
        self._top_mark = None

    def serial_of(self, entry_id: str) -> int | None:
        """The serial of an activity; None if it is not in the window."""
        found = next(self._rows.find({entry_id}), None)
        return found.serial if found is not None else None

    def newest(self, count: int) -> list[FeedItem]:
        """The last rows that came in at the present, so many of them or as many as are kept."""
        if not self.attached:
            return list(self._tail)[-count:] if count else []
        first = max(self._rows.start, self._rows.end - count)
        return [row for serial in range(first, self._rows.end) if (row := self._rows.get(serial)) is not None]

    # --- what there is ---------------------------------------------------------------------------------------------

    @property
    def settled(self) -> int:
        """Rows that have arrived and stay."""
        return len(self._rows)

    @property
    def first_serial(self) -> int:
        return self._rows.start

    @property
    def end_serial(self) -> int:
        return self._rows.end

    def by_serial(self, serial: int) -> FeedItem | None:
        return self._rows.get(serial)

    def newest_first(self) -> Iterator[FeedItem]:
        """Every settled row that is there now, the newest first, also if rows come and go meanwhile."""
        serial = self._rows.end - 1
        while (entry := self._rows.get(serial)) is not None:
            yield entry
            serial -= 1


def _behind(place: PastPlace | None) -> PastPlace | None:
    return place.behind if place is not None else None


def _later(one: PastPlace | None, other: PastPlace | None) -> PastPlace | None:
    if one is None or other is None:
        return one or other
    return max(one, other, key=lambda place: place.key)
