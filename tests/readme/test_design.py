"""What the design says is so: an activity goes the way that is told, names are there, rooms are the sources'."""

from __future__ import annotations

import asyncio
import re
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

import grimp
import pytest
from msgspec.structs import replace

from core.client import ActivityArrived, Client, ClientEvent, ClientSettings, LoggedIn, PostAccepted
from core.engine import EngineSettings, PasswordSettings, Server
from tests.architecture import rooms
from tests.architecture.diagrams import DOCUMENTS
from tests.engine.harness import until
from tests.readme.test_documents import rows, words

ROOT = Path(__file__).parents[2]
DESIGN = "core/DESIGN.md"
TEXT = (ROOT / DESIGN).read_text(encoding="utf-8")
LIMIT = 10.0
"""Seconds that anything here may take."""


# --- the way of an activity -------------------------------------------------------------------------------------------

WAY = TEXT.partition("## The way of an activity")[2].partition("\n## ")[0]
STEPS = [found for line in re.split(r"\n(?=\d+\. )", WAY)[1:] for found in re.findall(r"`([\w/]+\.py):([\w.]+)`", line)]
NEIGHBOURS_OWN = STEPS[STEPS.index(("core/client/inbox.py", "Inbox.receive")) + 1 :][:2]
"""What stands in the place of accepting a post at a neighbour."""
STEPS = STEPS[: -len(NEIGHBOURS_OWN)]


@contextmanager
def calls() -> Iterator[list[tuple[str, str]]]:
    """The functions of ours that are called, as file and name, in order, but for threads that began before."""
    called: list[tuple[str, str]] = []
    prefix = f"{ROOT}/"

    def note(frame: FrameType, event: str, argument: object) -> None:
        if event == "call" and frame.f_code.co_filename.startswith(prefix):
            called.append((frame.f_code.co_filename.removeprefix(prefix), frame.f_code.co_qualname))

    before = sys.getprofile()
    threading.setprofile(note)
    sys.setprofile(note)
    try:
        yield called
    finally:
        sys.setprofile(before)
        threading.setprofile(before)


class Reader:
    """A client, and what it has heard."""

    def __init__(self, server: Server) -> None:
        self.heard: list[ClientEvent] = []
        self.client = Client(ClientSettings(), [server.address], self.hear)
        self._news = asyncio.Event()

    def hear(self, event: ClientEvent) -> None:
        self.heard.append(event)
        self._news.set()

    async def has_heard(self, of: Callable[[ClientEvent], bool]) -> None:
        async with asyncio.timeout(LIMIT):
            while not any(map(of, self.heard)):
                self._news.clear()
                await self._news.wait()


def settings(directory: Path) -> EngineSettings:
    cheap = PasswordSettings(memory_kib=64, passes=1)
    return EngineSettings(data_dir=directory, host="127.0.0.1", port=0, passwords=cheap)


async def test_an_activity_goes_the_way_that_is_told(tmp_path: Path) -> None:
    with calls() as called:
        server = Server(settings(tmp_path))
        await server.start()
        readers = [Reader(server), Reader(server)]
        tasks = [asyncio.create_task(reader.client.run()) for reader in readers]
        try:
            for reader in readers:
                await reader.has_heard(lambda event: isinstance(event, LoggedIn))
            called.clear()
            readers[0].client.post({"type": "Note", "content": "hello"})
            await readers[0].has_heard(lambda event: isinstance(event, PostAccepted))
            await readers[1].has_heard(lambda event: isinstance(event, ActivityArrived))
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await server.abort()
    calling = iter(called)
    # Each step is looked for behind the one before.
    assert next((step for step in STEPS if step not in calling), None) is None


async def test_an_activity_goes_the_same_way_at_a_neighbour_but_for_two_steps(tmp_path: Path) -> None:
    names = [name for _, name in STEPS]
    accepting = slice(names.index("Posting.take"), names.index("OwnEntries.originate_all") + 1)
    told = [*STEPS[: accepting.start], *NEIGHBOURS_OWN, *STEPS[accepting.stop :]]
    told = [step for step in told if step[1] != "Posting._kept"]
    with calls() as called:
        first = Server(settings(tmp_path / "first"))
        await first.start()
        second = Server(replace(settings(tmp_path / "second"), join=first.address, secret=first.secret))
        await second.start()
        writer, reader = Reader(first), Reader(second)
        tasks = [asyncio.create_task(one.client.run()) for one in (writer, reader)]
        try:
            await until(lambda: any(one.state == "eager" for one in second.snapshot().connections))
            for one in (writer, reader):
                await one.has_heard(lambda event: isinstance(event, LoggedIn))
            called.clear()
            writer.client.post({"type": "Note", "content": "hello"})
            await reader.has_heard(lambda event: isinstance(event, ActivityArrived))
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await second.abort()
            await first.abort()
    # The neighbour's way begins where the entry comes over a link.
    begins = called.index(NEIGHBOURS_OWN[0])
    before = begins - 1 - called[:begins][::-1].index(STEPS[0])
    calling = iter(called[before:])
    assert next((step for step in told if step not in calling), None) is None


def test_the_way_is_told_from_the_socket_to_the_reader_by_way_of_two_visits() -> None:
    names = [name for _, name in STEPS]
    assert len(STEPS) > 20
    assert names[0] == "StreamConnection.buffer_updated"
    assert names[-1] == "Inbox.receive"
    assert names.count("Node.handle") == 2


LATE = TEXT.partition("## Why is a post late?")[2].partition("\n## ")[0]


async def test_numbers_that_show_why_a_post_is_late_are_those_of_a_server(tmp_path: Path) -> None:
    told = {number for line in LATE.splitlines() if line.startswith("| ") for number in words(line.split("|")[2])}
    fixed = {number for number in told if "…" not in number and " " in number}
    assert len(fixed) > 10
    server = Server(settings(tmp_path))
    await server.start()
    try:
        assert fixed - server.queues().keys() == set()
    finally:
        await server.abort()


# --- glossary ---------------------------------------------------------------------------------------------------------

GLOSSARY = [row for row in rows(DESIGN) if len(row) == 4 and row[0] not in ("term", "---")]


def test_the_glossary_is_in_order_and_explains_each_term_once() -> None:
    terms = [row[0].lower() for row in GLOSSARY]
    assert len(terms) > 50
    assert terms == sorted(set(terms))


@pytest.mark.parametrize("row", GLOSSARY, ids=[row[0] for row in GLOSSARY])
def test_each_term_says_what_it_is_and_where_it_is_found(row: list[str]) -> None:
    _, meaning, _, where = row
    assert meaning
    places = words(where)
    assert places
    for place in places:
        assert (ROOT / place.partition(":")[0]).exists()


# --- rooms ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("container", rooms.containers())
def test_rooms_that_have_a_contract_are_in_a_document(container: str) -> None:
    texts = [(ROOT / name).read_text(encoding="utf-8") for name in DOCUMENTS]
    assert sum(text.count(f"<!-- rooms: {container} -->") for text in texts) == 1


@pytest.fixture(scope="module")
def graph() -> grimp.ImportGraph:
    """Who imports whom, as import-linter sees it."""
    return grimp.build_graph("core", "tui", exclude_type_checking_imports=True, cache_dir=None)


@pytest.mark.parametrize("container", rooms.containers())
def test_the_imports_told_of_a_room_are_those_that_import_linter_finds(
    graph: grimp.ImportGraph, container: str
) -> None:
    names = [name for layer in rooms.layers(container) for name in layer]
    whole = names if container == "core" else [f"{container}.{name}" for name in names]
    squashed = {room: {room, *graph.find_descendants(room)} for room in whole}
    for room in whole:
        imported = {name for module in squashed[room] for name in graph.find_modules_directly_imported_by(module)}
        found = [other for other in whole if other != room and squashed[other] & imported]
        assert rooms.imports(room, whole) == found


def test_a_room_that_does_not_say_what_it_is_about_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "silent.py").write_text("x = 1\n")
    monkeypatch.setattr(rooms, "ROOT", tmp_path)
    with pytest.raises(ValueError, match="silent does not say"):
        rooms.subject("silent")


def test_what_only_type_checkers_import_is_no_import(tmp_path: Path) -> None:
    file = tmp_path / "module.py"
    file.write_text("import a\nif TYPE_CHECKING:\n    import b\ndef later():\n    from c.d import e\n")
    assert rooms.imported(file) == {"a", "c.d"}
