"""What becomes of the screen's process, seen from the node's: whose wish ends what."""

from __future__ import annotations

import asyncio
import importlib
import socket
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from core.engine import Server
from tests.tui.test_real_node import running_server
from tui.own_screen import screen_keeper, screen_protocol
from tui.own_screen.node_stub import NodeStub
from tui.own_screen.person_options import PersonOptions
from tui.own_screen.screen_child import ScreenChild
from tui.own_screen.screen_keeper import ScreenKeeper
from tui.own_screen.screen_process import operator_picture
from tui.processes.message_pipe import hand_off_pair


class ScriptedScreen:
    """The process of a screen, played by the test."""

    def __init__(self) -> None:
        control, self._control = socket.socketpair()
        homes, self._homes = hand_off_pair()
        self.reaped = False
        self.child = ScreenChild(2**30, control, homes, self._reap)

    def _reap(self) -> int:
        self.reaped = True
        return 1

    async def ends(self, status: int) -> None:
        """It is told what to show, and has a last word."""
        node = NodeStub(self._control, self._homes)
        await node.open()
        await node.started
        await node.tell_end(status, (), 1.0)
        self._homes.close()


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Server]:
    server = await running_server(tmp_path, "ada")
    yield server
    await server.abort()


def keeper_of(server: Server, directory: Path) -> ScreenKeeper:
    def tell(before: str) -> screen_protocol.NodeStarted:
        return screen_protocol.NodeStarted(
            address=(server.address.host, server.address.port),
            notices=[],
            picture=operator_picture(server, None),
            before=before,
        )

    plan = screen_protocol.ScreenPlan(PersonOptions(None, None), True, str(directory), False)
    return ScreenKeeper(server, None, plan, tell)


@pytest.mark.parametrize("who", ["a signal", "the node"])
async def test_what_ends_all_while_a_screen_is_started_is_not_missed(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, who: str
) -> None:
    keeper = keeper_of(server, tmp_path)
    screen = ScriptedScreen()
    loop = asyncio.get_running_loop()

    async def ends() -> None:
        if who == "a signal":
            keeper.want_leave("told to", insist=False)
        else:
            server.request_drain("it was told to")
            await server.wait_closed()
            # Whoever waited for that, too, has heard of it.
            await asyncio.sleep(0)

    def spawned() -> ScreenChild:
        asyncio.run_coroutine_threadsafe(ends(), loop).result(10)
        return screen.child

    monkeypatch.setattr(screen_keeper, "spawned", spawned)
    async with asyncio.timeout(20):
        assert await keeper.run(None) == screen_keeper.FAILED
        await server.wait_closed()
    assert screen.reaped


def wanted_once(keeper: ScreenKeeper, monkeypatch: pytest.MonkeyPatch) -> Callable[[], list[str]]:
    asked: list[str] = []

    async def wanted_again(words: str) -> bool:
        asked.append(words)
        return False

    monkeypatch.setattr(keeper, "_wanted_again", wanted_again)
    return lambda: asked


async def test_the_person_decides_after_the_last_word_of_a_screen_that_nobody_had_leave(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keeper = keeper_of(server, tmp_path)
    asked = wanted_once(keeper, monkeypatch)
    screen = ScriptedScreen()
    async with asyncio.timeout(20):
        status, _ = await asyncio.gather(keeper.run(screen.child), screen.ends(1))
    assert status == screen_keeper.FAILED
    assert asked() == ["The screen's process ended (with status 1)."]


async def test_nobody_is_asked_after_the_last_word_of_a_screen_that_was_told_to_leave(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keeper = keeper_of(server, tmp_path)
    asked = wanted_once(keeper, monkeypatch)
    screen = ScriptedScreen()
    running = asyncio.create_task(keeper.run(screen.child))
    await asyncio.sleep(0)
    keeper.want_leave("told to", insist=False)
    async with asyncio.timeout(20):
        await screen.ends(1)
        assert await running == 1
    assert asked() == []


async def test_a_server_whose_files_are_gone_leaves_in_order_where_it_cannot_ask(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(name: str) -> None:
        raise ModuleNotFoundError(name)

    monkeypatch.setattr(importlib, "import_module", missing)
    screen = ScriptedScreen()
    async with asyncio.timeout(20):
        status, _ = await asyncio.gather(keeper_of(server, tmp_path).run(screen.child), screen.ends(1))
        assert status == screen_keeper.FAILED
        await server.wait_closed()
