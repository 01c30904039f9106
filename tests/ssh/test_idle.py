"""Sessions in which nothing happens cost next to nothing: no timer of their own, no look and no frame without news."""

from __future__ import annotations

import asyncio
import contextvars
import itertools
import socket
from typing import Any, cast

import msgspec
import pytest

from core.node.interface.snapshot import ConnectionView, NodeSnapshot
from tests.ssh.conftest import Place
from tui.ssh.applications.read_only_node import ReadOnlyNode
from tui.ssh.sharing.ticker import Ticker

LINK = ConnectionView(1, "server", "outbound", "192.0.2.1:3780", "eager", since=1.0)
PICTURE = NodeSnapshot(0.0, "aa", "ada", "192.0.2.2", 3780, 1, 0, (), (LINK,), (), 0, 0, False, None, False)


class Window:
    """Something that looks when it is told to, and has news when the test says so."""

    def __init__(self) -> None:
        self.behind = False
        self.looks = 0
        self.asked = 0

    def is_behind(self) -> bool:
        self.asked += 1
        return self.behind

    def look_soon(self) -> None:
        self.looks += 1


class ChangingNode:
    """A node that shows the pictures it is given."""

    def __init__(self) -> None:
        self.picture = PICTURE

    def snapshot(self) -> NodeSnapshot:
        return self.picture

    def traffic(self) -> dict[int, Any]:
        return {}


def view_of(node: ChangingNode, **limits: float) -> ReadOnlyNode:
    """A view for which a second passes with each look."""
    return ReadOnlyNode(cast(Any, node), clock=itertools.count().__next__, **limits)


async def until_asked(window: Window, times: int) -> None:
    async with asyncio.timeout(10):
        while window.asked < times:  # noqa: ASYNC110
            await asyncio.sleep(0.001)


async def test_the_ticker_wakes_those_that_are_behind_and_nobody_else():
    clock = Ticker(contextvars.copy_context(), 0.001)
    quiet, behind = Window(), Window()
    behind.behind = True
    clock.add(quiet)
    clock.add(behind)
    await until_asked(quiet, 5)
    clock.remove(quiet)
    clock.remove(behind)
    assert quiet.looks == 0 and behind.looks >= 5


async def test_a_ticker_without_applications_has_no_timer():
    clock = Ticker(contextvars.copy_context(), 0.001)
    window = Window()
    clock.add(window)
    await until_asked(window, 1)
    clock.remove(window)
    clock.remove(window)
    assert clock._timer is None


async def test_the_ticker_runs_in_nobody_s_context():
    """In an application's it would keep that application alive for as long as there are others."""
    mark: contextvars.ContextVar[str] = contextvars.ContextVar("mark", default="nobody's")
    clock = Ticker(contextvars.copy_context(), 0.001)
    seen: list[str] = []

    class Marked(Window):
        def is_behind(self) -> bool:
            seen.append(mark.get())
            return super().is_behind()

    window = Marked()
    mark.set("an application's")
    clock.add(window)
    await until_asked(window, 2)
    clock.remove(window)
    assert set(seen) == {"nobody's"}


def test_a_picture_in_which_only_figures_have_changed_is_no_new_one_for_a_while():
    node = ChangingNode()
    view = view_of(node, age_max=1, figures_age_max=10)
    first, version = view.snapshot(), view.version()
    for second in range(4):
        link = msgspec.structs.replace(LINK, round_trip=0.001 * second)
        node.picture = msgspec.structs.replace(PICTURE, at=float(second), connections=(link,))
        assert view.snapshot() is first and view.version() == version
    for second in range(10, 20):
        node.picture = msgspec.structs.replace(PICTURE, at=float(second))
        view.snapshot()
    assert view.snapshot().at >= 10.0 and view.version() == version, "ages come as well, only not at once"


@pytest.mark.parametrize("figure", [{"index_bytes": 4096}, {"unindexed": 3}, {"read_through_at": 5.0}])
def test_how_far_the_index_and_the_reading_of_all_data_have_come_is_no_new_picture(figure: dict[str, float]):
    node = ChangingNode()
    view = view_of(node, age_max=1, figures_age_max=1_000)
    version = view.version()
    node.picture = msgspec.structs.replace(PICTURE, **figure)
    view.snapshot()
    assert view.version() == version


def test_a_picture_in_which_something_has_changed_is_a_new_one_at_once():
    node = ChangingNode()
    view = view_of(node, age_max=1, figures_age_max=1_000)
    version = view.version()
    node.picture = msgspec.structs.replace(PICTURE, at=1.0, activities=7)
    assert view.snapshot().activities == 7 and view.version() != version


async def test_an_application_in_which_nothing_happens_neither_looks_nor_paints(
    place: Place, monkeypatch: pytest.MonkeyPatch
):
    place.ssh.ticker = Ticker(contextvars.copy_context(), 0.01)
    async with place.terminal("anonymous", size=(160, 45)) as terminal:
        await terminal.shows("1 person online")
        [app] = place.apps()
        asked = [0]
        look, is_behind = app._look, app.is_behind

        def counted_look() -> None:
            asked[0] = 0
            look()

        def counted_question() -> bool:
            asked[0] += 1
            return is_behind()

        monkeypatch.setattr(app, "_look", counted_look)
        monkeypatch.setattr(app, "is_behind", counted_question)
        # The login's own news comes first.
        await place.until(lambda: asked[0] >= 150)
        painted = len(terminal.output)
        await place.until(lambda: asked[0] >= 250)
        assert len(terminal.output) == painted
        running = {timer.name for timer in cast(Any, app)._timers if timer._active.is_set()}
        assert running == set()


async def test_somebody_who_comes_is_seen_by_those_who_are_here_and_idle(place: Place):
    async with place.terminal("anonymous") as terminal:
        await terminal.shows("1 person online")
        async with place.terminal("anonymous") as other:
            await other.shows("you are anonymous")
            await terminal.shows("2 people online")


async def test_the_system_finds_out_which_clients_the_network_has_lost(place: Place):
    async with await place.connect("anonymous"):
        [connection] = place.ssh._connections
        assert connection._conn is not None
        sock = connection._conn.get_extra_info("socket")
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
        if hasattr(socket, "TCP_KEEPIDLE"):
            assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) == 20
