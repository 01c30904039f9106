"""Reading through: all of a database is read while its server runs, a little at a time, so that damage is found before
somebody needs what it has damaged.

A large database is not read at a start. It is read here, once a day and after a start that followed upon a crash: over
a connection of its own, in steps of some hundredths of a second, each of which is one short transaction that keeps
nobody waiting. Where it has come is remembered, and taken up by the next start (the idea is RAID's and ZFS's *scrub*).
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, Self

import msgspec

from core.store.behind import CHANGES, REGISTRATIONS, fact_part
from core.store.mending import is_damage
from core.store.record_rows import RECORD_COLUMNS, DamagedRecord, RecordRow, record_of
from core.store.stream_numbers import StreamNumbers
from core.store.time_blocks import BLOCK_COLUMNS, Block
from core.wire.limits import RECORD_ENTRIES_MAX

SETTING: Final = "read_through"
"""Where it is remembered."""
STEP_BYTES: Final = 512 * 1024
"""About how much a step reads."""
_RECORDS: Final = 64
_BLOCKS: Final = 32
_ITEM_COST: Final = 100
"""Bytes that could be read in the time in which it is looked whether an item is there."""
_ROWS: Final = 1_000
_CACHE_KIB: Final = 512

_BY_NUMBER = (
    "SELECT 1 FROM records INDEXED BY records_by_number WHERE stream = ? AND first = ? AND count = ? AND no = ?"
)
_HOLDER = "SELECT 1 FROM records WHERE stream = ? AND first BETWEEN ? AND ? AND first + count > ?"


class Progress(msgspec.Struct, frozen=True):
    """How far it has come."""

    begun: float = 0.0
    """When this pass began, in seconds since 1970; 0: none is under way."""
    upto: int = 0
    """The number of the last record then."""
    upto_place: int = 0
    """The number of the last block in the index of time then."""
    part: int = 0
    after: tuple[int | str, ...] = ()
    """The part of the database that is read, and up to which key of it."""
    records: int = 0
    """How many records have been read in this pass."""
    damaged: int = 0
    """How often something in it was damaged."""
    done: float = 0.0
    """When the last pass that went through to the end did so; 0: none has."""
    done_records: int = 0
    done_damaged: int = 0
    """What that one has read and found."""


class ReadStep(msgspec.Struct, frozen=True):
    """What a step has found, and where it has come to."""

    progress: Progress
    records: tuple[int, ...] = ()
    """Numbers of records that are damaged."""
    otherwise: str = ""
    """What else is damaged, in words."""
    bytes: int = 0
    """About how much was read."""


def read_progress(text: str | None) -> Progress:
    """What was remembered, if it can be read."""
    with contextlib.suppress(msgspec.MsgspecError):
        return msgspec.json.decode(text or "{}", type=Progress)
    return Progress()


def written(progress: Progress) -> str:
    """As it is remembered."""
    return msgspec.json.encode(progress).decode()


class ReadingThrough:
    """A pass over a database, from any one thread at a time."""

    def __init__(self, database: Path, progress: Progress, now: float) -> None:
        """Go on with what is under way, or begin at `now`. Raises sqlite3.Error."""
        self._connection = sqlite3.connect(
            f"{database.absolute().as_uri()}?mode=ro",
            uri=True,
            isolation_level=None,
            timeout=10,
            check_same_thread=False,
        )
        self._connection.execute("PRAGMA trusted_schema = OFF")
        self._connection.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
        self.progress = progress if progress.begun else self._begun(progress, now)
        self._parts: tuple[Callable[[tuple[int | str, ...]], Iterator[_Read]], ...] = (
            self._small,
            self._facts,
            self._records,
            self._places,
            self._others,
        )

    def _begun(self, progress: Progress, now: float) -> Progress:
        upto, upto_place = (
            self._connection.execute(f"SELECT max(no) FROM {table}").fetchone()[0] or 0
            for table in ("records", "time_index")
        )
        return msgspec.structs.replace(progress, begun=now, upto=upto, upto_place=upto_place)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *details: object) -> None:
        self.close()

    def close(self) -> None:
        self._connection.close()

    @property
    def is_over(self) -> bool:
        return not self.progress.begun

    def step(self, now: float) -> ReadStep:
        """Read on. What cannot be read because of its disk is tried again by the next step. Raises sqlite3.Error."""
        progress = self.progress
        damaged: list[int] = []
        otherwise = ""
        read = 0
        records = progress.records
        after = progress.after
        self._connection.execute("BEGIN")
        try:
            for one in self._parts[progress.part](after):
                read += one.bytes
                records += one.is_record
                if one.damaged is not None:
                    damaged.append(one.damaged)
                after = one.key
                if read >= STEP_BYTES:
                    break
        except (sqlite3.DatabaseError, ValueError, TypeError, OverflowError) as error:
            if isinstance(error, sqlite3.DatabaseError) and not is_damage(error):
                raise
            otherwise = str(error) or type(error).__name__
        finally:
            self._connection.execute("ROLLBACK")
        # Behind what cannot be read there is nothing to be found but what making all anew finds as well.
        through = after == progress.after or bool(otherwise)
        progress = msgspec.structs.replace(
            progress,
            part=progress.part + through,
            after=() if through else after,
            records=records,
            damaged=progress.damaged + len(damaged) + bool(otherwise),
        )
        if progress.part == len(self._parts):
            progress = Progress(done=now, done_records=progress.records, done_damaged=progress.damaged)
        self.progress = progress
        return ReadStep(progress, tuple(damaged), otherwise, read)

    # --- the parts ----------------------------------------------------------------------------------------------------

    def _small(self, after: tuple[int | str, ...]) -> Iterator[_Read]:
        """Tables of which each row has its own checksum."""
        from core.store.table_checks import TableChecks, Verification

        for damage in TableChecks(self._connection, Verification(Path()), None).small():
            raise ValueError(damage.what)
        yield _Read((), 0)

    def _facts(self, after: tuple[int | str, ...]) -> Iterator[_Read]:
        for table in (REGISTRATIONS, CHANGES):
            for row in self._connection.execute(f"SELECT no, texts, marks, sum FROM {table} ORDER BY no"):
                fact_part(row)
                yield _Read((), 0)

    def _records(self, after: tuple[int | str, ...]) -> Iterator[_Read]:
        """Each record, and whether the index leads to it; of those that were there when the pass began."""
        run = self._connection.execute
        streams = StreamNumbers(self._connection)
        rows = run(
            f"SELECT {RECORD_COLUMNS} FROM records WHERE no > ? AND no <= ? ORDER BY no LIMIT ?",
            (*(after or (0,)), self.progress.upto, _RECORDS),
        )
        for row in map(RecordRow._make, rows.fetchall()):
            size = len(row.line) if type(row.line) is bytes else 0
            try:
                record_of(row, streams.of(row.stream))
            except DamagedRecord:
                yield _Read((row.no,), size, is_record=True, damaged=row.no)
                continue
            if run(_BY_NUMBER, (row.stream, row.first, row.numbers, row.no)).fetchone() is None:
                raise ValueError(f"no index leads to record {row.no}")
            yield _Read((row.no,), size, is_record=True)

    def _places(self, after: tuple[int | str, ...]) -> Iterator[_Read]:
        """Each block of the index of time, its sum, and whether there is a record for each place in it."""
        run = self._connection.execute
        streams = StreamNumbers(self._connection)
        rows = run(
            f"SELECT {BLOCK_COLUMNS} FROM time_index WHERE no > ? AND no <= ? ORDER BY no LIMIT ?",
            (*(after or (-1,)), self.progress.upto_place, _BLOCKS),
        ).fetchall()
        for block in map(Block.of, rows):
            for _, stream, seq in block.items:
                if run(_HOLDER, (stream, seq - RECORD_ENTRIES_MAX + 1, seq, seq)).fetchone() is None:
                    raise ValueError(f"the index of time names {seq} of stream {stream}, which is not there")
            if not block.is_summed_rightly(streams.name):
                raise ValueError(f"the sum of what was received from the place {block.begin} on does not fit it")
            yield _Read((block.no,), _ITEM_COST * len(block))

    def _others(self, after: tuple[int | str, ...]) -> Iterator[_Read]:
        """What has no checksum: whether it can be read at all."""
        run = self._connection.execute
        for sender, *_ in run(
            "SELECT * FROM senders WHERE sender > ? ORDER BY sender LIMIT ?", (*(after or ("",)), _ROWS)
        ):
            yield _Read((sender,), STEP_BYTES // _ROWS)
        if not after:
            run("SELECT max(length(packed)) FROM refs").fetchone()


class _Read(msgspec.Struct, frozen=True):
    """A row that was read."""

    key: tuple[int | str, ...]
    bytes: int
    is_record: bool = False
    damaged: int | None = None
