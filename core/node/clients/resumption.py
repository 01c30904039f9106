"""What somebody has who comes back: by the order in which things came here, or by what they have been sent."""

from __future__ import annotations

import msgspec
from msgspec.structs import replace

from core.wire.entries import EntryId, Stream
from core.wire.entry_runs import EntryRuns, Spans, spans_without, union
from core.wire.holdings import Holdings
from core.wire.missing import HeldRange


class Resumption(msgspec.Struct, frozen=True):
    """All that came here up to record `after` is had, but for what is `lacking`; and what is `beside`, although it is
    numbered later. `after` is None where that is not known: then `holdings` tell."""

    after: int | None = None
    lacking: EntryRuns = {}
    beside: EntryRuns = {}
    holdings: Holdings | None = None
    since: int = 0
    """Where the order is not known any more in which things came, what is older than this stamp counts as had."""
    sums: tuple[HeldRange, ...] = ()
    """What is had, by ranges of stamps."""
    more: bool = False
    """There is more of the holdings than the login has told."""

    def by_stamp(self) -> Resumption:
        """The same of somebody of whom it is not known up to which record they have had everything."""
        return replace(self, after=None, holdings=self.holdings or Holdings(self.since))

    def missed_of(self, arrived: EntryRuns) -> EntryRuns:
        """What is missed, of what has come here behind `after`."""
        found: dict[Stream, Spans] = {}
        for stream, spans in union(arrived, self.lacking).items():
            left = spans_without(spans, self.beside.get(stream, ()))
            part = self.holdings.streams.get(stream) if self.holdings is not None else None
            if part is not None:
                below = [(first, min(last, part.floor)) for first, last in left if first <= part.floor]
                left = (*below, *part.missing_of(left))
            if left:
                found[stream] = left
        return found

    def is_had(self, entry_id: EntryId, stamp: int) -> bool:
        """Whether an activity that no record has, because the disk does not take it, is had."""
        spans = self.beside.get(entry_id.stream, ())
        if any(first <= entry_id.seq <= last for first, last in spans):
            return True
        return self.holdings is not None and not self.more and self.holdings.covers(entry_id, stamp)
