"""What a client has, as servers that show `place` are told: where it was at one of them, and what it has for all."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Final

from msgspec import structs

from core.client.client_settings import ClientSettings
from core.client.resume_point import ResumePoint
from core.wire.base_messages import ServerPlace
from core.wire.entries import EntryId, Stream
from core.wire.entry_runs import EntryRuns, decode_runs, ids_in, runs_of
from core.wire.holdings import Holdings, decode_holdings, encoded_size
from core.wire.messages import Have, HeldEntries

if TYPE_CHECKING:
    from core.client.received_sums import ReceivedSums

LACKING_MAX: Final = 1_000
"""Entries that a client may be lacking where a server says that it is."""
PAGE_FACTOR: Final = 16
"""So much more than a login has one message of what it is asked for."""


class Belongings:
    """Runs of what came, and the place that was told last."""

    def __init__(self, settings: ClientSettings) -> None:
        self._settings = settings
        self.holdings = Holdings(runs_max=settings.runs_max, activities_max=settings.activities_max)
        self._sums: ReceivedSums | None = None
        self.begun = False
        """Whether it is known from where on something is missed."""
        self._place: ServerPlace | None = None
        self._lacking: dict[EntryId, None] = {}
        if settings.resume is not None and settings.resume.have is not None:
            self.begin(settings.resume.have, 0)
            self._place = settings.resume.place
            self._lacking = dict.fromkeys(ids_in(settings.resume.lacking))

    def has(self, entry_id: EntryId) -> bool:
        return self.holdings.lists(entry_id)

    def add(self, entry_id: EntryId, stamp: int) -> None:
        """An activity has come."""
        self.holdings.add(entry_id, stamp)
        self._lacking.pop(entry_id, None)
        if self._sums is not None:
            self._sums.add(entry_id, stamp)

    def begin(self, begins: HeldEntries, stamp: int) -> None:
        """What is not to be expected; nothing of it is later than `stamp`. Raises ValueError."""
        for stream, numbers in decode_holdings(begins.entries):
            self.holdings.put(stream, numbers, max(stamp, begins.since))
        self.holdings.since = max(begins.since, self.holdings.since)
        self.holdings.settle()
        if stamp and not self.begun:
            # It hashes: a command that gets nothing need not load what that takes.
            from core.client.received_sums import ReceivedSums

            self._sums = ReceivedSums(stamp, self._settings.range_items)
        self.begun = True

    def reached(self, server: str, place: tuple[int, int], lacking: Mapping[str, list[int]]) -> None:
        """Everything has come that a server had got up to here, but for some entries. Raises ValueError."""
        told = list(ids_in(decode_runs(lacking, LACKING_MAX)))
        # A server does not tell twice of what was damaged there, and comes again.
        before = self._lacking if self._place is not None and self._place[0] == server else ()
        self._place = (server, *place)
        self._lacking = dict.fromkeys([one for one in (*before, *told) if not self.has(one)][-LACKING_MAX:])

    # --- what is told -------------------------------------------------------------------------------------------------

    @property
    def place(self) -> ServerPlace | None:
        return self._place

    @property
    def lacking(self) -> EntryRuns:
        return runs_of(self._lacking)

    def told(self) -> HeldEntries | None:
        """What a login tells: all, if that is little."""
        if not self.begun:
            return None
        entries = self.holdings.encoded()
        more = encoded_size(entries) > self._settings.have_bytes
        told = HeldEntries(self.holdings.since, {} if more else entries, more=more)
        if self._sums is None:
            return told
        self._sums.forget(self.holdings.since)
        sums, until = self._sums.told()
        return structs.replace(told, sums=sums, until=until)

    def pages(self) -> Iterator[Have]:
        """All of it."""
        room = most = PAGE_FACTOR * self._settings.have_bytes
        page: dict[str, list[int]] = {}
        for stream, numbers in _pieces(self.holdings.encoded(), most):
            size = encoded_size({stream: numbers})
            if page and (size > room or stream in page):
                yield Have(page, more=True)
                page, room = {}, most
            page[stream] = [*numbers]
            room -= size
        yield Have(page)

    def resume_point(self, seen: Mapping[Stream, int] | None) -> ResumePoint:
        have = HeldEntries(self.holdings.since, self.holdings.encoded()) if self.begun else None
        return ResumePoint(have, self._place, self.lacking, seen)


def _pieces(entries: Mapping[str, Sequence[int]], most: int) -> Iterator[tuple[str, Sequence[int]]]:
    """Each stream's runs, and of very many some at a time: what follows is told as if nothing was known before it."""
    at_once = 2 * max(1, most // 32)
    for stream, numbers in entries.items():
        yield stream, numbers[:at_once]
        for begin in range(at_once, len(numbers), at_once):
            piece = list(numbers[begin : begin + at_once])
            yield stream, [piece[0] - 1, *piece[1:]]
