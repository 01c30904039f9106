"""The search's thread: it answers, brings the index up by itself, and leaves none where there is to be none."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from core.engine.threads import search_thread
from core.engine.threads.index_figures import IndexFigures
from core.engine.threads.search_thread import BUSY_SHARE, IDLE_SHARE, IndexPace, SearchThread
from core.fulltext.index_file import INDEX
from core.store import SqliteStore
from core.wire.entries import EntryId, Page
from core.wire.past_query import PastQuery
from tests.fulltext.finding import A, note
from tests.store.making import open_at


class Place:
    """A store, and what its search says."""

    def __init__(self, path: Path) -> None:
        self.database = path / "node.db"
        self.store: SqliteStore = open_at(path)[0]
        self.answers: dict[int, Page | None] = {}
        self.figures: list[IndexFigures] = []
        self.changed = asyncio.Event()

    def answered(self, token: int, page: Page | None) -> None:
        self.answers[token] = page
        self.changed.set()

    def told(self, figures: IndexFigures) -> None:
        self.figures.append(figures)
        self.changed.set()

    @contextlib.asynccontextmanager
    async def thread(self, *, is_indexed: bool = True) -> AsyncIterator[SearchThread]:
        loop = asyncio.get_running_loop()
        thread = SearchThread(*(loop, self.database, self.store.gone, self.answered, self.told), is_indexed=is_indexed)
        try:
            yield thread
        finally:
            await thread.aclose()

    async def until(self, token: int) -> Page | None:
        async with asyncio.timeout(20):
            while token not in self.answers:
                self.changed.clear()
                await self.changed.wait()
        return self.answers[token]


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search_thread, "BEGIN_AFTER", 0.0)
    monkeypatch.setattr(search_thread, "LOOK_EVERY", 0.02)
    monkeypatch.setattr(search_thread, "AGAIN_AFTER", 0.02)


async def test_what_is_asked_for_is_found_and_the_index_is_brought_up_by_itself(tmp_path: Path) -> None:
    place = Place(tmp_path)
    place.store.commit([note(A, number, f"word{number}") for number in range(1, 1001)])
    place.store.follow(idle=True)
    async with place.thread() as thread:
        thread.ask(1, PastQuery(True, query="word77"))
        page = await place.until(1)
        assert page is not None and [one.id for one in page.entries] == [EntryId(*A, 77)]
        async with asyncio.timeout(20):
            while not place.figures or place.figures[-1].unindexed:
                place.changed.clear()
                await place.changed.wait()
        assert place.figures[-1].bytes > 0
    place.store.close()


async def test_without_an_index_there_is_no_file_of_one_and_all_is_found(tmp_path: Path) -> None:
    place = Place(tmp_path)
    place.store.commit([note(A, number, f"word{number}") for number in range(1, 101)])
    (tmp_path / INDEX).write_bytes(b"one from before")
    async with place.thread(is_indexed=False) as thread:
        thread.ask(1, PastQuery(True, query="word77"))
        page = await place.until(1)
        assert page is not None and page.unindexed is None
        assert [one.id for one in page.entries] == [EntryId(*A, 77)]
    assert not (tmp_path / INDEX).exists()
    place.store.close()


async def test_an_index_that_is_damaged_while_it_is_used_is_made_anew_and_questions_are_answered(
    tmp_path: Path,
) -> None:
    place = Place(tmp_path)
    place.store.commit([note(A, number, f"word{number}") for number in range(1, 1001)])
    place.store.follow(idle=True)
    async with place.thread():
        async with asyncio.timeout(20):
            while not place.figures or place.figures[-1].unindexed:
                place.changed.clear()
                await place.changed.wait()
    with (tmp_path / INDEX).open("r+b") as file:
        file.seek(4096)
        file.write(b"\xff" * 40_000)
    async with place.thread() as thread:
        for token, number in enumerate(range(1, 1001, 97)):
            thread.ask(token, PastQuery(True, query=f"word{number}"))
            page = await place.until(token)
            assert page is not None
            while page.more and not page.entries:
                assert page.reached is not None
                again = PastQuery(True, *page.reached, query=f"word{number}")
                place.answers.pop(token)
                thread.ask(token, again)
                page = await place.until(token)
                assert page is not None
            assert [one.id.seq for one in page.entries] == [number]
    place.store.close()


async def test_a_search_that_cannot_be_loaded_now_answers_with_nothing_and_is_loaded_when_it_can_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = Place(tmp_path)
    place.store.commit([note(A, number, f"word{number}") for number in range(1, 101)])
    with monkeypatch.context() as without_files:
        # What Python says then is that there is no such module.
        without_files.setitem(sys.modules, "core.engine.threads.search_work", None)
        async with place.thread() as thread:
            thread.ask(1, PastQuery(True, query="word77"))
            assert await place.until(1) is None
            without_files.undo()
            thread.ask(2, PastQuery(True, query="word77"))
            page = await place.until(2)
            assert page is not None and [one.id for one in page.entries] == [EntryId(*A, 77)]
    place.store.close()


async def test_questions_that_are_left_are_answered_with_nothing(tmp_path: Path) -> None:
    place = Place(tmp_path)
    place.store.commit([note(A, number, f"word{number}") for number in range(1, 101)])
    async with place.thread() as thread:
        for token in range(50):
            thread.ask(token, PastQuery(True, query="word77"))
    await asyncio.sleep(0)
    assert set(place.answers) == set(range(50))
    place.store.close()


def test_indexing_takes_little_while_others_catch_up_from_here_although_nothing_is_committed() -> None:
    pace = IndexPace(100.0, 2.0)
    pace.look(101.0, 0, 2.1)
    assert pace.share == IDLE_SHARE
    pace.look(102.0, 0, 2.9)
    assert pace.share == BUSY_SHARE
    pace.look(102.1, 0, 2.9)
    assert pace.share == BUSY_SHARE, "a moment says nothing"
    pace.look(104.0, 0, 3.0)
    assert pace.share == IDLE_SHARE


def test_indexing_takes_little_while_much_is_committed_however_little_that_costs() -> None:
    pace = IndexPace(100.0, 2.0)
    pace.look(101.0, 30, 2.0)
    assert pace.share == BUSY_SHARE
    pace.look(102.0, 45, 2.0)
    assert pace.share == IDLE_SHARE
