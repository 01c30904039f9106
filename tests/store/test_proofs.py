"""What is kept without its server's signature gets it later, in both stores: in its place, and counted once."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec
import pytest

from core.reconciliation.summary_queries import SumWanted, UnprovedFound, UnprovedWanted
from core.store.verifying import verify
from core.wire.account_votes import Vote
from core.wire.ed25519 import Ed25519Signer, Ed25519Verifier
from core.wire.entries import AccountFact, Entry, Fetch, Wanted
from core.wire.keepables import Proof
from core.wire.missing import FindArrived
from core.wire.records import LogRecord, seal
from tests.store.making import A, B, account, activity, ids
from tests.store.test_contract import AnyStore, Disk

SIGNER = Ed25519Signer(bytes(range(32)))
EVERYTHING = UnprovedWanted({"a": 1}, 0, 1000, 10_000)


@pytest.fixture(params=["sqlite", "memory"])
def disk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Disk]:
    disk = Disk(request.param, tmp_path / "data")
    yield disk
    disk.close()


def entries(count: int) -> list[Entry]:
    return [activity(A, number, sender=f"u{number % 3}", ref=f"r{number}") for number in range(1, count + 1)]


def signed(run: Sequence[Entry], before: bytes = b"") -> list[LogRecord]:
    return seal(run, before, SIGNER)


def proved(store: AnyStore) -> list[int]:
    """Numbers of A that a neighbour would be sent with a signature."""
    page = store.fetch_records(Wanted({A: ((1, 1000),)}, 10_000_000))
    return sorted(entry.id.seq for one in page.records if one.is_signed(Ed25519Verifier()) for entry in one.entries)


def unproved(store: AnyStore, query: UnprovedWanted = EVERYTHING) -> UnprovedFound:
    assert store.prepare_summary(query)
    found = store.ask_summary(query)
    assert isinstance(found, UnprovedFound)
    return found


def state(store: AnyStore) -> object:
    """What is not to change when a proof comes."""
    wanted = SumWanted(0, 10**15)
    assert store.prepare_summary(wanted)
    return (ids(store), store.usage(), store.ask_summary(wanted))


def one_by_one(store: AnyStore, run: Sequence[Entry]) -> None:
    for entry in run:
        store.commit([entry])


@pytest.mark.parametrize("sealed_at_once", [1, 3, 10])
@pytest.mark.parametrize("came_at_once", [1, 4, 10])
def test_signed_records_take_the_place_of_what_they_prove_however_both_are_cut(
    disk: Disk, sealed_at_once: int, came_at_once: int
) -> None:
    store, _ = disk.open()
    run = entries(10)
    for begin in range(0, 10, came_at_once):
        store.commit(run[begin : begin + came_at_once])
    before = state(store)
    assert unproved(store).entries == {A: ((1, 10),)}
    records, digest = [], b""
    for begin in range(0, 10, sealed_at_once):
        records += signed(run[begin : begin + sealed_at_once], digest)
        digest = records[-1].digest
    random.Random(1).shuffle(records)
    for record in records:
        store.commit([Proof(record)])
    assert proved(store) == list(range(1, 11))
    assert unproved(store).entries == {}
    assert [entry.body for page in [store.fetch(Fetch({}))] for entry in page.entries] == [one.body for one in run]
    after = state(store)
    assert after[0] == before[0] and after[2] == before[2]  # type: ignore[index]
    store, recovered = disk.open()
    assert proved(store) == list(range(1, 11)) and recovered.activities == 10
    assert len(recovered.recent_refs) == 10


def test_what_is_proved_later_has_not_come_later(disk: Disk) -> None:
    """For a client that was here when it came in, and comes back."""
    store, _ = disk.open()
    run = entries(9)
    store.commit(run[:4])
    store.commit(run[4:8])
    here = store.arrived
    for record in (*signed(run[:3]), *signed(run[3:6]), *signed(run[6:9])):
        store.commit([Proof(record)])
    assert proved(store) == list(range(1, 9))
    store.commit(run[8:])
    assert store.find(FindArrived(here)).runs == {A: ((9, 9),)}
    assert store.find(FindArrived(0)).runs == {A: ((1, 9),)}


def test_nothing_else_is_taken_in_with_a_proof(disk: Disk) -> None:
    store, _ = disk.open()
    run = entries(5)
    store.commit([run[1], run[3]])
    [record] = signed(run)
    store.commit([Proof(record)])
    assert proved(store) == [2, 4]
    assert [one.seq for one in ids(store)] == [2, 4]
    store.commit([record])
    assert proved(store) == [1, 2, 3, 4, 5]
    assert [one.seq for one in ids(store)] == [1, 2, 3, 4, 5]


def test_another_content_is_not_put_in_the_place_of_what_is_kept(disk: Disk) -> None:
    store, _ = disk.open()
    store.commit(entries(2))
    other = [activity(A, 1, size=7, ref="r1", sender="u1"), entries(2)[1]]
    [record] = signed(other)
    store.commit([Proof(record)])
    assert proved(store) == [2]
    assert store.fetch(Fetch({})).entries[0].body == entries(2)[0].body


def test_an_account_gets_the_vote_that_a_server_of_the_version_before_did_not_read(disk: Disk) -> None:
    store, _ = disk.open()
    fact = AccountFact("ann", "verifier", 10, "a.1.1")
    plain = msgspec.structs.replace(account(A, 1, "ann"), body=msgspec.json.encode(fact))
    store.commit([plain])
    vote = Vote(b"k" * 32, 11, b"s" * 64)
    voted = msgspec.structs.replace(plain, body=msgspec.json.encode(msgspec.structs.replace(fact, vote=vote)))
    [record] = signed([voted])
    store.commit([Proof(record)])
    assert store.fetch(Fetch({})).entries[0].body == voted.body
    _, recovered = disk.open()
    assert {fact.allowed_at for fact in recovered.accounts} >= {10}


def test_only_what_a_server_signs_is_to_be_proved(disk: Disk) -> None:
    store, _ = disk.open()
    store.commit([activity(A, 1), activity(B, 1)])
    assert unproved(store).entries == {A: ((1, 1),)}
    assert unproved(store, UnprovedWanted({"a": 2}, 0, 1000, 10_000)).entries == {}
    assert unproved(store, UnprovedWanted({"a": 1, "b": 1}, 0, 0, 10_000)).entries == {}


def test_what_is_to_be_proved_comes_some_at_a_time(tmp_path: Path) -> None:
    disk = Disk("sqlite", tmp_path / "data")
    store, _ = disk.open()
    one_by_one(store, entries(30))
    found, after = [], 0
    while True:
        answer = unproved(store, UnprovedWanted({"a": 1}, after, 1000, 8))
        found += [number for first, last in answer.entries.get(A, ()) for number in range(first, last + 1)]
        if answer.after is None:
            break
        assert answer.after > after
        after = answer.after
    assert found == list(range(1, 31))
    disk.close()


@pytest.mark.parametrize("seed", range(8))
def test_a_database_in_which_proofs_came_verifies(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    disk = Disk("sqlite", tmp_path / "data")
    store, _ = disk.open()
    run = entries(60)
    begin = 0
    while begin < 60:
        end = begin + chance.randint(1, 9)
        store.commit([*run[begin:end], account(B, begin + 1, f"user {begin}")])
        begin = end
    begin, digest = 0, b""
    while begin < 60:
        end = begin + chance.randint(1, 12)
        [record] = signed(run[begin:end], digest)
        digest = record.digest
        begin = end
        if chance.random() < 0.7:
            store.commit([Proof(record), *([activity(B, 1000 + begin)] if chance.random() < 0.5 else [])])
        if chance.random() < 0.2:
            store, _ = disk.open()
    store.trim(10**9)
    disk.close()
    assert verify(tmp_path / "data" / "node.db").damage == []
