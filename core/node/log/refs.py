"""Refs: the names that clients give their activities, by which a repetition is recognised.

A client that never saw its acknowledgement says the same again, perhaps at another server. Within one part of the
network the second is refused; across parts both are accepted, and are copies of one activity to every reader.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from typing import Final

from core.wire.entries import Entry, EntryId, Stream
from core.wire.names import original_name
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
        self._refs: OrderedDict[tuple[str, str], EntryId] = OrderedDict()
        self._copies: OrderedDict[tuple[str, str], list[EntryId]] = OrderedDict()
        """What was accepted more than once under one ref: repeated at one server while another one had it already."""
        self._delivered: OrderedDict[tuple[str, str], EntryId] = OrderedDict()

    def note(self, entry: Entry) -> None:
        """An activity was accepted, here or elsewhere."""
        if entry.ref is not None:
            self._note((original_name(entry.sender), entry.ref), entry.id)

    def _note(self, key: tuple[str, str], entry_id: EntryId) -> None:
        known = self._refs.get(key)
        if known is None:
            before = self._before.find(*key)
            known = self._refs[key] = before[0] if before else entry_id
            if len(before) > 1:
                self._copies[key] = before
            if len(self._refs) > REFS_MAX:
                self._refs.popitem(last=False)
                # So many have been given since then.
                self._before = PackedRefs()
        if known != entry_id:
            copies = self._copies.setdefault(key, [known])
            copies.append(entry_id)
            if len(copies) > COPIES_OF_ONE_MAX:
                del copies[1]
            if len(self._copies) > COPIES_MAX:
                self._copies.popitem(last=False)

    def forget(self, entry: Entry) -> None:
        """An activity could not be kept: it may be said again."""
        if entry.ref is not None:
            key = (original_name(entry.sender), entry.ref)
            self._refs.pop(key, None)
            for copy in self._copies.pop(key, ()):
                if copy != entry.id:
                    self._note(key, copy)

    def known(self, sender: str, ref: str) -> EntryId | None:
        """The activity that its sender already gave this name."""
        key = (original_name(sender), ref)
        known = self._refs.get(key)
        if known is None:
            known = next(iter(self._before.find(*key)), None)
        return known

    def is_copy_of_seen(self, entry: Entry, seen: Mapping[Stream, int]) -> bool:
        """Whether an activity was accepted a second time elsewhere, where it is within `seen`."""
        if entry.ref is None:
            return False
        key = (original_name(entry.sender), entry.ref)
        copies = self._copies.get(key) or self._before.find(*key)
        return any(one != entry.id and one.seq <= seen.get(one.stream, 0) for one in copies)

    def is_first_delivered(self, entry: Entry) -> bool:
        """Whether nothing was delivered under this activity's name before; from now on, it was."""
        if entry.ref is None:
            return True
        key = (original_name(entry.sender), entry.ref)
        known = self._delivered.get(key)
        if known is None:
            before = self._before.find(*key)
            known = self._delivered[key] = before[0] if before else entry.id
            if len(self._delivered) > REFS_MAX:
                self._delivered.popitem(last=False)
        return known == entry.id
