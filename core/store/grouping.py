"""What one commit writes: the records of what was accepted, those of this start sealed, and what else is to be kept."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence

import msgspec

from core.store.held import Held
from core.store.sequence_runs import Runs
from core.wire.account_documents import DocumentVersion
from core.wire.entries import Entry, PeerForgotten, PeerRecord, Stream, StreamMark
from core.wire.entry_columns import EntryColumns
from core.wire.keepables import DocumentGone, Keepable, Proof, RemovedEntry
from core.wire.records import LogRecord, loose, seal, seal_columns
from core.wire.server_keys import ServerKey
from core.wire.signing import Signer

log = logging.getLogger(__name__)


class Chain(msgspec.Struct):
    """This start's own stream, and what its next record stands behind."""

    stream: Stream
    signer: Signer | None = None
    """Nothing is sealed without one."""
    before: bytes = b""
    """The last record's digest; empty before the first."""


class Group(msgspec.Struct):
    """What a commit makes new. Nothing has changed yet."""

    records: list[LogRecord] = []
    """What is written."""
    answer: list[LogRecord] = []
    """Those of them that somebody sealed, as they were sealed: nothing that was known before is left out."""
    received: dict[Stream, Runs] = {}
    """The numbers that had not been received before."""
    proofs: list[LogRecord] = []
    """Signed records of what is kept without signatures."""
    marked: dict[Stream, None] = {}
    """Streams in which something was received that no record has."""
    removed: list[RemovedEntry] = []
    """What counts as received, and is not kept."""
    peers: dict[str, PeerRecord | None] = {}
    server_keys: dict[str, ServerKey] = {}
    documents: dict[str, DocumentVersion | None] = {}
    """Of accounts: None for those that have none any more."""
    before: bytes = b""
    """What the next record of the own stream will stand behind."""


def group_of(keepables: Sequence[Keepable], held: Held, chain: Chain) -> Group:
    """What a commit of `keepables` makes new. What was received before is left out, and so is an entry of another
    server that no record can have. Raises ValueError when there is one of this start.
    """
    try:
        return _Grouping(held, chain).group(keepables)
    except ValueError:
        singly = [entry for one in keepables for entry in (one.entries if isinstance(one, EntryColumns) else (one,))]
        possible = [as_kept(one, chain.stream) if isinstance(one, Entry) else one for one in singly]
        return _Grouping(held, chain).group([one for one in possible if one is not None])


def as_kept(entry: Entry, own: Stream | None = None) -> Entry | None:
    """An entry as a record can have it; None if none can. Raises ValueError if such a one is of the stream `own`."""
    # In JSON the end of a line stands between values only, where a blank means the same.
    body = entry.body.replace(b"\r", b" ").replace(b"\n", b" ")
    if body != entry.body:
        entry = msgspec.structs.replace(entry, body=body)
    try:
        loose([entry])
    except ValueError as error:
        if entry.id.stream == own:
            raise
        log.warning("an entry of another server cannot be kept: %s", error)
        return None
    return entry


class _Coming:
    """What a commit brings of one stream."""

    __slots__ = ("_first", "_new", "columns", "entries", "in_order", "known", "last")

    def __init__(self, known: Runs | None) -> None:
        self.known = known
        """What had been received before."""
        self._new = Runs()
        self.entries: list[Entry] = []
        """Those that came by themselves."""
        self.columns: list[EntryColumns] = []
        """Those that were accepted here, as long as nothing else of the stream comes between them."""
        self.in_order = True
        self.last = 0 if known is None else known.top
        """The largest number that there is."""
        self._first = self.last + 1
        """From here up to the last one all are new, and not in `_new` yet."""

    @property
    def new(self) -> Runs:
        """What had not been received before."""
        if self._first <= self.last:
            self._new.add(self._first, self.last)
        self._first = self.last + 1
        return self._new

    def is_new(self, number: int) -> bool:
        return number > self.last or not (number in self.new or (self.known is not None and number in self.known))

    def join(self, columns: EntryColumns) -> None:
        """Those of a run: as it is, where it goes on with what has come before."""
        numbers = columns.numbers
        if numbers[0] == self.last + 1 and not self.entries:
            self.columns.append(columns)
            self.last = numbers[-1]
            return
        for entry in columns.entries:
            if self.is_new(entry.id.seq):
                self.take(entry, entry.id.seq)

    def singly(self) -> None:
        """Have them one by one."""
        self.entries[:0] = [entry for columns in self.columns for entry in columns.entries]
        self.columns.clear()

    def take(self, entry: Entry, number: int) -> None:
        if self.columns:
            self.singly()
        if number < self.last:
            self.in_order = False
        self.entries.append(entry)
        self.receive(number, number)

    def receive(self, first: int, last: int) -> None:
        """These are new, but for those that are not."""
        self.new.add(first, last)
        self.last = max(self.last, last)
        self._first = self.last + 1


class _Grouping:
    def __init__(self, held: Held, chain: Chain) -> None:
        self._held = held
        self._chain = chain
        self._streams: dict[Stream, _Coming] = {}
        self._group = Group(before=chain.before)

    def group(self, keepables: Iterable[Keepable]) -> Group:
        """Raises ValueError when an entry is none that a record can have."""
        group = self._group
        streams = self._streams
        node, incarnation, coming = "", -1, _Coming(None)
        for keepable in keepables:
            if type(keepable) is Entry:
                entry_id = keepable.id
                number = entry_id.seq
                if entry_id.incarnation != incarnation or entry_id.node != node:
                    node, incarnation, _ = entry_id
                    coming = self._coming(Stream(node, incarnation))
                if number == coming.last + 1 and not coming.columns:
                    # As nearly all come.
                    coming.last = number
                    coming.entries.append(keepable)
                elif coming.is_new(number):
                    coming.take(keepable, number)
            elif isinstance(keepable, EntryColumns):
                self._coming(keepable.stream).join(keepable)
            elif isinstance(keepable, LogRecord):
                self._take(keepable)
            elif isinstance(keepable, Proof):
                group.proofs.append(keepable.record)
            elif isinstance(keepable, StreamMark):
                self._receive_upto(keepable)
            elif isinstance(keepable, RemovedEntry):
                self._receive_removed(keepable)
            elif isinstance(keepable, PeerRecord):
                group.peers[keepable.id] = keepable
            elif isinstance(keepable, ServerKey):
                group.server_keys[keepable.id] = keepable
            elif isinstance(keepable, DocumentVersion):
                group.documents[keepable.claim] = keepable
            elif isinstance(keepable, DocumentGone):
                group.documents[keepable.claim] = None
            else:
                assert isinstance(keepable, PeerForgotten)
                group.peers[keepable.id] = None
        for stream, coming in streams.items():
            if coming.entries or coming.columns:
                group.records += self._recorded(stream, coming)
            if coming.new.top:
                group.received[stream] = coming.new
        return group

    def _coming(self, stream: Stream) -> _Coming:
        coming = self._streams.get(stream)
        if coming is None:
            coming = self._streams[stream] = _Coming(self._held.get(stream))
        return coming

    def _take(self, record: LogRecord) -> None:
        """A record that another server sealed. Of what has been received already no body is kept a second time.

        Records of a stream may overlap, then: the same one came twice, each time with other bodies, or a server of the
        version before has sent some of its entries one by one. A body is in one of them only.
        """
        coming = self._coming(record.stream)
        if record.first <= coming.last:
            numbers = record.signed_columns.numbers
            known = [number for number in numbers if not coming.is_new(number)]
            if len(known) == len(numbers):
                return
            self._group.answer.append(record)
            record = record.without(known)
        else:
            self._group.answer.append(record)
        self._group.records.append(record)
        for first, last in record.spans:
            coming.receive(first, last)

    def _receive_upto(self, mark: StreamMark) -> None:
        coming = self._coming(mark.stream)
        if coming.known is None or coming.known.upto < mark.upto:
            coming.receive(0, mark.upto)
            self._group.marked[mark.stream] = None

    def _receive_removed(self, removed: RemovedEntry) -> None:
        coming = self._coming(removed.id.stream)
        if coming.is_new(removed.id.seq):
            if coming.columns:
                coming.singly()
            coming.receive(removed.id.seq, removed.id.seq)
            self._group.removed.append(removed)

    def _recorded(self, stream: Stream, coming: _Coming) -> list[LogRecord]:
        signer = self._chain.signer
        is_sealed = stream == self._chain.stream and signer is not None
        records: list[LogRecord] = []
        if coming.columns and signer is not None and is_sealed:
            for columns in _in_one_piece(coming.columns):
                records += seal_columns(columns, self._group.before, signer)
                self._group.before = records[-1].digest
            self._group.answer += records
            return records
        coming.singly()
        entries = coming.entries if coming.in_order else sorted(coming.entries, key=_number)
        if not is_sealed or signer is None:
            return loose(entries)
        for run in _runs(entries):
            records += seal(run, self._group.before, signer)
            self._group.before = records[-1].digest
        self._group.answer += records
        return records


def _number(entry: Entry) -> int:
    return entry.id.seq


def _in_one_piece(parts: Sequence[EntryColumns]) -> Iterable[EntryColumns]:
    """Runs of one stream in the order of their numbers, joined where one goes on with the one before it."""
    begin = 0
    for index in range(1, len(parts) + 1):
        if index == len(parts) or parts[index].numbers[0] != parts[index - 1].numbers[-1] + 1:
            yield EntryColumns.joined(parts[begin:index])
            begin = index


def _runs(entries: Sequence[Entry]) -> Iterable[Sequence[Entry]]:
    """Entries of one stream in the order of their numbers, no two with the same, as runs of successive ones."""
    if entries[-1].id.seq - entries[0].id.seq < len(entries):
        yield entries
        return
    begin = 0
    for index in range(1, len(entries) + 1):
        if index == len(entries) or entries[index].id.seq != entries[index - 1].id.seq + 1:
            yield entries[begin:index]
            begin = index
