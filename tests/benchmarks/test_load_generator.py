"""The load generator sees what a server does wrong, whatever the pieces in which it says it."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.benchmarks import compiled
from tests.benchmarks.compiled import NotHere, program
from tests.benchmarks.peers import PEERS, Peer, Running, reference
from tests.benchmarks.trials import Figures, LoadPlan, generate, is_bottleneck, read_figures, what_is_wrong

SMALL = {"receivers": 5, "window": 8, "seconds": 0.2, "warm": 0.0}
VICTIM, MESSAGE = 2, 3
"""Who does not get what as it should."""

Passing = Callable[[int, int, bytes], list[bytes]]
"""What a server sends instead of a line: to which client, as the how manieth line, and which."""


@pytest.fixture(autouse=True)
def _made() -> None:
    try:
        program("loadgen")
    except NotHere as why:
        pytest.skip(str(why))


def well(_client: int, _number: int, line: bytes) -> list[bytes]:
    return [line]


def only_there(fault: Callable[[bytes], list[bytes]]) -> Passing:
    return lambda client, number, line: fault(line) if (client, number) == (VICTIM, MESSAGE) else [line]


def changing(into: bytes) -> Passing:
    return only_there(lambda line: [line.replace(b"xxxx", into, 1)])


def swapping() -> Passing:
    """Keeps one line back until after the next."""
    kept: list[bytes] = []

    def passing(client: int, number: int, line: bytes) -> list[bytes]:
        if client != VICTIM:
            return [line]
        if number == MESSAGE:
            kept.append(line)
            return []
        return [line, kept.pop()] if kept else [line]

    return passing


FAULTS: dict[str, tuple[Callable[[], Passing], dict[str, int]]] = {
    "none": (lambda: well, {}),
    "one is lost": (lambda: only_there(lambda line: []), {"lost": 1, "incomplete": 1}),
    "one is doubled": (lambda: only_there(lambda line: [line, line]), {"doubled": 1}),
    "two are swapped": (swapping, {"reordered": 1}),
    "one is cut short": (lambda: changing(b"xxx"), {"damaged": 1, "lost": 1, "incomplete": 1}),
    "one is garbled": (lambda: changing(b"xxyx"), {"damaged": 1, "lost": 1, "incomplete": 1}),
}  # fmt: skip


class Faulty:
    """A server that passes on what it is told, by its own lights."""

    def __init__(self, passing: Passing, piece: int = 0) -> None:
        self._passing, self._piece = passing, piece
        self._clients: list[asyncio.StreamWriter] = []
        self._sent: dict[int, int] = {}

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while line := await reader.readline():
                message = json.loads(line)
                if message["command"] == "LOGIN":
                    self._clients.append(writer)
                    writer.write(b'{"command":"LOGIN_SUCCESS"}\n')
                else:
                    await self._pass_on(message["activity"])
        except ConnectionError:
            pass
        finally:
            writer.close()

    async def _pass_on(self, activity: dict[str, str]) -> None:
        line = json.dumps({"command": "ACTIVITY_BROADCAST", "activity": activity}).encode() + b"\n"
        for client, writer in enumerate(self._clients):
            number = self._sent[client] = self._sent.get(client, -1) + 1
            said = b"".join(self._passing(client, number, line))
            for at in range(0, len(said), self._piece or max(1, len(said))):
                writer.write(said[at : at + (self._piece or len(said))])
                if self._piece:
                    await writer.drain()
                    await asyncio.sleep(0)


@asynccontextmanager
async def serving(passing: Passing, piece: int = 0) -> AsyncIterator[int]:
    server = await asyncio.start_server(Faulty(passing, piece).serve, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


async def loaded(port: int, **options: float) -> Figures:
    return await generate(PEERS["ours"], [port], os.getpid(), LoadPlan.of(**{**SMALL, **options}))


@pytest.mark.parametrize("fault", FAULTS)
async def test_every_receiver_must_have_everything_once_in_order_and_whole(fault: str) -> None:
    passing, expected = FAULTS[fault]
    async with serving(passing()) as port:
        figures = await loaded(port, **({"silence": 1.0} if expected else {}))
    counted = {name: figures[name] for name in ("lost", "doubled", "reordered", "damaged", "incomplete")}
    assert counted == {name: expected.get(name, 0) for name in counted}
    assert figures["complete"] is (not expected)
    assert figures["sent"] > MESSAGE + 1, "the others come after it"
    assert bool(what_is_wrong(figures)) is bool(expected)


@pytest.mark.parametrize("piece", [1, 7, 250, 1000])
async def test_a_line_may_arrive_in_any_number_of_pieces(piece: int) -> None:
    async with serving(well, piece) as port:
        figures = await loaded(port, receivers=2, seconds=0.1)
    assert figures["complete"] is True and figures["delivered"] == figures["sent"] * 3


async def test_each_sender_has_an_order_of_its_own() -> None:
    async with serving(well) as port:
        figures = await loaded(port, senders=4)
    assert figures["complete"] is True and figures["delivered"] == figures["sent"] * (5 + 4)


async def test_who_does_not_read_is_not_waited_for() -> None:
    async with serving(well) as port:
        figures = await loaded(port, stalled=1)
    assert figures["complete"] is True and figures["delivered"] == figures["sent"] * 5


async def test_a_server_that_refuses_a_login_is_no_server_to_measure() -> None:
    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        writer.write(b'{"command":"LOGIN_FAILED","info":"not today"}\n')
        writer.close()

    server = await asyncio.start_server(refuse, "127.0.0.1", 0)
    with pytest.raises(AssertionError, match="not today"):
        await loaded(server.sockets[0].getsockname()[1])
    server.close()


async def test_with_a_rate_so_many_are_sent_whatever_becomes_of_them() -> None:
    async with serving(well) as port:
        figures = await loaded(port, rate=100, seconds=0.5)
    assert figures["complete"] is True and 0 < figures["sent"] <= 51
    assert figures["ages"][0]["count"] == figures["sent"] * 6


async def test_receivers_at_several_ports_have_ages_of_their_own(tmp_path: Path) -> None:
    faulty = Faulty(well)
    servers = [await asyncio.start_server(faulty.serve, "127.0.0.1", 0) for _ in range(2)]
    ports = [server.sockets[0].getsockname()[1] for server in servers]
    figures = await generate(PEERS["ours"], ports, os.getpid(), LoadPlan.of(receivers=6, rate=100, seconds=0.3, warm=0))
    for server in servers:
        server.close()
    # The sender is at the first.
    assert [ages["count"] for ages in figures["ages"]] == [figures["sent"] * 4, figures["sent"] * 3]


async def test_the_reference_has_on_its_disk_what_it_has_delivered(tmp_path: Path) -> None:
    async with reference(tmp_path, syncs=True) as running:
        figures = await generate(PEERS["c-sync"], [running.port], running.pid, LoadPlan.of(**SMALL))
    assert figures["complete"] is True
    kept = (tmp_path / "kept").read_bytes().splitlines()
    assert len(kept) == figures["sent"]
    assert all(json.loads(line)["activity"]["authenticated_user"] == "anonymous" for line in kept)


async def test_the_reference_delivers_nothing_that_it_could_not_sync() -> None:
    # What is written there is taken, and cannot be synced.
    process = await asyncio.create_subprocess_exec(
        program("reference"), "--sync", "/dev/null", stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout is not None
    port = int((await process.stdout.readline()).rpartition(b":")[2])
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b'{"command":"LOGIN","username":"anonymous"}\n')
    assert b"LOGIN_SUCCESS" in await reader.readline()
    writer.write(b'{"command":"ACTIVITY_MESSAGE","username":"anonymous","activity":{"d":"hello"}}\n')
    assert await reader.readline() == b""
    writer.close()
    assert await asyncio.wait_for(process.wait(), 10.0) == 1


@pytest.mark.slow
@pytest.mark.parametrize("name", PEERS)
async def test_each_server_that_is_installed_is_measured(name: str, tmp_path: Path) -> None:
    peer: Peer = PEERS[name]
    try:
        program("loadgen", tls=peer.tls)
        async with peer.start(tmp_path) as running:
            for options in (SMALL, {**SMALL, "rate": 50.0}, {"receivers": 5, "logins": 1, "idle": 0.1}):
                figures = await measured(peer, running, options)
                assert not what_is_wrong(figures), figures
    except NotHere as why:
        pytest.skip(str(why))


async def measured(peer: Peer, running: Running, options: dict[str, float]) -> Figures:
    return await generate(peer, [running.port], running.pid, LoadPlan.of(**options))


def test_a_generator_that_is_busy_all_the_time_is_the_bottleneck() -> None:
    assert is_bottleneck({"share": 0.95, "waited": 0.0})
    assert is_bottleneck({"share": 0.5, "waited": 0.48})
    assert not is_bottleneck({"share": 0.6, "waited": 0.2})
    assert not is_bottleneck({"logins": 100})


def test_what_is_no_figures_is_told_as_it_is() -> None:
    assert read_figures('{"complete": true, "sent": 3}', "")["sent"] == 3
    with pytest.raises(AssertionError, match="no such protocol"):
        read_figures("", "load generator: there is no such protocol")
    with pytest.raises(AssertionError, match="no figures"):
        read_figures('{"sent": 3}', "")
    incomplete = read_figures('{"complete": false, "lost": 1200, "doubled": 0, "reordered": 2}', "")
    assert what_is_wrong(incomplete) == "1,200 lost, 2 reordered"
    assert what_is_wrong({"complete": False, "said": ""}) == "not everything came"


@pytest.mark.parametrize("words", [("--window",), ("--window", "many"), ("--colour", "red"), ("--protocol", "gopher")])
def test_a_wrong_option_is_refused(words: tuple[str, ...]) -> None:
    ended = subprocess.run([program("loadgen"), "--ports", "1", *words], capture_output=True, text=True)
    assert ended.returncode == 2 and ended.stderr.startswith("load generator: ")


def test_without_a_compiler_there_is_a_sentence(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CC", str(tmp_path / "cc"))
    with pytest.raises(NotHere, match="no C compiler"):
        program("loadgen")


def test_what_somebody_else_has_made_is_not_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.getuid", lambda: 12345)
    with pytest.raises(NotHere, match="belongs to somebody else"):
        program("loadgen")


def test_what_has_changed_is_compiled_anew(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    sources = tmp_path / "native"
    sources.mkdir()
    (sources / "one.c").write_text("int main(void) { return 3; }\n")
    monkeypatch.setattr(compiled, "CACHE", tmp_path / "cache")
    monkeypatch.setattr(compiled, "SOURCES", sources)
    monkeypatch.setattr(compiled, "PROGRAMS", {"one": ("one.c",)})
    first = program("one")
    assert program("one") == first and subprocess.run([first]).returncode == 3
    (sources / "one.c").write_text("int main(void) { return 4; }\n")
    assert subprocess.run([program("one")]).returncode == 4 and not first.exists()
    (sources / "one.c").write_text("int main(void) { return }\n")
    with pytest.raises(NotHere, match="does not compile one"):
        program("one")
