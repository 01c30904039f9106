"""How the table of the hot path comes about."""

from __future__ import annotations

import asyncio
import signal
import sys
from pathlib import Path

import pytest

from core.engine import EngineSettings, PasswordSettings, Server
from core.engine.transport.output import Output
from tests.benchmarks.hot_path import REST, STEPS, WINDOW, Calls, Looks, table


def test_what_a_thread_spends_counts_for_the_innermost_step_on_its_stack(monkeypatch: pytest.MonkeyPatch) -> None:
    looks = Looks()
    clock = iter([1.0, 1.0, 1.5, 1.5])
    monkeypatch.setattr("tests.benchmarks.hot_path.time.thread_time", lambda: next(clock))

    class Writer:
        def __len__(self) -> int:
            looks._look(signal.SIGPROF, sys._getframe())
            return 0

    class Written:
        _log, _dirty, _scheduled = Writer(), (), False
        _subscribers = ()

    looks._look(signal.SIGPROF, sys._getframe())
    Output.flush(Written())  # type: ignore[arg-type]
    assert dict(looks.seconds) == {REST: 1.0, "joining what is written": 0.5}


def test_the_table_tells_microseconds_an_activity() -> None:
    spent = {
        "activities": 1000,
        "loop": 0.05,
        "store": 0.02,
        "kernel": 0.01,
        "seals": 0.004,
        "commits": 0.009,
        "what follows them": 0.003,
    }
    rows = [*table(spent, {"decoding": 0.02, REST: 0.03})]
    assert rows[2:5] == [f"| {REST} | 30.0 |", "| decoding | 20.0 |", "| **the event loop's thread** | 50.0 |"]
    assert "| the store's thread: what is synced | 5.0 |" in rows
    assert "| the store's thread: waiting for work and for the interpreter | 8.0 |" in rows


CALLS_MAX = {
    "writing to sockets": 0.5,
    "joining what is written": 0.5,
    "encoding": 0.5,
    "decoding": 8.0,
    "handing over to the store, and back": 1.5,
    "after every event (`Node._outcome`)": 1.5,
    "the node, at received": 26.0,
    "the node, at committed: whose turn it is, to whom it goes": 4.5,
    "the node, at committed: what base clients have": 1.0,
    "the node, at committed: acknowledgements": 0.5,
    "the node, at committed: all else": 3.0,
    "carrying out actions": 1.0,
    "reading, cutting lines": 6.0,
}
"""How many functions each step may call for an activity, ours and the interpreter's own: what it does is a tenth less.
What is done for a read or for a commit is shared by all that are in it, so most steps do less than one; how many there
are in one is not always the same, and those have more room: each of them had several before a read was the unit."""
READERS = 4
WINDOWS = 4


class _Reader(asyncio.Protocol):
    """Counts the lines that come."""

    def __init__(self, news: asyncio.Event) -> None:
        self.lines = 0
        self._news = news

    def data_received(self, data: bytes) -> None:
        self.lines += data.count(b"\n")
        self._news.set()


async def test_no_step_of_the_hot_path_calls_more_functions_than_it_did(tmp_path: Path) -> None:
    cheap = PasswordSettings(memory_kib=64, passes=1)
    server = Server(EngineSettings(data_dir=tmp_path, host="127.0.0.1", port=0, passwords=cheap))
    await server.start()
    loop, news, calls = asyncio.get_running_loop(), asyncio.Event(), Calls()
    connections = [await loop.create_connection(lambda: _Reader(news), *server.address) for _ in range(READERS)]

    async def until(lines: int) -> None:
        async with asyncio.timeout(30):
            while min(reader.lines for _, reader in connections) < lines:
                news.clear()
                await news.wait()

    try:
        for transport, _ in connections:
            transport.write(b'{"command":"LOGIN","username":"anonymous"}\n')
        await until(1)
        writer = connections[0][0]
        line = b'{"command":"ACTIVITY_MESSAGE","username":"anonymous","activity":{"type":"Note","content":"%b"}}\n'
        for window in range(1, WINDOWS + 2):
            writer.write(line % (b"x" * 100) * WINDOW)
            with calls if window > 1 else Calls():
                await until(1 + window * WINDOW)
    finally:
        for transport, _ in connections:
            transport.abort()
        await server.abort()
    each = {step: calls.of_step[step] / (WINDOWS * WINDOW) for step in STEPS}
    grown = [f"{step}: {each[step]:.2f}, not {most}" for step, most in CALLS_MAX.items() if each[step] > most]
    assert not grown, "; ".join(grown)
    assert CALLS_MAX.keys() == STEPS.keys() and each["decoding"] >= 1, "all is counted"
