"""Refs: the names that clients give their activities, by which a repetition is recognised.

A client that never saw its acknowledgement says the same again, perhaps at another server. Within one part of the
network the second is refused; across parts both are accepted, and are copies of one activity to every reader. Copies
have the same sender, ref and content: what another server has said under somebody's ref is no copy of what they wrote.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from typing import Final

from core.wire.entries import Entry, EntryId, parse_entry_id
from core.wire.idempotency import idempotency_fingerprint
from core.wire.packed_refs import PackedRefs

REFS_MAX: Final = 100_000
"""How many names that clients gave activities are remembered, to recognise repetitions."""
COPIES_MAX: Final = 10_000
"""How many names are remembered under which more than one activity was accepted."""
COPIES_OF_ONE_MAX: Final = 16
"""How many of them there may be of one name, the first and the latest: parts of a network that could not reach each
other accept one each."""


class Refs:
    """The names of activities that were given last."""

    def __init__(self, before: PackedRefs) -> None:
        """`before`: the names that were given before this start."""
        self._before = before
        self._nothing_before = not len(before)
        # As texts: Python's collector looks at each tuple of a hundred thousand again and again, tens of milliseconds
        # each time.
        self._refs: OrderedDict[bytes, str] = OrderedDict()
        """Identities by the activity's fingerprint."""
        self._copies: OrderedDict[bytes, list[EntryId]] = OrderedDict()
        """What was accepted more than once: repeated at one server while another one had it already."""
        self._delivered: OrderedDict[bytes, str] = OrderedDict()
        self._fingerprints: OrderedDict[EntryId, bytes] = OrderedDict()
        """Of what was noted and not delivered yet."""

    def note(self, entries: Iterable[Entry]) -> None:
        """Activities were accepted, here or elsewhere."""
        refs, fingerprints = self._refs, self._fingerprints
        for entry in entries:
            if entry.ref is None or entry.kind != "activity":
                continue
            fingerprint = fingerprints[entry.id] = idempotency_fingerprint(entry.sender, entry.ref, entry.body)
            if self._nothing_before and fingerprint not in refs:
                # As nearly all are.
                refs[fingerprint] = _text(entry.id)
                if len(refs) > REFS_MAX:
                    refs.popitem(last=False)
            else:
                self._note(fingerprint, entry.sender, entry.ref, entry.id)
        while len(fingerprints) > REFS_MAX:
            fingerprints.popitem(last=False)

    def _note(self, fingerprint: bytes, sender: str, ref: str, entry_id: EntryId) -> None:
        here = _text(entry_id)
        known = self._refs.get(fingerprint)
        if known is None:
            before = self._before.find_copies(sender, ref, fingerprint)
            known = self._refs[fingerprint] = _text(before[0]) if before else here
            if len(before) > 1:
                self._copies[fingerprint] = before
            if len(self._refs) > REFS_MAX:
                self._refs.popitem(last=False)
                # So many have been given since then.
                self._before = PackedRefs()
                self._nothing_before = True
        if known != here:
            copies = self._copies.setdefault(fingerprint, [parse_entry_id(known)])
            copies.append(entry_id)
            if len(copies) > COPIES_OF_ONE_MAX:
                del copies[1]
            if len(self._copies) > COPIES_MAX:
                self._copies.popitem(last=False)

    def forget(self, entry: Entry) -> None:
        """An activity could not be kept: it may be said again."""
        if entry.ref is not None:
            fingerprint = self._taken(entry, entry.ref)
            self._refs.pop(fingerprint, None)
            for copy in self._copies.pop(fingerprint, ()):
                if copy != entry.id:
                    self._note(fingerprint, entry.sender, entry.ref, copy)

    def known(self, sender: str, ref: str, body: bytes) -> EntryId | None:
        """The activity with this content that its sender already gave this name."""
        fingerprint = idempotency_fingerprint(sender, ref, body)
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

    def first_delivered(self, entries: Sequence[Entry]) -> Sequence[Entry]:
        """Those of some activities of which `is_first_delivered` holds."""
        return [entry for entry in entries if self.is_first_delivered(entry)]

    def is_first_delivered(self, entry: Entry) -> bool:
        """Whether nothing was delivered under this activity's name before; from now on, it was."""
        if entry.ref is None:
            return True
        fingerprint = self._taken(entry, entry.ref)
        here = _text(entry.id)
        known = self._delivered.get(fingerprint)
        if known is None:
            before = () if self._nothing_before else self._before.find_copies(entry.sender, entry.ref, fingerprint)
            known = self._delivered[fingerprint] = _text(before[0]) if before else here
            if len(self._delivered) > REFS_MAX:
                self._delivered.popitem(last=False)
        return known == here

    def _taken(self, entry: Entry, ref: str) -> bytes:
        return self._fingerprints.pop(entry.id, None) or idempotency_fingerprint(entry.sender, ref, entry.body)


def _text(entry_id: EntryId) -> str:
    """As `str` has it, in half the time."""
    node, incarnation, seq = entry_id
    return f"{node}.{incarnation}.{seq}"
