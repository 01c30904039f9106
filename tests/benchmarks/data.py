"""Data directories of any size, made through the store's own interface and kept for the next measurement.

They are made anew whenever anything has changed that decides how they are made: the store, what it keeps, or this file.
"""

from __future__ import annotations

import hashlib
import random
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import astuple, dataclass
from pathlib import Path

import msgspec

import core
from core.engine.engine_settings import EngineSettings
from core.engine.threads.opening_store import open_sqlite
from core.store.retention import KEEP_EVERYTHING
from core.store.store_interface import Store
from core.wire.entries import AccountFact, Entry, EntryId, Stream, StreamMark
from core.wire.recovered import Recovered

CACHE = Path(tempfile.gettempdir()) / "activity-tui-benchmarks"
COMMIT = 10_000
"""Entries of a commit, here: many, for it only has to be made."""
SENDERS = 1_000
BODY_BYTES = 200
SERVERS = 100
"""Whose starts the past ones are."""
VERIFIER = "$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHRzYWx0c2FsdA$aGFzaGhhc2hoYXNoaGFzaGhhc2hoYXNoaGFzaGhhc2g"


@dataclass(frozen=True)
class Contents:
    """What is kept. `past_starts`: streams of which something was accepted once, and nothing is kept any more."""

    activities: int = 0
    accounts: int = 0
    past_starts: int = 0
    copy: str = ""
    """Tells servers apart that have the same."""
    is_packed: bool = True
    """Whether a start has packed the past ones, as the next one does whenever there are many."""


def prepared(contents: Contents) -> Path:
    """A data directory with these contents, which nobody may change: start from a `copied` one."""
    where = CACHE / f"{_name(contents)}-{_version()}"
    if not where.exists():
        for old in CACHE.glob(f"{_name(contents)}-*"):
            shutil.rmtree(old)
        print(f"  making {contents} …", file=sys.stderr, flush=True)
        half = where.with_name(f"half-{where.name}")
        shutil.rmtree(half, ignore_errors=True)
        half.mkdir(parents=True)
        store, recovered = open_sqlite(settings(half))
        _fill(store, recovered, contents)
        store.close()
        if contents.past_starts and contents.is_packed:
            open_sqlite(settings(half))[0].close()
        half.rename(where)
    return where


def copied(contents: Contents, where: Path) -> Path:
    """A data directory of one's own with these contents."""
    shutil.copytree(prepared(contents), where)
    return where


def settings(directory: Path) -> EngineSettings:
    return EngineSettings(data_dir=directory, retention=KEEP_EVERYTHING)


def _name(contents: Contents) -> str:
    return "-".join(str(one) for one in astuple(contents) if one and one is not True) + "-loose" * (
        not contents.is_packed
    )


def _version() -> str:
    root = Path(core.__file__).parent
    files = [*sorted((root / "store").glob("*.py")), *sorted((root / "wire").glob("*.py")), Path(__file__)]
    return hashlib.blake2b(b"".join(file.read_bytes() for file in files), digest_size=6).hexdigest()


def _fill(store: Store, recovered: Recovered, contents: Contents) -> None:
    chance = random.Random(1)
    for first in range(0, contents.past_starts, COMMIT):
        numbers = range(first, min(first + COMMIT, contents.past_starts))
        store.commit(
            [
                StreamMark(Stream(f"server{one % SERVERS:06d}", 10**11 + one // SERVERS * 86_400_000), one % 900 + 1)
                for one in numbers
            ]
        )
    stamp = int(time.time() * 1e6) - 1_000 * (contents.activities + contents.accounts)
    stream = Stream(recovered.node, recovered.incarnation)
    made = [*_accounts(stream, stamp, contents.accounts)]
    for first in range(0, contents.accounts, COMMIT):
        store.commit(made[first : first + COMMIT])
    batch: list[Entry] = []
    for entry in activities(stream, contents.accounts + 1, contents.activities, stamp, chance):
        batch.append(entry)
        if len(batch) == COMMIT:
            store.commit(batch)
            batch = []
    if batch:
        store.commit(batch)


def _accounts(stream: Stream, stamp: int, count: int) -> Iterator[Entry]:
    for number in range(1, count + 1):
        at = stamp + 1_000 * number
        fact = AccountFact(f"somebody{number:06d}", VERIFIER, at, f"{stream.node}.{stream.incarnation}.c{number}")
        yield Entry(EntryId(*stream, number), "account", at, msgspec.json.encode(fact))


def activities(stream: Stream, first: int, count: int, stamp: int, chance: random.Random) -> Iterator[Entry]:
    """Activities of many people, of BODY_BYTES bytes each, as native clients post them."""
    last: dict[str, EntryId] = {}
    for number in range(first, first + count):
        sender = f"somebody{chance.randrange(SENDERS):06d}"
        start = f'{{"type":"Note","content":"{number:012d} '
        end = f'","authenticated_user":"{sender}"}}'
        body = start + "x" * (BODY_BYTES - len(start) - len(end)) + end
        here = EntryId(*stream, number)
        yield Entry(
            here,
            "activity",
            stamp + 1_000 * number,
            body.encode(),
            sender,
            last.get(sender),
            f"{number:016d}-{number:05d}",
        )
        last[sender] = here
