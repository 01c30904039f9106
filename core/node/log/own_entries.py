"""Own entries: what is accepted at this server gets an identity, a stamp, and its sender's previous one."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from core.node.kernel.context import Context
from core.node.log.awaited_entries import AwaitedEntries
from core.node.log.batches import Batches
from core.node.log.delivery import Delivery
from core.node.log.entry_messages import frames_of
from core.node.log.last_activities import LastActivities
from core.node.log.refs import Refs
from core.node.log.taken import TakenHere
from core.node.log.under_way import UnderWay
from core.wire.entries import Entry, EntryId, Kind, Stream
from core.wire.entry_columns import EntryColumns
from core.wire.limits import REF_CHARACTERS_MAX


class OwnEntries:
    """Accepts them, and takes back what cannot be kept."""

    def __init__(
        self,
        context: Context,
        stream: Stream,
        batches: Batches,
        delivery: Delivery,
        refs: Refs,
        last_activities: LastActivities,
        under_way: UnderWay,
        awaited: AwaitedEntries,
    ) -> None:
        self._context = context
        self._stream = stream
        self._batches = batches
        self._delivery = delivery
        self._refs = refs
        self._last_activities = last_activities
        self._under_way = under_way
        self._awaited = awaited
        self._seq = 0
        self.durable_upto = 0
        """The last number of one that is durable."""
        self._failed: dict[EntryId, EntryId | None] = {}
        """Activities that could not be kept, to the ones before them, as long as others may point at them."""

    def originate(
        self,
        kind: Kind,
        body: bytes,
        *,
        sender: str = "",
        previous: EntryId | None = None,
        after: int = 0,
        ref: str | None = None,
        since: int | None = None,
        source: int | None = None,
        then: Callable[[str | None], None] | None = None,
    ) -> Entry:
        """Accept something new. `then` is called when it is durable (with None) or cannot be kept (with why).

        An activity to which its writer has given no `ref` has its identity for one: where nothing proves that, after a
        way through a base server, it is accepted again, and is known as a copy.

        `after` is a stamp that the entry's must be later than. `since`: when its writer sent it to another server, that
        may have accepted it. `source` is a base link that it came from.
        """
        self._seq += 1
        entry_id = EntryId(self._context.id, self._context.incarnation, self._seq)
        if ref is None and kind == "activity":
            ref = str(entry_id)[-REF_CHARACTERS_MAX:]
        entry = Entry(
            entry_id,
            kind,
            self._context.stamp(after),
            body,
            sender,
            previous,
            ref,
            since,
        )
        columns = EntryColumns.of((entry,))
        self._take(TakenHere(columns, source, then), looked_for=False)
        if kind == "activity":
            self._last_activities.note(sender, entry.stamp, entry_id)
        return entry

    def originate_all(
        self,
        bodies: Sequence[bytes],
        *,
        sender: str,
        previous: EntryId | None,
        after: Sequence[int],
        refs: Sequence[str | None],
        fingerprints: Sequence[bytes | None],
        sinces: Sequence[int | None],
        then: Callable[[str | None], None],
    ) -> EntryColumns:
        """Accept activities of one sender, each of which follows the one before it: as `originate` would each.

        Of those that have a ref from their writer the `fingerprints` are known, and nothing here has one of them.
        """
        count = len(bodies)
        first = self._seq + 1
        numbers = range(first, first + count)
        self._seq += count
        own = self._stream
        stamps = self._context.stamps(after)
        if None in refs:
            named = zip(refs, numbers, strict=True)
            refs = [f"{own}.{number}"[-REF_CHARACTERS_MAX:] if ref is None else ref for ref, number in named]
        before: Sequence[EntryId | int | None] = [
            previous.seq if previous is not None and previous.stream == own else previous,
            *numbers[:-1],
        ]
        columns = EntryColumns(own, numbers, [0] * count, stamps, bodies, [sender] * count, before, refs, sinces)
        columns.know_fingerprints(fingerprints)
        self._take(TakenHere(columns, None, then), looked_for=True)
        self._last_activities.note(sender, stamps[-1], columns.last_id)
        return columns

    def _take(self, taken: TakenHere, *, looked_for: bool) -> None:
        columns = taken.columns
        self._batches.keep(columns)
        self._delivery.expect_all(columns)
        self._refs.note_all(columns, looked_for=looked_for)
        self._batches.took(taken)
        if taken.source is not None:
            self._under_way.took(taken.source, 1)

    def refuse(self, taken: TakenHere, reason: str) -> None:
        """These could not be kept: they have never been."""
        for entry, _ in self._delivery.each(taken.columns, frames_of(taken.columns)):
            self._drop(entry, reason)
        if taken.source is not None:
            self._under_way.spread(taken.source, 1)
        if taken.then is not None:
            taken.then(reason)

    def _drop(self, entry: Entry, reason: str) -> None:
        self._delivery.expect_no_more(entry.id)
        previous = entry.previous
        while previous is not None and previous in self._failed:
            previous = self._failed[previous]
        self._failed[entry.id] = previous
        self._refs.forget(entry)
        self._last_activities.take_back(entry.sender, entry.id, previous)
        self._awaited.settled((entry,), reason)

    def number_again(self) -> None:
        """Nothing waits to be kept: the numbers of what was refused are given again."""
        self._seq = self.durable_upto
        self._failed.clear()
