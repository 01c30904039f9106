"""A small server's data with everything in it, and what is done to its file."""

from __future__ import annotations

import base64
import random
import sqlite3
from collections.abc import Callable
from pathlib import Path

from core.engine.threads.opening_store import new_identity
from core.store import KEEP_EVERYTHING, OnLoss, Retention, SqliteStore, open_store
from core.store.identity import KEY_SETTING
from core.wire.ed25519 import Ed25519Signer
from core.wire.entries import Entry, EntryId, PeerRecord, Stream
from core.wire.recovered import Recovered
from tests.store.making import WALL, account, activity

OTHER = Stream("neighbour", 7)
ENTRIES = 40
PAGE = 4096


def opened(
    path: Path,
    wall: float = WALL,
    *,
    alone: bool = False,
    on_loss: OnLoss = "refuse",
    retention: Retention = KEEP_EVERYTHING,
) -> tuple[SqliteStore, Recovered]:
    """As the engine opens it: with a key."""
    store, recovered = open_store(
        path, identity_factory=new_identity, wall=wall, alone=alone, on_loss=on_loss, retention=retention
    )
    store.signer = Ed25519Signer(base64.b64decode(store.get_setting(KEY_SETTING) or ""))
    return store, recovered


def filled(path: Path, *, peers: bool = True, entries: int = ENTRIES) -> Recovered:
    """A server's data: signed records of its own, a neighbour's loose entries, accounts, a known server."""
    store, recovered = opened(path)
    own = Stream(recovered.node, recovered.incarnation)
    for seq in range(1, entries + 1, 4):
        number = range(seq, seq + 4)
        store.commit([activity(own, one, 1000 + one, sender="ada", ref=f"r{one}") for one in number])
        store.commit([activity(OTHER, one, 1000 + one, sender="bob") for one in number])
    store.commit([account(OTHER, entries + 1, "bob")])
    if peers:
        store.commit([PeerRecord("neighbour", "192.0.2.1", 3780, "n", WALL, ())])
    store.set_setting("network_secret", "s3cret")
    store.follow(idle=True)
    store.close()
    # What is the second start's: a first one has not kept the secret beside the database yet.
    opened(path, WALL + 1)[0].close()
    return recovered


def bodies(store: SqliteStore) -> dict[EntryId, bytes]:
    return {entry.id: entry.body for entry in activities(store)}


def activities(store: SqliteStore) -> tuple[Entry, ...]:
    return store.activities_before(None, 10_000, 1 << 30)


def flip(file: Path, place: int, bit: int) -> None:
    content = bytearray(file.read_bytes())
    content[place] ^= 1 << bit
    file.write_bytes(content)


def _overwrite(file: Path, data: bytes, chance: random.Random) -> None:
    content = bytearray(file.read_bytes())
    place = PAGE * chance.randrange(len(content) // PAGE)
    content[place : place + PAGE] = data
    file.write_bytes(content)


def zero_a_page(file: Path, chance: random.Random) -> None:
    _overwrite(file, bytes(PAGE), chance)


def fill_a_page_with_garbage(file: Path, chance: random.Random) -> None:
    _overwrite(file, chance.randbytes(PAGE), chance)


def swap_two_pages(file: Path, chance: random.Random) -> None:
    content = bytearray(file.read_bytes())
    one, other = (PAGE * page for page in chance.sample(range(len(content) // PAGE), 2))
    content[one : one + PAGE], content[other : other + PAGE] = (
        content[other : other + PAGE],
        content[one : one + PAGE],
    )
    file.write_bytes(content)


def cut_off(file: Path, chance: random.Random) -> None:
    content = file.read_bytes()
    file.write_bytes(content[: chance.randrange(1, len(content))])


def flip_a_hundred_bits(file: Path, chance: random.Random) -> None:
    content = bytearray(file.read_bytes())
    for _ in range(100):
        content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
    file.write_bytes(content)


def lose_the_header(file: Path, chance: random.Random) -> None:
    content = file.read_bytes()
    file.write_bytes(chance.randbytes(100) + content[100:])


def become_something_else(file: Path, chance: random.Random) -> None:
    file.write_bytes(b"my novel, chapter one. " * 1000)


def drop_an_index(file: Path, chance: random.Random) -> None:
    with sqlite3.connect(file) as connection:
        connection.execute("DROP INDEX records_by_number")
    connection.close()


DAMAGES: list[Callable[[Path, random.Random], None]] = [
    zero_a_page,
    fill_a_page_with_garbage,
    swap_two_pages,
    cut_off,
    flip_a_hundred_bits,
    lose_the_header,
    become_something_else,
    drop_an_index,
]
