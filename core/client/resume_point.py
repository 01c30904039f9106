"""What a client has, for another one that takes its place."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from core.wire.base_messages import ServerPlace
from core.wire.entries import Stream
from core.wire.entry_runs import NO_ENTRIES, EntryRuns
from core.wire.holdings import decode_holdings
from core.wire.messages import HeldEntries


class ResumePoint(msgspec.Struct, frozen=True):
    """Where a client was, and what it has; `seen` is for servers that know nothing but vectors."""

    have: HeldEntries | None = None
    place: ServerPlace | None = None
    lacking: EntryRuns = NO_ENTRIES
    seen: Mapping[Stream, int] | None = None

    @property
    def vector(self) -> Mapping[Stream, int]:
        """Up to which number it has everything of each stream that it has heard of."""
        found = dict(self.seen or {})
        if self.have is not None:
            found |= {stream: numbers[1] for stream, numbers in decode_holdings(self.have.entries)}
        return found
