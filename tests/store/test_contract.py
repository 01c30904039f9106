"""What every store promises, kept by the one on disk and the one without."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest

from core.store import KEEP_EVERYTHING, TRIM_STEP, MemoryStore, Retention, SqliteStore, Store, Usage
from core.store.contents import position
from core.store.kept_time import keep_told_time, with_told_time
from core.store.retention import ROW_BYTES
from core.wire.account_documents import DocumentVersion
from core.wire.address import Address
from core.wire.entries import Entry, EntryId, Fetch, PeerForgotten, PeerRecord, Stream, StreamMark
from core.wire.keepables import DocumentGone
from core.wire.recovered import Recovered
from core.wire.server_keys import ServerKey
from tests.store.making import MICROSECONDS, WALL, A, B, account, activity, everything, ids, open_at

AnyStore = SqliteStore | MemoryStore


class Disk:
    """Opens one store again and again, a day later each time."""

    def __init__(self, kind: str, path: Path) -> None:
        self._kind = kind
        self._path = path
        self._memory: MemoryStore | None = None
        self._open: AnyStore | None = None
        self.wall = WALL

    def open(self, retention: Retention = KEEP_EVERYTHING) -> tuple[AnyStore, Recovered]:
        self.close()
        self.wall += 86_400
        if self._kind == "sqlite":
            store, recovered = open_at(self._path, self.wall, retention=retention)
            self._open = store
            return store, recovered
        if self._memory is None:
            self._memory = MemoryStore("gezdgnbvgy3t", retention=retention)
        return self._memory, self._memory.start(self.wall)

    def close(self) -> None:
        if self._open is not None:
            self._open.close()
            self._open = None


@pytest.fixture(params=["sqlite", "memory"])
def disk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Disk]:
    disk = Disk(request.param, tmp_path / "data")
    yield disk
    disk.close()


# --- starting ---


def test_the_time_that_people_were_told_is_found_by_the_next_start(disk: Disk) -> None:
    store, recovered = disk.open()
    assert with_told_time(recovered, store).told == 0
    keep_told_time(store, 1_700_000_000_000_000)
    keep_told_time(store, 1_700_000_000_500_000)
    store, recovered = disk.open()
    assert with_told_time(recovered, store).told == 1_700_000_000_500_000


def test_a_first_start_remembers_nothing_but_has_an_identity(disk: Disk) -> None:
    _, recovered = disk.open()
    assert recovered == Recovered("gezdgnbvgy3t", recovered.incarnation, starts=((recovered.incarnation, 1),))


def test_a_node_keeps_its_identity_and_gets_a_new_incarnation_at_each_start(disk: Disk) -> None:
    starts = [disk.open()[1] for _ in range(3)]
    assert len({recovered.node for recovered in starts}) == 1
    incarnations = [recovered.incarnation for recovered in starts]
    assert incarnations == sorted(set(incarnations))


def test_a_clock_that_was_set_back_does_not_set_the_incarnation_back(disk: Disk) -> None:
    first = disk.open()[1].incarnation
    disk.wall -= 10 * 86_400
    assert disk.open()[1].incarnation > first


# --- committing ---


def test_what_servers_ids_are_bound_to_is_there_after_a_restart(disk: Disk) -> None:
    store, recovered = disk.open()
    assert recovered.server_keys == ()
    first, second = ServerKey("b", b"k" * 32, 1.5), ServerKey("a", b"l" * 32, 2.5, signs_from=7)
    store.commit([first, second])
    store.commit([PeerForgotten("b"), msgspec.structs.replace(first, signs_from=9)])
    _, recovered = disk.open()
    assert recovered.server_keys == (second, msgspec.structs.replace(first, signs_from=9))


def test_what_was_committed_is_there_after_a_restart(disk: Disk) -> None:
    store, _ = disk.open()
    first, second = activity(A, 1, 500, sender="ann", ref="r1"), activity(A, 3, 502, sender="ann", ref="r2")
    store.commit([first, account(A, 2, "ann", 501)])
    store.commit([second, activity(B, 1, 503)])
    store, recovered = disk.open()
    assert recovered.streams == {A: 3, B: 1}
    assert recovered.stamp == 503
    assert [fact.username for fact in recovered.accounts] == ["ann"]
    assert recovered.last_by_sender == {"ann": EntryId("a", 1, 3)}
    assert recovered.recent_refs.find("ann", "r1", first.body) == [EntryId("a", 1, 1)]
    assert recovered.recent_refs.find("ann", "r2", second.body) == [EntryId("a", 1, 3)]
    assert recovered.recent_refs.find("bob", "r1", first.body) == []
    assert recovered.recent_refs.find("ann", "r1", second.body) == [], "the same name for something else"
    assert recovered.activities == 3
    assert ids(store) == [EntryId("a", 1, 1), EntryId("a", 1, 2), EntryId("a", 1, 3), EntryId("b", 1, 1)]


def test_activities_before_which_one_is_missing_are_told_at_the_start_and_so_are_those_after_them(disk: Disk) -> None:
    second, third = EntryId("a", 1, 2), EntryId("a", 1, 3)
    waiting = [
        msgspec.structs.replace(activity(A, 3, 503), previous=second),
        msgspec.structs.replace(activity(B, 2, 504), previous=third),
    ]
    in_order = msgspec.structs.replace(activity(B, 1, 505), previous=EntryId("a", 1, 1))
    store, _ = disk.open()
    store.commit([activity(A, 1, 500), *waiting, in_order])
    store, recovered = disk.open()
    assert recovered.disordered == tuple(waiting)
    store.commit([activity(A, 2, 502)])
    _, recovered = disk.open()
    assert recovered.disordered == ()


def test_an_entry_comes_back_byte_for_byte(disk: Disk) -> None:
    whole = Entry(
        EntryId("ä-node", 2**53 - 1, 1),
        "activity",
        2**53 - 1,
        b'{"n": 123456789012345678901234567890.50, "t":"\\u0000 \xc3\xa9"}',
        "zoë\x00 ⟨☂⟩",
        EntryId("b", 7, 2**53 - 1),
        "a 'ref' \x00",
    )
    store, _ = disk.open()
    store.commit([whole])
    store, _ = disk.open()
    assert store.fetch(Fetch({})).entries == (whole,)


def test_an_entry_is_kept_once(disk: Disk) -> None:
    store, _ = disk.open()
    first = activity(A, 1, 5)
    store.commit([first, first])
    store.commit([activity(A, 1, 999, sender="other"), activity(A, 2)])
    assert store.fetch(Fetch({})).entries == (first, activity(A, 2))
    store, recovered = disk.open()
    assert (recovered.activities, recovered.streams, recovered.last_by_sender) == (2, {A: 2}, {})
    assert store.fetch(Fetch({})).entries == (first, activity(A, 2))


def test_entries_beyond_a_gap_are_told_apart_until_it_closes(disk: Disk) -> None:
    store, _ = disk.open()
    store.commit([activity(A, 1), activity(A, 3), activity(A, 4), activity(B, 9)])
    store, recovered = disk.open()
    assert recovered.streams == {A: 1}
    assert recovered.beyond == {Stream("a", 1): ((3, 4),), Stream("b", 1): ((9, 9),)}
    store.commit([activity(A, 2)])
    _, recovered = disk.open()
    assert recovered.streams == {A: 4}
    assert recovered.beyond == {Stream("b", 1): ((9, 9),)}


def test_a_mark_raises_a_stream_over_what_is_not_there(disk: Disk) -> None:
    store, _ = disk.open()
    store.commit([activity(A, 5), StreamMark(A, 4), StreamMark(B, 7), StreamMark(B, 2)])
    store, recovered = disk.open()
    assert recovered.streams == {A: 5, B: 7}
    assert recovered.beyond == {}
    page = store.fetch(Fetch({}))
    assert [entry.id.seq for entry in page.entries] == [5]
    assert page.upto == {A: 5, B: 7}


def test_the_newest_of_a_sender_is_by_stamp_and_not_by_arrival(disk: Disk) -> None:
    store, _ = disk.open()
    store.commit([activity(A, 1, 900, sender="ann"), activity(B, 1, 500, sender="ann")])
    store.commit([activity(B, 2, 899, sender="ann")])
    assert disk.open()[1].last_by_sender == {"ann": EntryId("a", 1, 1)}


def test_all_accounts_come_back_and_each_is_found_by_its_name(disk: Disk) -> None:
    store, _ = disk.open()
    store.commit([account(B, 1, "late", 30), account(A, 1, "early", 10), account(A, 2, "middle", 20)])
    store.commit([account(B, seq, f"person {seq}") for seq in range(2, 200)])
    store.commit([account(B, 200, "early", 5)])
    accounts = disk.open()[1].accounts
    assert sorted(fact.username for fact in accounts) == sorted(
        ["late", "early", "middle", "early", *(f"person {seq}" for seq in range(2, 200))]
    )
    assert [fact.stamp for fact in accounts.named("person 77")] == [770]
    assert sorted(fact.stamp for fact in accounts.named("early")) == [5, 10]
    assert accounts.named("nobody") == []


def test_peers_are_kept_replaced_and_forgotten(disk: Disk) -> None:
    store, _ = disk.open()
    one, two = PeerRecord("one", "::1", 1, "1st", 5.5), PeerRecord("two", "h", 2, "", 6.0)
    moved = PeerRecord("one", "elsewhere", 9, "1st", 7.25)
    store.commit([one, two, PeerForgotten("never heard of")])
    assert disk.open()[1].peers == (one, two)
    store, _ = disk.open()
    store.commit([moved, PeerForgotten("two")])
    assert disk.open()[1].peers == (moved,)


@pytest.mark.parametrize("host", ["10.0.0.1", "fe80::1%eth0", "a b", "x/y", '"', "ü", "\x00", " "])
def test_other_addresses_of_a_peer_are_kept_whatever_it_calls_itself(disk: Disk, host: str) -> None:
    peer = PeerRecord("one", host, 1, "1st", 5.5, (Address("10.0.0.2", 1), Address(host, 65535)))
    store, _ = disk.open()
    store.commit([peer])
    assert disk.open()[1].peers == (peer,)


def test_records_of_one_commit_apply_in_their_order(disk: Disk) -> None:
    store, _ = disk.open()
    peer = PeerRecord("one", "h", 1, "", 1.0)
    store.commit([PeerForgotten("one"), peer])
    store.commit([PeerRecord("two", "h", 1, "", 1.0), PeerForgotten("two")])
    assert disk.open()[1].peers == (peer,)


def test_settings_are_kept(disk: Disk) -> None:
    store, _ = disk.open()
    assert store.get_setting("secret") is None
    store.set_setting("secret", "one")
    store.set_setting("secret", "two\x00 ☂", backed_up=True)
    store, _ = disk.open()
    assert store.get_setting("secret") == "two\x00 ☂"
    assert store.get_setting("Secret") is None


# --- fetching ---


def test_a_page_is_in_the_order_of_stamps_then_identities(disk: Disk) -> None:
    store, _ = disk.open()
    later = Stream("a", 2)
    store.commit([activity(B, 1, 20), activity(A, 1, 10), activity(later, 1, 20), activity(A, 2, 20)])
    assert ids(store) == [EntryId("a", 1, 1), EntryId("a", 1, 2), EntryId("a", 2, 1), EntryId("b", 1, 1)]


def test_what_is_seen_is_not_sent(disk: Disk) -> None:
    store, _ = disk.open()
    store.commit([activity(A, seq) for seq in range(1, 6)] + [activity(B, 1)])
    assert ids(store, {A: 3}) == [EntryId("b", 1, 1), EntryId("a", 1, 4), EntryId("a", 1, 5)]
    page = store.fetch(Fetch({A: 5, B: 1}))
    assert (page.entries, page.upto, page.more) == ((), {}, False)


def test_a_vector_beyond_what_is_here_is_answered_with_nothing(disk: Disk) -> None:
    store, _ = disk.open()
    store.commit([activity(A, 1)])
    page = store.fetch(Fetch({A: 99, Stream("stranger", 1): 5}))
    assert (page.entries, page.upto, page.more) == ((), {}, False)


def test_a_page_holds_no_more_entries_than_asked_for(disk: Disk) -> None:
    store, _ = disk.open()
    store.commit([activity(A, seq) for seq in range(1, 8)])
    pages, vector = everything(store, entries_max=3)
    assert [[entry.id.seq for entry in page.entries] for page in pages] == [[1, 2, 3], [4, 5, 6], [7]]
    assert [page.upto for page in pages] == [{A: 3}, {A: 6}, {A: 7}]
    assert vector == {A: 7}


def test_a_page_that_holds_all_says_that_there_is_no_more(disk: Disk) -> None:
    store, _ = disk.open()
    store.commit([activity(A, seq) for seq in range(1, 4)])
    assert not store.fetch(Fetch({}, entries_max=3)).more


def test_a_page_ends_before_its_bodies_are_too_large_but_has_one_at_least(disk: Disk) -> None:
    store, _ = disk.open()
    small = len(activity(A, 1).body)
    store.commit([activity(A, 1), activity(A, 2), activity(A, 3, size=1000), activity(A, 4)])
    assert [entry.id.seq for entry in store.fetch(Fetch({}, bytes_max=2 * small)).entries] == [1, 2]
    assert [entry.id.seq for entry in store.fetch(Fetch({A: 2}, bytes_max=2 * small)).entries] == [3]
    assert [entry.id.seq for entry in store.fetch(Fetch({A: 3}, bytes_max=0)).entries] == [4]


def test_only_the_kinds_asked_for_come(disk: Disk) -> None:
    store, _ = disk.open()
    store.commit([activity(A, 1), account(A, 2, "ann"), activity(A, 3), account(A, 4, "bob")])
    activities = store.fetch(Fetch({}, ("activity",)))
    accounts = store.fetch(Fetch({}, ("account",)))
    assert [entry.id.seq for entry in activities.entries] == [1, 3]
    assert [entry.id.seq for entry in accounts.entries] == [2, 4]
    assert activities.upto == accounts.upto == {A: 4}
    assert store.fetch(Fetch({}, ("account",), entries_max=1)).upto == {A: 3}


def test_no_claim_reaches_beyond_a_gap(disk: Disk) -> None:
    store, _ = disk.open()
    store.commit([activity(A, 1), activity(A, 2), activity(A, 4)])
    page = store.fetch(Fetch({}))
    assert [entry.id.seq for entry in page.entries] == [1, 2, 4]
    assert (page.upto, page.more) == ({A: 2}, False)


def test_a_gap_that_the_asker_can_fill_is_none(disk: Disk) -> None:
    store, _ = disk.open()
    store.commit([activity(A, 1), activity(A, 4), activity(A, 5)])
    page = store.fetch(Fetch({A: 3}))
    assert [entry.id.seq for entry in page.entries] == [4, 5]
    assert page.upto == {A: 5}


def test_entries_beyond_a_gap_never_keep_a_page_from_advancing(disk: Disk) -> None:
    store, _ = disk.open()
    store.commit([activity(A, seq, seq) for seq in range(2, 30)] + [activity(B, seq, 100 + seq) for seq in range(1, 8)])
    pages, vector = everything(store, entries_max=3)
    assert vector == {B: 7}
    assert {entry.id.seq for page in pages for entry in page.entries if entry.id.stream == B} == set(range(1, 8))
    assert [entry.id.seq for entry in pages[-1].entries] == [2, 3, 4]


def test_a_stream_whose_stamps_do_not_increase_is_still_sent_in_its_own_order(disk: Disk) -> None:
    store, _ = disk.open()
    store.commit([activity(A, 1, 1000)] + [activity(A, seq, 100 - seq) for seq in range(2, 20)] + [activity(B, 1, 50)])
    pages, vector = everything(store, entries_max=4)
    assert vector == {A: 19, B: 1}
    got = [entry.id.seq for page in pages for entry in sorted(page.entries, key=lambda e: e.id) if entry.id.node == "a"]
    assert got == list(range(1, 20))


def test_the_newest_are_the_newest_that_are_not_seen_in_ascending_order(disk: Disk) -> None:
    store, _ = disk.open()
    store.commit(
        [activity(A, seq, seq * 2) for seq in range(1, 6)] + [activity(B, seq, seq * 2 + 1) for seq in (1, 2, 3)]
    )
    page = store.fetch(Fetch({A: 4}, ("activity",), newest=3))
    assert [str(entry.id) for entry in page.entries] == ["b.1.2", "b.1.3", "a.1.5"]
    assert not page.more
    assert store.fetch(Fetch({}, ("activity",), newest=0)).entries == ()


def test_the_newest_may_take_several_pages(disk: Disk) -> None:
    store, _ = disk.open()
    store.commit([activity(A, seq) for seq in range(1, 21)])
    pages, vector = everything(store, kinds=("activity",), newest=7, entries_max=3)
    assert [[entry.id.seq for entry in page.entries] for page in pages] == [[14, 15, 16], [17, 18, 19], [20]]
    assert vector == {A: 20}


def test_accounts_are_not_counted_among_the_newest_activities(disk: Disk) -> None:
    store, _ = disk.open()
    store.commit([account(A, 1, "ann"), activity(A, 2), activity(A, 3), account(A, 4, "bob"), activity(A, 5)])
    assert [entry.id.seq for entry in store.fetch(Fetch({}, newest=2)).entries] == [1, 3, 4, 5]


def test_the_newest_are_found_behind_much_that_is_seen(disk: Disk) -> None:
    store, _ = disk.open()
    store.commit([activity(A, seq, 10_000 + seq) for seq in range(1, 1001)] + [activity(B, 1), activity(B, 2)])
    assert [str(entry.id) for entry in store.fetch(Fetch({A: 1000}, newest=1)).entries] == ["b.1.2"]


# --- paging backwards ---


def test_what_stands_before_an_activity_comes_a_page_at_a_time_the_oldest_first(disk: Disk) -> None:
    store, _ = disk.open()
    store.commit([activity(A, 1, 500), activity(B, 1, 501), account(A, 2, "ann", 502), activity(A, 3, 503)])
    store.commit([activity(B, 2, 503), activity(B, 3, 499)])
    newest = store.activities_before(None, 2, 1_000_000)
    assert [str(entry.id) for entry in newest] == ["a.1.3", "b.1.2"]
    older = store.activities_before(position(newest[0]), 2, 1_000_000)
    assert [str(entry.id) for entry in older] == ["a.1.1", "b.1.1"]
    oldest = store.activities_before(position(older[0]), 2, 1_000_000)
    assert oldest == (activity(B, 3, 499),)
    assert store.activities_before(position(oldest[0]), 2, 1_000_000) == ()


def test_a_page_backwards_ends_where_its_bytes_do_but_has_one_at_least(disk: Disk) -> None:
    store, _ = disk.open()
    store.commit([activity(A, seq, size=1_000) for seq in range(1, 6)])
    assert [entry.id.seq for entry in store.activities_before(None, 5, 2_500)] == [4, 5]
    assert [entry.id.seq for entry in store.activities_before(None, 5, 10)] == [5]


# --- retention ---


def test_without_retention_nothing_is_dropped(disk: Disk) -> None:
    store, _ = disk.open()
    store.commit([activity(A, seq) for seq in range(1, 10)])
    assert store.trim(WALL) == 0
    assert len(ids(store)) == 9


def test_the_oldest_activities_go_and_accounts_stay(disk: Disk) -> None:
    store, _ = disk.open(Retention(activities=2))
    store.commit([account(A, 1, "ann"), activity(A, 2), activity(A, 3), account(A, 4, "bob"), activity(A, 5)])
    assert store.trim(WALL) == 1
    assert store.trim(WALL) == 0
    assert [identity.seq for identity in ids(store)] == [1, 3, 4, 5]
    assert disk.open()[1].activities == 2


def test_activities_go_when_they_are_too_old(disk: Disk) -> None:
    store, _ = disk.open(Retention(seconds=60))
    now = 1_000_000
    stamps = [(now - 61) * MICROSECONDS, (now - 60) * MICROSECONDS, (now + 5) * MICROSECONDS]
    store.commit([activity(A, seq, stamp) for seq, stamp in enumerate(stamps, 1)])
    assert store.trim(now) == 1
    assert [identity.seq for identity in ids(store)] == [2, 3]
    assert store.trim(now + 30) == 1


def test_much_is_dropped_in_bounded_steps(disk: Disk) -> None:
    store, _ = disk.open(Retention(activities=1))
    store.commit([activity(A, seq) for seq in range(1, TRIM_STEP + 12)])
    assert [store.trim(WALL) for _ in range(3)] == [TRIM_STEP, 10, 0]
    assert [identity.seq for identity in ids(store)] == [TRIM_STEP + 11]


def test_what_was_dropped_is_neither_missing_nor_there(disk: Disk) -> None:
    store, _ = disk.open(Retention(activities=1))
    store.commit([activity(A, seq, sender="ann") for seq in range(1, 6)])
    assert store.trim(WALL) == 4
    page = store.fetch(Fetch({A: 2}))
    assert [entry.id.seq for entry in page.entries] == [5]
    assert page.upto == {A: 5}
    store.commit([activity(A, 3)])
    assert [identity.seq for identity in ids(store)] == [5]
    _, recovered = disk.open()
    assert (recovered.streams, recovered.beyond, recovered.activities) == ({A: 5}, {}, 1)


def test_an_entry_dropped_from_beyond_a_gap_stays_known(disk: Disk) -> None:
    store, _ = disk.open(Retention(activities=0))
    store.commit([activity(A, 1), activity(A, 3)])
    assert store.trim(WALL) == 2
    store, recovered = disk.open()
    assert (recovered.streams, recovered.beyond) == ({A: 1}, {A: ((3, 3),)})
    store.commit([activity(A, 3), activity(A, 2)])
    assert [identity.seq for identity in ids(store)] == [2]
    assert disk.open()[1].streams == {A: 3}


def kept(store: Store) -> list[int]:
    return [identity.seq for identity in ids(store)]


def test_the_room_that_activities_take_is_known_through_commits_trims_and_restarts(disk: Disk) -> None:
    store, _ = disk.open(Retention(activities=2))
    assert store.usage() == Usage(0, 0)
    store.commit([account(A, 1, "ann"), *(activity(A, seq, size=1000, sender="ann") for seq in range(2, 5))])
    store.commit([activity(A, 4, size=1000, sender="ann")])
    three = store.usage()
    assert three.activities == 3 and 3 * 1000 <= three.bytes <= 3 * (1000 + 2 * ROW_BYTES)
    store.trim(WALL)
    assert store.usage() == Usage(2, three.bytes // 3 * 2)
    store, _ = disk.open()
    assert store.usage() == Usage(2, three.bytes // 3 * 2)


def test_activities_go_when_they_take_too_much_room(disk: Disk) -> None:
    store, _ = disk.open(Retention(bytes=3 * (1100 + ROW_BYTES), share=1.0))
    for seq in range(1, 10):
        store.commit([activity(A, seq, size=1000)])
    while store.trim(WALL):
        pass
    assert kept(store) == [7, 8, 9]


def test_while_there_is_room_one_writer_may_have_all_of_it(disk: Disk) -> None:
    store, _ = disk.open(Retention(activities=10, share=0.2))
    store.commit([activity(A, seq, sender="ann") for seq in range(1, 11)])
    assert store.trim(WALL) == 0


@pytest.mark.parametrize("flood", ["", "mallory"])
def test_whoever_takes_more_than_a_share_loses_their_own(disk: Disk, flood: str) -> None:
    store, _ = disk.open(Retention(activities=100, share=0.25))
    honest = [activity(A, seq, seq, sender="ann" if seq % 2 else "bob") for seq in range(1, 41)]
    store.commit(honest)
    store.commit([activity(A, seq, seq, sender=flood) for seq in range(41, 541)])
    while store.trim(WALL):
        pass
    assert kept(store) == [*range(1, 41), *range(481, 541)]


def test_a_flood_of_few_large_ones_loses_those(disk: Disk) -> None:
    store, _ = disk.open(Retention(bytes=100_000, share=0.25))
    store.commit([activity(A, seq, seq, size=50, sender="ann") for seq in range(1, 101)])
    store.commit([activity(A, seq, seq, size=20_000, sender="mallory") for seq in range(101, 121)])
    while store.trim(WALL):
        pass
    assert kept(store)[:100] == list(range(1, 101))
    assert kept(store)[100:] == [118, 119, 120]


def test_where_nobody_takes_more_than_a_share_the_oldest_go(disk: Disk) -> None:
    store, _ = disk.open(Retention(activities=10, share=0.5))
    store.commit([activity(A, seq, seq, sender=f"person {seq % 5}") for seq in range(1, 16)])
    assert store.trim(WALL) == 5
    assert kept(store) == list(range(6, 16))


def test_a_flood_behind_much_of_others_is_found_step_by_step(disk: Disk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.store.trimming.SCAN_STEP", 50)
    store, _ = disk.open(Retention(activities=300, share=0.25))
    store.commit([activity(A, seq, seq, sender=f"person {seq % 40}") for seq in range(1, 201)])
    for begin in range(201, 801, 200):
        store.commit([activity(A, seq, seq, sender="mallory") for seq in range(begin, begin + 200)])
        for _ in range(40):
            store.trim(WALL)
    assert kept(store) == [*range(1, 201), *range(701, 801)]


def test_the_room_is_right_whatever_is_kept_and_dropped(disk: Disk) -> None:
    store, _ = disk.open(Retention(activities=40, bytes=20_000, share=0.3))
    rng = random.Random(7)
    stamps = list(range(1, 301))
    rng.shuffle(stamps)
    for seq, stamp in enumerate(stamps, 1):
        sender = rng.choice(["", "ann", "bob", "cy"])
        store.commit([activity(A, seq, stamp, size=rng.choice([10, 500]), sender=sender)])
        if seq % 20 == 0:
            while store.trim(WALL):
                pass
            entries = [entry for page in everything(store)[0] for entry in page.entries]
            taken = sum(len(entry.body) + ROW_BYTES for entry in entries)
            assert store.usage() == (len(entries), taken)
            assert len(entries) <= 40 and taken <= 20_000


def test_dropping_all_forgets_neither_the_time_nor_the_senders_order(disk: Disk) -> None:
    store, _ = disk.open(Retention(activities=0))
    store.commit([activity(A, 1, 12345, sender="ann")])
    assert store.trim(WALL) == 1
    _, recovered = disk.open()
    assert recovered.stamp == 12345
    assert recovered.last_by_sender == {"ann": EntryId("a", 1, 1)}
    assert len(recovered.recent_refs) == 0


# --- two nodes ---


def test_two_stores_that_ask_each_other_end_with_the_same(disk: Disk, tmp_path: Path) -> None:
    here, _ = disk.open()
    there, _ = open_at(tmp_path / "there")
    here.commit([activity(A, seq) for seq in (1, 2, 3, 5, 6)] + [account(B, 1, "ann")])
    there.commit([activity(A, 1), activity(A, 4), activity(B, 2), activity(B, 3)])
    synchronise: Callable[[AnyStore, AnyStore], None] = _copy_what_is_lacking
    synchronise(here, there)
    synchronise(there, here)
    synchronise(here, there)
    assert sorted(ids(here)) == sorted(ids(there))
    assert everything(here)[1] == everything(there)[1] == {A: 6, B: 3}
    there.close()


def _copy_what_is_lacking(source: AnyStore, target: AnyStore) -> None:
    _, has = everything(target)
    pages, _ = everything(source, has, entries_max=2)
    for page in pages:
        target.commit([*page.entries, *(StreamMark(stream, upto) for stream, upto in page.upto.items())])


# --- documents of accounts ---


def document(claim: str, stamp: int, body: bytes = b"{}") -> DocumentVersion:
    return DocumentVersion(claim, stamp, "a", body, b"k" * 32, b"s" * 64)


def test_of_each_account_the_document_that_was_committed_last_is_there_after_a_restart(disk: Disk) -> None:
    store, recovered = disk.open()
    assert recovered.documents == ()
    second = document("a.1.2", 5, b'{"x":"' + b"x" * 8_000 + b'"}')
    store.commit([document("a.1.1", 1), second, document("a.1.3", 1)])
    store.commit([activity(A, 1), document("a.1.1", 2), DocumentGone("a.1.3"), DocumentGone("a.1.9")])
    _, recovered = disk.open()
    assert sorted(recovered.documents, key=lambda one: one.claim) == [document("a.1.1", 2), second]


def test_a_document_that_nobody_has_signed_stays_so(disk: Disk) -> None:
    store, _ = disk.open()
    unsigned = DocumentVersion("a.1.1", 1, "a", b"{}")
    store.commit([unsigned])
    assert disk.open()[1].documents == (unsigned,)
