"""Refs: the names that clients give their activities, by which a repetition is recognised.

A client that never saw its acknowledgement says the same again, perhaps at another server. Within one part of the
network the second is refused; across parts both are accepted, and are copies of one activity to every reader. Copies
have the same sender, ref and content: what another server has said under somebody's ref is no copy of what they wrote.

What came together in a record is noted, delivered and forgotten together, as long as nobody else uses one of its names.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable, Iterator, Sequence
from typing import Final

import msgspec

from core.wire.entries import Entry, EntryId, Stream, parse_entry_id
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


class _NamedTogether(msgspec.Struct, gc=False, eq=False):
    """Activities that were accepted at once, each the first with its name."""

    stream: Stream
    numbers: Sequence[int]
    fingerprints: list[bytes]
    columns: EntryColumns | None
    """What they are among, until all of it is delivered; None as well when the names are looked at one by one."""
    delivered: int = 0
    """How many of them are, the first ones."""
    is_apart: bool = False
    """Whether each name has its own identity in the place of all of them."""

    def id_of(self, fingerprint: bytes) -> EntryId:
        return EntryId(*self.stream, self.numbers[self.fingerprints.index(fingerprint)])

    @property
    def texts(self) -> Iterator[str]:
        """Their identities."""
        before = f"{self.stream}."
        return (f"{before}{number}" for number in self.numbers)


class Refs:
    """The names of activities that were given last."""

    def __init__(self, before: PackedRefs) -> None:
        """`before`: the names that were given before this start."""
        self._before = before
        self._nothing_before = not len(before)
        # As texts: Python's collector looks at each tuple of a hundred thousand again and again, tens of milliseconds
        # each time.
        self._refs: dict[bytes, str | _NamedTogether] = {}
        """By the activity's fingerprint the identity under which it was accepted first, or with which others it was."""
        self._order: deque[bytes | _NamedTogether] = deque()
        """The names in the order in which they were given, those that are forgotten since among them."""
        self._gone: dict[bytes, int] = {}
        """How often a name stands there that is forgotten, of those that were given one by one."""
        self._apart: set[bytes] = set()
        """Names that do not stand there by themselves, and were taken apart from those that were given with them."""
        self._undelivered: set[bytes] = set()
        """Those of which nothing has been delivered yet, besides what came together and is delivered together."""
        self._delivered: OrderedDict[bytes, str] = OrderedDict()
        """What was delivered first, where that is not what was accepted first."""
        self._copies: OrderedDict[bytes, list[EntryId]] = OrderedDict()
        """What was accepted more than once: repeated at one server while another one had it already."""
        self._fingerprints: OrderedDict[EntryId, bytes] = OrderedDict()
        """Of what came by itself and was not delivered yet."""

    # --- accepted -----------------------------------------------------------------------------------------------------

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
        numbers, named = _named(columns)
        if (looked_for or self._nothing_before) and len(named) > 1:
            together = _NamedTogether(columns.stream, numbers, named, columns)
            by_name = dict.fromkeys(named, together)
            if len(by_name) == len(named) and self._refs.keys().isdisjoint(by_name):
                # As nearly all are.
                self._refs.update(by_name)
                self._order.append(together)
                self._forget_oldest()
                return
        for number, fingerprint, sender, ref in zip(
            columns.numbers, columns.fingerprints, columns.senders, columns.refs, strict=True
        ):
            if fingerprint is not None and ref is not None:
                self._note(fingerprint, sender, ref, EntryId(*columns.stream, number))

    def _note(self, fingerprint: bytes, sender: str, ref: str, entry_id: EntryId) -> None:
        known = self._id_of(fingerprint)
        if known is None:
            before = () if self._nothing_before else self._before.find_copies(sender, ref, fingerprint)
            known = before[0] if before else entry_id
            self._name(fingerprint, known)
            if not before:
                self._undelivered.add(fingerprint)
            if len(before) > 1:
                self._copies[fingerprint] = [*before]
            self._forget_oldest()
        if known != entry_id:
            copies = self._copies.setdefault(fingerprint, [known])
            copies.append(entry_id)
            if len(copies) > COPIES_OF_ONE_MAX:
                del copies[1]
            if len(self._copies) > COPIES_MAX:
                self._copies.popitem(last=False)

    def _name(self, fingerprint: bytes, entry_id: EntryId) -> None:
        self._refs[fingerprint] = _text(entry_id)
        self._order.append(fingerprint)

    def _id_of(self, fingerprint: bytes) -> EntryId | None:
        """What was accepted first under a name."""
        known = self._refs.get(fingerprint)
        if known is None:
            return None
        return parse_entry_id(known) if isinstance(known, str) else known.id_of(fingerprint)

    # --- forgotten ----------------------------------------------------------------------------------------------------

    def _forget_oldest(self) -> None:
        refs, order = self._refs, self._order
        while len(refs) > REFS_MAX:
            oldest = order[0]
            if isinstance(oldest, _NamedTogether):
                if len(refs) - len(oldest.fingerprints) < REFS_MAX:
                    # So many are promised.
                    return
                self._forget_together(oldest)
            else:
                self._forget_one(oldest)
            del order[0]
            # So many have been given since then.
            self._before = NO_REFS
            self._nothing_before = True

    def _forget_together(self, oldest: _NamedTogether) -> None:
        refs = self._refs
        if oldest.is_apart:
            gone = [one for one, text in zip(oldest.fingerprints, oldest.texts, strict=True) if refs.get(one) == text]
            self._undelivered.difference_update(gone)
            self._apart.difference_update(gone)
        else:
            gone = [one for one in oldest.fingerprints if refs.get(one) is oldest]
            oldest.columns = None
        for one in gone:
            del refs[one]

    def _forget_one(self, oldest: bytes) -> None:
        gone = self._gone.pop(oldest, 0)
        if gone > 1:
            self._gone[oldest] = gone - 1
        if not gone:
            self._refs.pop(oldest, None)
            self._undelivered.discard(oldest)

    def forget(self, entry: Entry) -> None:
        """An activity could not be kept: it may be said again."""
        if entry.ref is None:
            return
        fingerprint = self._taken(entry, entry.ref)
        self._take_apart(fingerprint)
        if self._refs.pop(fingerprint, None) is not None and fingerprint not in self._apart:
            self._gone[fingerprint] = self._gone.get(fingerprint, 0) + 1
        self._apart.discard(fingerprint)
        is_delivered = fingerprint not in self._undelivered
        for copy in self._copies.pop(fingerprint, ()):
            if copy != entry.id:
                self._note(fingerprint, entry.sender, entry.ref, copy)
        if is_delivered or fingerprint not in self._refs:
            self._undelivered.discard(fingerprint)

    def _take_apart(self, fingerprint: bytes) -> None:
        """A name of some that were given together goes its own way."""
        together = self._refs.get(fingerprint)
        if not isinstance(together, _NamedTogether):
            return
        here = [one for one in together.fingerprints if self._refs.get(one) is together]
        texts = dict(zip(together.fingerprints, together.texts, strict=True))
        self._refs.update((one, texts[one]) for one in here)
        self._apart.update(here)
        if together.columns is not None:
            delivered = {*together.fingerprints[: together.delivered]}
            self._undelivered.update(one for one in here if one not in delivered)
        together.columns = None
        together.is_apart = True

    # --- looked for ---------------------------------------------------------------------------------------------------

    def find(self, sender: str, ref: str, fingerprint: bytes) -> EntryId | None:
        """The activity with this fingerprint that its sender already gave this name."""
        known = self._id_of(fingerprint)
        if known is None:
            return next(iter(self._before.find_copies(sender, ref, fingerprint)), None)
        return known

    def is_copy_of(self, entry: Entry, fingerprint: bytes, is_had: Callable[[EntryId], bool]) -> bool:
        """Whether an activity was accepted a second time elsewhere, as one that somebody has had."""
        if entry.ref is None:
            return False
        copies = self._copies.get(fingerprint) or self._before.find_copies(entry.sender, entry.ref, fingerprint)
        return any(one != entry.id and is_had(one) for one in copies)

    # --- delivered ----------------------------------------------------------------------------------------------------

    def first_delivered(self, columns: EntryColumns) -> EntryColumns:
        """Those of some activities of which `is_first_delivered` holds, as if it was asked of each in turn."""
        numbers, named = _named(columns)
        if self._are_delivered_together(columns, numbers, named):
            # As nearly always: each is the first with its name.
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

    def _are_delivered_together(self, columns: EntryColumns, numbers: Sequence[int], named: list[bytes]) -> bool:
        """Whether these came together, and are to be delivered next of what did. From now on they are."""
        pieces: list[tuple[_NamedTogether, int]] = []
        at = 0
        while at < len(named):
            # A server's own were accepted in other pieces than the store makes records of.
            piece = self._refs.get(named[at])
            if not isinstance(piece, _NamedTogether) or piece.columns is None:
                return False
            begin = piece.delivered
            end = min(len(piece.fingerprints), begin + len(named) - at)
            if piece.columns is not columns or begin:
                upto = at + end - begin
                if (
                    piece.stream != columns.stream
                    or (piece.numbers[begin], piece.numbers[end - 1]) != (numbers[at], numbers[upto - 1])
                    or piece.fingerprints[begin:end] != named[at:upto]
                ):
                    return False
            pieces.append((piece, end))
            at += end - begin
        for piece, end in pieces:
            piece.delivered = end
            if end == len(piece.fingerprints):
                piece.columns = None
        return True

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
        self._take_apart(fingerprint)
        here = _text(entry_id)
        known = self._refs.get(fingerprint)
        if fingerprint in self._undelivered:
            self._undelivered.discard(fingerprint)
            if known != here:
                self._delivered[fingerprint] = here
                if len(self._delivered) > COPIES_MAX:
                    self._delivered.popitem(last=False)
            return True
        if known is None:
            before = () if self._nothing_before else self._before.find_copies(sender, ref, fingerprint)
            first = before[0] if before else entry_id
            self._name(fingerprint, first)
            known = _text(first)
            self._forget_oldest()
        return self._delivered.get(fingerprint, known) == here

    def _taken(self, entry: Entry, ref: str) -> bytes:
        return self._fingerprints.pop(entry.id, None) or idempotency_fingerprint(entry.sender, ref, entry.body)


def _named(columns: EntryColumns) -> tuple[Sequence[int], list[bytes]]:
    """The numbers and the fingerprints of those that have a ref."""
    numbers, fingerprints = columns.numbers, columns.fingerprints
    named = [one for one in fingerprints if one is not None]
    if len(named) < len(fingerprints):
        numbers = [number for number, one in zip(numbers, fingerprints, strict=True) if one is not None]
    return numbers, named


def _text(entry_id: EntryId) -> str:
    """As `str` has it, in half the time."""
    node, incarnation, seq = entry_id
    return f"{node}.{incarnation}.{seq}"
