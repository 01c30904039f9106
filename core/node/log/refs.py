"""Refs: the names that clients give their activities, by which a repetition is recognised.

A client that never saw its acknowledgement says the same again, perhaps at another server. Within one part of the
network the second is refused; across parts both are accepted, and are copies of one activity to every reader. Copies
have the same sender, ref and content: what another server has said under somebody's ref is no copy of what they wrote.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from typing import Final

from core.wire.entries import Entry, EntryId, parse_entry_id
from core.wire.entry_columns import EntryColumns
from core.wire.idempotency import idempotency_fingerprint
from core.wire.packed_refs import PackedRefs

REFS_MAX: Final = 100_000
"""How many names that clients gave activities are remembered, to recognise repetitions."""
COPIES_MAX: Final = 10_000
"""How many names are remembered under which more than one activity was accepted."""
COPIES_OF_ONE_MAX: Final = 16
"""How many of them there may be of one name, the first and the latest: parts of a network that could not reach each
other accept one each."""

NO_REFS: Final = PackedRefs()


class Refs:
    """The names of activities that were given last."""

    def __init__(self, before: PackedRefs) -> None:
        """`before`: the names that were given before this start."""
        self._before = before
        self._nothing_before = not len(before)
        # As texts: Python's collector looks at each tuple of a hundred thousand again and again, tens of milliseconds
        # each time.
        self._refs: OrderedDict[bytes, str] = OrderedDict()
        """By the activity's fingerprint the identity under which it was accepted first."""
        self._undelivered: dict[bytes, EntryColumns | None] = {}
        """Those of which nothing has been delivered yet, and with which others the first one was accepted."""
        self._delivered: OrderedDict[bytes, str] = OrderedDict()
        """What was delivered first, where that is not what was accepted first."""
        self._copies: OrderedDict[bytes, list[EntryId]] = OrderedDict()
        """What was accepted more than once: repeated at one server while another one had it already."""
        self._fingerprints: OrderedDict[EntryId, bytes] = OrderedDict()
        """Of what came by itself and was not delivered yet."""

    def note(self, entry: Entry) -> None:
        """An activity was accepted, here or elsewhere."""
        if entry.ref is None or entry.kind != "activity":
            return
        fingerprints = self._fingerprints
        fingerprint = fingerprints[entry.id] = idempotency_fingerprint(entry.sender, entry.ref, entry.body)
        self._note(fingerprint, entry.sender, entry.ref, entry.id)
        if len(fingerprints) > REFS_MAX:
            fingerprints.popitem(last=False)

    def note_all(self, columns: EntryColumns, *, looked_for: bool = False) -> None:
        """Activities were accepted. `looked_for`: whoever has accepted them has found none of their names here."""
        named = _named(columns)
        is_new = looked_for or self._nothing_before
        if is_new and len({*named}) == len(named) and self._refs.keys().isdisjoint(named):
            # As nearly all are.
            self._refs.update(zip(named, _texts(columns), strict=True))
            self._undelivered.update(dict.fromkeys(named, columns))
            self._forget_oldest()
            return
        for number, fingerprint, sender, ref in zip(
            columns.numbers, columns.fingerprints, columns.senders, columns.refs, strict=True
        ):
            if fingerprint is not None and ref is not None:
                self._note(fingerprint, sender, ref, EntryId(*columns.stream, number))

    def _note(self, fingerprint: bytes, sender: str, ref: str, entry_id: EntryId) -> None:
        here = _text(entry_id)
        known = self._refs.get(fingerprint)
        if known is None:
            before = () if self._nothing_before else self._before.find_copies(sender, ref, fingerprint)
            known = self._refs[fingerprint] = _text(before[0]) if before else here
            if not before:
                self._undelivered[fingerprint] = None
            if len(before) > 1:
                self._copies[fingerprint] = [*before]
            self._forget_oldest()
        if known != here:
            copies = self._copies.setdefault(fingerprint, [parse_entry_id(known)])
            copies.append(entry_id)
            if len(copies) > COPIES_OF_ONE_MAX:
                del copies[1]
            if len(self._copies) > COPIES_MAX:
                self._copies.popitem(last=False)

    def _forget_oldest(self) -> None:
        while len(self._refs) > REFS_MAX:
            fingerprint, _ = self._refs.popitem(last=False)
            self._undelivered.pop(fingerprint, None)
            # So many have been given since then.
            self._before = NO_REFS
            self._nothing_before = True

    def forget(self, entry: Entry) -> None:
        """An activity could not be kept: it may be said again."""
        if entry.ref is None:
            return
        fingerprint = self._taken(entry, entry.ref)
        self._refs.pop(fingerprint, None)
        is_delivered = fingerprint not in self._undelivered
        for copy in self._copies.pop(fingerprint, ()):
            if copy != entry.id:
                self._note(fingerprint, entry.sender, entry.ref, copy)
        if is_delivered or fingerprint not in self._refs:
            self._undelivered.pop(fingerprint, None)

    def find(self, sender: str, ref: str, fingerprint: bytes) -> EntryId | None:
        """The activity with this fingerprint that its sender already gave this name."""
        known = self._refs.get(fingerprint)
        if known is None:
            return next(iter(self._before.find_copies(sender, ref, fingerprint)), None)
        return parse_entry_id(known)

    def is_copy_of(self, entry: Entry, fingerprint: bytes, is_had: Callable[[EntryId], bool]) -> bool:
        """Whether an activity was accepted a second time elsewhere, as one that somebody has had."""
        if entry.ref is None:
            return False
        copies = self._copies.get(fingerprint) or self._before.find_copies(entry.sender, entry.ref, fingerprint)
        return any(one != entry.id and is_had(one) for one in copies)

    def first_delivered(self, columns: EntryColumns) -> EntryColumns:
        """Those of some activities of which `is_first_delivered` holds, as if it was asked of each in turn."""
        named = _named(columns)
        undelivered = self._undelivered
        if not [fingerprint for fingerprint in named if undelivered.get(fingerprint) is not columns] or (
            # A server's own were accepted in other pieces than the store makes records of.
            all(map(undelivered.__contains__, named)) and [*map(self._refs.get, named)] == [*_texts(columns)]
        ):
            # As nearly always: each is the first with its name.
            for fingerprint in named:
                del undelivered[fingerprint]
            return columns
        rows = zip(columns.numbers, columns.fingerprints, columns.senders, columns.refs, strict=True)
        return columns.at(
            [
                place
                for place, (number, fingerprint, sender, ref) in enumerate(rows)
                if fingerprint is None
                or ref is None
                or self._is_first(fingerprint, sender, ref, EntryId(*columns.stream, number))
            ]
        )

    def is_first_delivered(self, entry: Entry) -> bool:
        """Whether nothing was delivered under this activity's name before; from now on, it was."""
        if entry.ref is None:
            return True
        return self._is_first(self._taken(entry, entry.ref), entry.sender, entry.ref, entry.id)

    def note_delivered(self, entry: Entry) -> None:
        """An activity is here again that was accepted and delivered before this start, which did not know of it."""
        self.note(entry)
        self.is_first_delivered(entry)

    def _is_first(self, fingerprint: bytes, sender: str, ref: str, entry_id: EntryId) -> bool:
        here = _text(entry_id)
        known = self._refs.get(fingerprint)
        if fingerprint in self._undelivered:
            del self._undelivered[fingerprint]
            if known != here:
                self._delivered[fingerprint] = here
                if len(self._delivered) > COPIES_MAX:
                    self._delivered.popitem(last=False)
            return True
        if known is None:
            before = () if self._nothing_before else self._before.find_copies(sender, ref, fingerprint)
            known = self._refs[fingerprint] = _text(before[0]) if before else here
            self._forget_oldest()
        return self._delivered.get(fingerprint, known) == here

    def _taken(self, entry: Entry, ref: str) -> bytes:
        return self._fingerprints.pop(entry.id, None) or idempotency_fingerprint(entry.sender, ref, entry.body)


def _named(columns: EntryColumns) -> Sequence[bytes]:
    """The fingerprints of those that have a ref."""
    return [one for one in columns.fingerprints if one is not None]


def _texts(columns: EntryColumns) -> Iterator[str]:
    """The identities of those that have a ref."""
    node, incarnation = columns.stream
    before = f"{node}.{incarnation}."
    rows = zip(columns.numbers, columns.fingerprints, strict=True)
    return (f"{before}{number}" for number, fingerprint in rows if fingerprint is not None)


def _text(entry_id: EntryId) -> str:
    """As `str` has it, in half the time."""
    node, incarnation, seq = entry_id
    return f"{node}.{incarnation}.{seq}"
