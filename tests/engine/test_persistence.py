"""The store's thread: group commit, failure and recovery, reads."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
import time
from collections.abc import AsyncIterator, Callable, Sequence
from itertools import groupby
from pathlib import Path

import pytest

from core.engine.threads import failing_disk, store_queue, store_thread
from core.engine.threads.persistence import Persistence, StoreClosed
from core.node.interface.events import (
    CommitFailed,
    Committed,
    EntriesDamaged,
    Event,
    Fetched,
    StoreRecovered,
    SummaryAnswered,
)
from core.reconciliation.summary_queries import SumFound, SumWanted
from core.store.kept_founding import FOUNDING_SETTING
from core.store.kept_time import TIME_SETTING
from core.store.store_errors import StoreUnwritable
from core.wire.entries import Fetch, Page, Stream, Wanted
from core.wire.entry_runs import EntryRuns
from core.wire.keepables import Keepable
from core.wire.records import LogRecord
from core.wire.recovered import Recovered
from tests.engine.harness import LIMIT, MemoryStore, entry, until

STREAM = Stream("n", 1)


class Desk:
    """A persistence over a store in memory, and what it answered."""

    def __init__(self, persistence: Persistence, store: MemoryStore) -> None:
        self.persistence = persistence
        self.store = store
        self.events: list[Event] = []
        persistence.deliver = self.events.append

    async def busy(self) -> None:
        """Make the store dawdle over batch 1."""
        self.store.reached.clear()
        self.store.gate.clear()
        self.persistence.persist(1, (entry(1),))
        await asyncio.to_thread(self.store.reached.wait, LIMIT)

    def probes(self) -> int:
        """Settings that were written: two for each try that succeeded."""
        return len(self.store.setting_sizes)

    async def answered(self, *events: Event) -> None:
        with contextlib.suppress(TimeoutError):
            await until(lambda: len(self.events) >= len(events))
        assert self.events == list(events)


@pytest.fixture
async def desk(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Desk]:
    monkeypatch.setattr(failing_disk, "PROBE_MIN", 0.02)
    persistence = Persistence(asyncio.get_running_loop())
    made = Desk(persistence, MemoryStore())
    await persistence.open(lambda: (made.store, Recovered("n", 1)))
    yield made
    made.store.gate.set()
    await persistence.aclose()


async def test_what_one_turn_asks_for_is_one_transaction_and_answered_once(desk: Desk) -> None:
    for batch in (1, 2, 3):
        desk.persistence.persist(batch, (entry(batch),))
    await desk.answered(Committed(3))
    assert desk.store.transactions == [[entry(1), entry(2), entry(3)]]


async def test_what_is_asked_for_during_a_commit_is_committed_together_after_it(desk: Desk) -> None:
    await desk.busy()
    for batch in (2, 3, 4):
        desk.persistence.persist(batch, (entry(batch),))
        await asyncio.sleep(0)
    desk.store.gate.set()
    await desk.answered(Committed(1), Committed(4))
    assert desk.store.transactions == [[entry(1)], [entry(2), entry(3), entry(4)]]


async def test_a_transaction_has_a_largest_size(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store_queue, "GROUP_MAX", 3)
    for batch in (1, 2, 3):
        desk.persistence.persist(batch, (entry(2 * batch), entry(2 * batch + 1)))
    await desk.answered(Committed(1), Committed(2), Committed(3))


@pytest.mark.serial
async def test_the_loop_goes_on_while_the_disk_works(desk: Desk) -> None:
    await desk.busy()
    begin = time.monotonic()
    await asyncio.sleep(0.01)
    assert time.monotonic() - begin < 1.0
    assert desk.events == []
    assert desk.store.threads.isdisjoint({threading.get_ident()})


async def test_a_page_shows_everything_persisted_before_it(desk: Desk) -> None:
    desk.persistence.persist(1, (entry(1),))
    desk.persistence.fetch(7, Fetch({}))
    await until(lambda: len(desk.events) == 2)
    fetched = desk.events[1]
    assert isinstance(fetched, Fetched) and isinstance(fetched.page, Page)
    assert (fetched.token, fetched.page.entries) == (7, (entry(1),))


async def test_reads_and_commits_take_turns(desk: Desk) -> None:
    await desk.busy()
    for token in range(3):
        desk.persistence.fetch(token, Fetch({}))
    desk.persistence.persist(2, (entry(2),))
    await asyncio.sleep(0)
    desk.store.gate.set()
    await until(lambda: len(desk.events) == 5)
    kinds = [type(event).__name__ for event in desk.events]
    assert kinds == ["Committed", "Committed", "Fetched", "Fetched", "Fetched"]


async def test_sums_are_asked_for_once_they_are_made_and_other_work_goes_on_meanwhile(desk: Desk) -> None:
    desk.store.steps = 4
    await desk.busy()
    desk.persistence.ask_summary(7, SumWanted(0, 10**16))
    desk.persistence.fetch(8, Fetch({}))
    await asyncio.sleep(0)
    desk.store.gate.set()
    await until(lambda: len(desk.events) == 3)
    assert [type(event) for event in desk.events] == [Committed, Fetched, SummaryAnswered]
    answered = desk.events[2]
    assert isinstance(answered, SummaryAnswered) and isinstance(answered.answer, SumFound)
    assert (answered.token, answered.answer.whole.size, desk.store.prepared) == (7, 1, 4)


async def test_damage_that_a_page_comes_upon_is_told_before_the_page(desk: Desk) -> None:
    desk.store.lost = {STREAM: ((1, 2),)}
    desk.store.is_damaged = True
    await desk.busy()
    desk.persistence.fetch(7, Fetch({}))
    await asyncio.sleep(0)
    desk.store.gate.set()
    await until(lambda: len(desk.events) == 3)
    assert EntriesDamaged({STREAM: ((1, 2),)}) in desk.events
    assert desk.events.index(EntriesDamaged({STREAM: ((1, 2),)})) < 2
    assert isinstance(desk.events[-1], Fetched)


async def test_a_page_that_has_come_upon_damage_is_read_anew_once_that_is_mended(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = 0

    def fetch(query: Fetch) -> Page:
        nonlocal read
        read += 1
        desk.store.is_damaged = read == 1
        return Page((entry(read),), {}, False)

    monkeypatch.setattr(desk.store, "fetch", fetch)
    desk.persistence.fetch(7, Fetch({}))
    await desk.answered(Fetched(7, Page((entry(2),), {}, False)))


async def test_a_page_with_damage_that_cannot_be_mended_claims_nothing(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    def mend() -> EntryRuns:
        raise OSError("disk full")

    monkeypatch.setattr(desk.store, "mend", mend)
    desk.store.is_damaged = True
    desk.persistence.fetch(7, Fetch({}))
    await desk.answered(Fetched(7, None))


async def test_data_that_is_made_anew_is_told_as_a_disk_that_fails_and_works_again(desk: Desk) -> None:
    desk.store.lost = {STREAM: ((1, 2),)}
    desk.store.is_damaged, desk.store.damage = True, "a page is missing"
    desk.persistence.fetch(7, Fetch({}))
    await until(lambda: StoreRecovered() in desk.events)
    failed, damaged = desk.events[:2]
    assert isinstance(failed, CommitFailed) and "made anew: a page is missing" in failed.reason
    assert damaged == EntriesDamaged({STREAM: ((1, 2),)})


async def test_damage_that_cannot_be_mended_is_tried_again_later_and_not_all_the_time(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries = 0

    def mend() -> EntryRuns:
        nonlocal tries
        tries += 1
        raise OSError("disk full")

    monkeypatch.setattr(desk.store, "mend", mend)
    desk.store.is_damaged = True
    for token in range(5):
        desk.persistence.fetch(token, Fetch({}))
    await until(lambda: len(desk.events) == 5)
    assert tries == 1


async def test_sums_that_cannot_be_read_are_answered_as_none(desk: Desk) -> None:
    desk.store.failure = OSError("bad block")
    desk.persistence.ask_summary(7, SumWanted(0, 1))
    await desk.answered(SummaryAnswered(7, None))


async def test_wanted_entries_are_read_like_a_page(desk: Desk) -> None:
    desk.persistence.persist(1, (entry(1), entry(2)))
    desk.persistence.fetch(7, Wanted({entry(2).id.stream: ((2, 9),)}))
    await until(lambda: len(desk.events) == 2)
    fetched = desk.events[1]
    assert isinstance(fetched, Fetched) and isinstance(fetched.page, Page)
    assert (fetched.token, fetched.page.entries) == (7, (entry(2),))


async def test_a_page_that_cannot_be_read_is_answered_as_none(desk: Desk) -> None:
    desk.store.failure = OSError("bad block")
    desk.persistence.fetch(7, Fetch({}))
    await desk.answered(Fetched(7, None))


async def test_a_failed_commit_fails_all_its_batches_with_the_reason(desk: Desk) -> None:
    desk.store.failure = OSError("disk full")
    desk.persistence.persist(1, (entry(1),))
    desk.persistence.persist(2, (entry(2),))
    await desk.answered(CommitFailed(1, "disk full"), CommitFailed(2, "disk full"))


async def test_after_a_failure_everything_fails_until_the_disk_works_again(desk: Desk) -> None:
    desk.store.failure = OSError("disk full")
    desk.persistence.persist(1, (entry(1),))
    await desk.answered(CommitFailed(1, "disk full"))
    desk.persistence.persist(2, (entry(2),))
    await desk.answered(CommitFailed(1, "disk full"), CommitFailed(2, "disk full"))
    desk.store.failure = None
    await until(lambda: StoreRecovered() in desk.events)
    desk.persistence.persist(3, (entry(3),))
    await until(lambda: len(desk.events) == 4)
    assert desk.events[2:] == [StoreRecovered(), Committed(3)]
    assert desk.store.records == [entry(3)]


async def test_what_was_asked_for_before_the_recovery_was_known_is_not_kept(desk: Desk) -> None:
    desk.store.failure = OSError("disk full")
    desk.persistence.persist(1, (entry(1),))
    await desk.answered(CommitFailed(1, "disk full"))
    desk.store.failure = None
    # The thread finds the disk working while this turn of the loop does not end.
    begin = time.monotonic()
    while desk.probes() < 2 * failing_disk.PROBES_NEEDED and time.monotonic() - begin < LIMIT:
        time.sleep(0.001)  # noqa: ASYNC251
    desk.persistence.persist(2, (entry(2),))
    await until(lambda: len(desk.events) == 3)
    assert desk.events[1:] == [CommitFailed(2, "disk full"), StoreRecovered()]
    desk.persistence.persist(3, (entry(3),))
    await until(lambda: len(desk.events) == 4)
    assert desk.store.records == [entry(3)]
    assert desk.persistence.backlog_bytes == 0


async def test_a_disk_that_stays_broken_is_tried_again_and_again(desk: Desk) -> None:
    desk.store.failure = OSError("disk full")
    desk.persistence.persist(1, (entry(1),))
    await desk.answered(CommitFailed(1, "disk full"))
    await asyncio.sleep(0.2)
    assert desk.events == [CommitFailed(1, "disk full")]
    desk.store.failure = None
    await until(lambda: StoreRecovered() in desk.events)


async def test_a_disk_that_takes_only_a_little_is_not_said_to_work(desk: Desk) -> None:
    desk.store.failure = OSError("disk full")
    desk.persistence.persist(1, (entry(1, b"x" * 300_000),))
    await desk.answered(CommitFailed(1, "disk full"))
    desk.store.setting_bytes_max = 500_000
    desk.store.failure = None
    await until(lambda: desk.store.refused_settings >= 3)
    assert desk.events == [CommitFailed(1, "disk full")]
    desk.store.setting_bytes_max = None
    await until(lambda: StoreRecovered() in desk.events)
    assert max(desk.store.setting_sizes) >= 600_000
    assert desk.store.setting_sizes[-1] < 100, "what was tried with is taken away again"


async def test_a_disk_works_again_only_after_several_tries_in_a_row(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(failing_disk, "PROBES_NEEDED", 4)
    desk.store.failure = OSError("disk full")
    desk.persistence.persist(1, (entry(1),))
    await desk.answered(CommitFailed(1, "disk full"))
    desk.store.failure = None
    await until(lambda: StoreRecovered() in desk.events)
    assert desk.probes() == 2 * 4


async def test_a_disk_that_fails_again_soon_is_left_alone_for_longer(desk: Desk) -> None:
    pauses: list[float] = []
    for round_ in range(1, 4):
        desk.store.failure = OSError("disk full")
        desk.persistence.persist(round_, (entry(round_),))
        await until(lambda round_=round_: CommitFailed(round_, "disk full") in desk.events)  # type: ignore[misc]
        began, refused = time.monotonic(), desk.store.refused_settings
        # One try fails before the disk works again.
        await until(lambda refused=refused: desk.store.refused_settings > refused)  # type: ignore[misc]
        pauses.append(time.monotonic() - began)
        desk.store.failure = None
        await until(lambda round_=round_: desk.events.count(StoreRecovered()) == round_)  # type: ignore[misc]
    # At least 0.02, 0.08 and 0.32 s: each failed try doubles the pause, and so does each new failure.
    assert pauses[2] > 0.3


async def test_what_waits_for_the_disk_is_measured(desk: Desk) -> None:
    await desk.busy()
    desk.persistence.persist(2, (entry(2, b"x" * 10_000),))
    assert 10_000 < desk.persistence.backlog_bytes < 12_000
    desk.store.gate.set()
    await until(lambda: Committed(2) in desk.events)
    assert desk.persistence.backlog_bytes == 0


async def test_closing_finishes_what_was_asked_for_and_closes_the_store(desk: Desk) -> None:
    await desk.busy()
    desk.persistence.persist(2, (entry(2),))
    closing = asyncio.create_task(desk.persistence.aclose())
    await asyncio.sleep(0)
    desk.store.gate.set()
    await closing
    assert desk.store.records == [entry(1), entry(2)]
    assert desk.store.closed
    with pytest.raises(StoreClosed):
        await desk.persistence.call(lambda store: None)


async def test_a_call_runs_in_the_stores_thread_and_raises_what_it_raises(desk: Desk) -> None:
    desk.persistence.persist(1, (entry(1),))
    assert await desk.persistence.call(lambda store: store is desk.store and len(desk.store.records)) == 1
    desk.store.failure = OSError("no")
    with pytest.raises(OSError, match="no"):
        await desk.persistence.call(lambda store: store.set_setting("a", "b"))


async def test_a_backup_does_not_keep_commits_waiting(desk: Desk) -> None:
    desk.store.backup_gate.clear()
    backup = asyncio.create_task(desk.persistence.backup(Path("d"), 2))
    await asyncio.to_thread(desk.store.reached.wait, LIMIT)
    desk.persistence.persist(1, (entry(1),))
    await desk.answered(Committed(1))
    assert not backup.done()
    desk.store.backup_gate.set()
    assert await backup == Path("d/backup-0")


async def test_closing_waits_for_a_backup_that_nobody_waits_for_any_more(desk: Desk) -> None:
    desk.store.backup_gate.clear()
    backup = asyncio.create_task(desk.persistence.backup(Path("d"), 2))
    await asyncio.to_thread(desk.store.reached.wait, LIMIT)
    backup.cancel()
    closing = asyncio.create_task(desk.persistence.aclose())
    await asyncio.sleep(0.02)
    assert not desk.store.closed
    desk.store.backup_gate.set()
    await closing
    assert desk.store.closed
    assert desk.store.backups == [Path("d/backup-0")]


async def test_a_store_that_cannot_be_opened_says_so_and_leaves_no_thread() -> None:
    persistence = Persistence(asyncio.get_running_loop())

    def opening() -> tuple[MemoryStore, Recovered]:
        raise OSError("no such directory")

    with pytest.raises(OSError, match="no such directory"):
        await persistence.open(opening)
    await persistence.aclose()
    assert persistence._thread._thread is not None and not persistence._thread._thread.is_alive()


async def test_an_idle_store_whose_files_have_gone_fails_and_recovers_when_they_are_back(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store_thread, "CHECK_SECONDS", 0.02)
    desk.persistence.fetch(1, Fetch({}))
    await until(lambda: bool(desk.events))
    desk.store.displaced = "the directory is gone"
    await until(lambda: len(desk.events) > 1)
    desk.persistence.persist(1, (entry(1),))
    await until(lambda: len(desk.events) > 2)
    desk.store.displaced = ""
    await until(lambda: len(desk.events) > 3)
    failed = [CommitFailed(number, "the directory is gone") for number in (store_thread.NO_BATCH, 1)]
    assert desk.events[1:] == [*failed, StoreRecovered()]
    assert desk.store.transactions == []
    desk.persistence.persist(2, (entry(2),))
    await until(lambda: desk.events[-1] == Committed(2))


async def test_a_log_that_fails_does_not_keep_a_failure_from_being_told(desk: Desk) -> None:
    class Broken(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            raise RuntimeError("no running event loop")

    handler = Broken()
    store_thread.log.addHandler(handler)
    try:
        desk.store.failure = OSError("no space left")
        desk.persistence.persist(1, (entry(1),))
        await desk.answered(CommitFailed(1, "no space left"))
    finally:
        store_thread.log.removeHandler(handler)


async def test_a_store_without_a_thread_is_not_waited_for_at_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    persistence = Persistence(asyncio.get_running_loop())
    monkeypatch.setattr(threading.Thread, "start", refuse)
    with pytest.raises(RuntimeError, match="new thread"):
        await persistence.open(lambda: (MemoryStore(), Recovered("n", 1)))
    async with asyncio.timeout(LIMIT):
        await persistence.aclose()


class FollowingStore(MemoryStore):
    """Something follows each commit behind."""

    def __init__(self) -> None:
        super().__init__()
        self.left = 0
        self.asked: list[bool] = []

    def commit(self, keepables: Sequence[Keepable]) -> Sequence[LogRecord]:
        records = super().commit(keepables)
        self.left += 1
        return records

    def follow(self, *, idle: bool) -> bool:
        self.asked.append(idle)
        self.left -= idle and self.left > 0
        return self.left > 0


async def test_what_follows_commits_waits_for_a_pause_between_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store_thread, "FOLLOW_PAUSE", 3600.0)
    persistence = Persistence(asyncio.get_running_loop())
    store = FollowingStore()
    await persistence.open(lambda: (store, Recovered("n", 1)))
    desk = Desk(persistence, store)
    for number in (1, 2, 3):
        persistence.persist(number, (entry(number),))
        await desk.answered(*(Committed(one, ()) for one in range(1, number + 1)))
    await until(lambda: len(store.asked) >= 3)
    assert (store.asked, store.left) == ([False] * 3, 3)
    monkeypatch.setattr(store_thread, "FOLLOW_PAUSE", 0.01)
    persistence.persist(4, (entry(4),))
    await until(lambda: store.left == 0)
    assert store.asked.count(True) == 4
    await persistence.aclose()


class OrderlyStore(FollowingStore):
    """Tells in which order it was asked for what, and what is live comes while it reads and while it follows."""

    def __init__(self) -> None:
        super().__init__()
        self.order: list[str] = []
        self.on_work: Callable[[], None] = lambda: None

    def commit(self, keepables: Sequence[Keepable]) -> Sequence[LogRecord]:
        self.order.append("commit")
        return super().commit(keepables)

    def fetch(self, query: Fetch) -> Page:
        self.order.append("read")
        self.on_work()
        return super().fetch(query)

    def follow(self, *, idle: bool) -> bool:
        self.order.append("follow")
        self.on_work()
        return True


async def test_what_is_live_waits_for_one_piece_of_anything_else() -> None:
    persistence = Persistence(asyncio.get_running_loop())
    store = OrderlyStore()
    await persistence.open(lambda: (store, Recovered("n", 1)))
    desk = Desk(persistence, store)
    numbers = iter(range(2, 12))

    def come() -> None:
        """As the loop hands it over meanwhile."""
        number = next(numbers, None)
        if number is not None:
            persistence._queue.put_batches([store_queue.Batch(number, 0, (entry(number),), 1, 1)])

    store.on_work = come
    await desk.busy()
    for token in range(4):
        persistence.fetch(token, Fetch({}))
    store.gate.set()
    await until(lambda: store.order.count("commit") == 11 and store.order.count("read") == 4)
    others = [len([*group]) for kind, group in groupby(store.order, lambda one: one == "commit") if not kind]
    assert max(others[:10]) == 1
    reads = [place for place, one in enumerate(store.order) if one == "read"]
    assert reads[-1] < 16, "and nothing else waits for more than its turn"
    await persistence.aclose()


async def test_the_time_is_kept_as_soon_as_the_disk_takes_it_again(desk: Desk) -> None:
    desk.store.failure = StoreUnwritable("the disk is full")
    desk.persistence.keep_time(7)
    await desk.persistence.call(lambda store: None)
    desk.store.failure = None
    desk.persistence.keep_time(8)
    await until(lambda: TIME_SETTING in desk.store.settings)
    assert desk.store.settings[TIME_SETTING] == "8"


async def test_what_operators_have_removed_is_tried_again_while_the_disk_takes_no_writes(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.engine.threads.persistence.TRIED_AGAIN", 0.02)
    desk.store.failure = StoreUnwritable("no space left")
    desk.persistence.remove((entry(1).id,), frozenset())
    await asyncio.sleep(0.1)
    assert not desk.store.removed
    desk.store.failure = None
    await until(lambda: desk.store.removed == [entry(1).id])


async def test_who_has_begun_the_network_is_kept_in_the_end_as_it_is_known_then(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.engine.threads.persistence.TRIED_AGAIN", 0.05)
    desk.store.failure = StoreUnwritable("no space left")
    desk.persistence.keep_founding("first")
    await asyncio.sleep(0.01)
    desk.store.failure = None
    desk.persistence.keep_founding("second")
    await asyncio.sleep(0.2)
    assert desk.store.settings[FOUNDING_SETTING] == "second"
