"""The node as the screen's process has it: what it shows, and what it can be told, over the sockets between the two."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from core.engine import Server
from core.node import Notice
from core.store import open_invitations
from core.wire import parse_address
from tests.tui.test_real_node import running_server
from tui.model.client_model import ClientModel
from tui.model.network_client import client_factory
from tui.model.network_faces import SignIn
from tui.model.visitors import SessionView
from tui.own_screen import screen_protocol
from tui.own_screen.node_stub import ENDED, NodeStub
from tui.own_screen.person_options import PersonOptions
from tui.own_screen.screen_child import ScreenChild
from tui.own_screen.screen_process import NOTICES_WAITING_MAX, PICTURE_SHARE, ScreenProcess, operator_picture
from tui.processes.message_pipe import hand_off_pair

VISITOR = SessionView(7, "zoe", "192.0.2.1", "OpenSSH", "xterm", (80, 24), 0.0, 1, 2, 0.1, "")


class OneVisitor:
    def __init__(self) -> None:
        self.ended: list[tuple[int, str]] = []

    def sessions(self) -> list[SessionView]:
        return [VISITOR]

    def end(self, number: int, reason: str) -> bool:
        self.ended.append((number, reason))
        return True


@dataclass
class Beside:
    """A server, and the other end of what its process says to its screen's: both in this process."""

    server: Server
    process: ScreenProcess
    node: NodeStub
    visitors: OneVisitor
    shown: asyncio.Task[object]


def started(server: Server, visitors: OneVisitor) -> screen_protocol.NodeStarted:
    return screen_protocol.NodeStarted(
        address=(server.address.host, server.address.port),
        notices=[],
        picture=operator_picture(server, visitors),
    )


@pytest.fixture
async def beside(tmp_path: Path) -> AsyncIterator[Beside]:
    server = await running_server(tmp_path, "ada")
    control, their_control = socket.socketpair()
    homes, their_homes = hand_off_pair()
    visitors = OneVisitor()
    process = ScreenProcess(ScreenChild(2**30, control, homes, lambda: 0), server, visitors)
    node = NodeStub(their_control, their_homes)
    await node.open()
    plan = screen_protocol.ScreenPlan(PersonOptions(None, None), True, str(tmp_path), True)
    shown: asyncio.Task[object] = asyncio.create_task(process.run(plan, started(server, visitors)))
    assert await node.plan == plan
    await node.started
    yield Beside(server, process, node, visitors, shown)
    await node.tell_end(0, (), 1.0)
    await shown
    await server.abort()
    their_homes.close()


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def test_the_node_is_what_it_is_and_says_so(beside):
    server, node = beside.server, beside.node
    assert (node.address, node.advertised, node.secret) == (server.address, server.advertised, "s")
    assert node.snapshot().name == "ada"
    assert list(node.sessions()) == [VISITOR]


async def test_who_looks_is_told_of_a_newer_picture(beside):
    pictures = []
    beside.node.on_picture = lambda: pictures.append(beside.node.snapshot())
    before = beside.node.snapshot()
    sock = beside.server.connect_local()
    await until(lambda: len(beside.server.snapshot().connections) > len(before.connections))
    beside.node.snapshot()
    await until(lambda: bool(pictures))
    assert len(pictures[0].connections) == len(before.connections) + 1
    assert set(beside.node.traffic()) == {one.conn for one in pictures[0].connections}
    # What was shown because it came asks for no more: nobody looks at a node that nothing is heard of.
    await asyncio.sleep(0)
    assert len(pictures) == 1
    sock.close()


async def test_an_invitation_for_a_server_is_made_there_and_comes_back_or_why_there_is_none(beside):
    server, node = beside.server, beside.node
    invited = await node.invite(2, 60.0)
    assert invited.network == server.network
    (kept,) = open_invitations(server.settings.data_dir, time.time())
    assert (kept.code, kept.uses) == (invited.code, 2)
    (server.settings.data_dir / "invitations").write_text("{")
    with pytest.raises(ConnectionError, match="is damaged"):
        await node.invite(1, 60.0)


async def test_a_server_that_has_invited_this_one_is_joined_by_that(beside, tmp_path):
    other = await running_server(tmp_path, "bob", secret="another")
    try:
        beside.node.join(other.advertised, await other.invite(1, 60.0))
        await until(lambda: len(other.snapshot().servers) == 2)
        await until(lambda: beside.server.network == other.network)
        assert beside.node.secret == "s"
        # Another network, another secret: what F8 shows for scripts follows.
        await until(lambda: beside.node.snapshot().network == other.network and beside.node.secret == "another")
        assert "another" not in repr(beside.node._picture)
    finally:
        await other.abort()


async def test_asking_for_the_network_is_no_look_at_the_picture(beside):
    pictures = []
    beside.node.on_picture = lambda: pictures.append(beside.node.network)
    assert beside.node.network == beside.server.snapshot().network != ""
    beside.node.snapshot()
    backup = await beside.node.backup_now()
    # Whatever was asked for before is answered before.
    assert backup.exists() and pictures == []


async def test_a_person_comes_in_through_the_process_of_the_node_and_looks_back(beside):
    node = beside.node
    model = ClientModel(client_factory((), home=node.connect), node=node)
    await model.enter(SignIn("anonymous"))
    await until(lambda: model.online)
    model.write("a line")
    await until(lambda: model.feed.arrived == 1 and not model.feed.pending())
    first = await model.past.go_to_beginning()
    assert first is not None
    row = model.feed.by_serial(first)
    assert row is not None and b"a line" in row.body
    assert not await model.past.load_older() and model.past.above == "all"
    await model.stop()


async def test_what_happens_is_told(beside):
    told: list[Notice] = []
    beside.node.on_notice = told.append
    notice = Notice(1.0, "storage", "the disk is full", "error")
    beside.server.publish(notice)
    await until(lambda: told == [notice])


async def test_the_operator_s_orders_are_done(beside, tmp_path):
    node, server = beside.node, beside.server
    sock = node.connect()
    await until(lambda: len(server.snapshot().connections) == 1)
    node.disconnect(server.snapshot().connections[0].conn, "no reason")
    await until(lambda: not server.snapshot().connections)
    sock.close()
    node.end(7, "go")
    await until(lambda: beside.visitors.ended == [(7, "go")])
    assert (await node.backup_now()).exists()
    other = await running_server(tmp_path, "bob")
    node.join(parse_address(f"127.0.0.1:{other.address.port}"))
    await until(lambda: len(server.snapshot().servers) == 2)
    await other.abort()


async def test_what_cannot_be_done_says_why(beside, monkeypatch):
    async def fails(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(beside.server, "backup_now", fails)
    with pytest.raises(ConnectionError, match="No space left"):
        await beside.node.backup_now()


async def test_a_node_that_leaves_is_seen_to_have_ended(beside):
    beside.node.request_drain("quit")
    undone = await beside.server.wait_closed()
    beside.process.node_closed(undone)
    async with asyncio.timeout(10):
        assert await beside.node.wait_closed() == undone
    assert beside.process.is_leaving


async def test_a_screen_that_ends_before_the_node_takes_its_hanging_up_for_no_end_of_it(beside):
    gone: list[bool] = []
    beside.node.on_gone = lambda: gone.append(True)
    assert await beside.node.tell_end(0, ("left undone: something",), 5.0)
    await beside.shown
    assert gone == []


async def test_whoever_waits_for_an_answer_is_told_that_there_is_none_any_more(beside, monkeypatch):
    async def never(*_: object) -> None:
        await asyncio.Event().wait()

    gone = asyncio.Event()
    beside.node.on_gone = gone.set
    monkeypatch.setattr(beside.server, "backup_now", never)
    backing_up = asyncio.create_task(beside.node.backup_now())
    await asyncio.sleep(0)
    beside.process._pipe.close()
    await gone.wait()
    with pytest.raises(ConnectionError, match=ENDED):
        await backing_up
    with pytest.raises(ConnectionError, match=ENDED):
        await beside.node.backup_now()
    assert await beside.node.wait_closed() == (ENDED,)


async def test_a_screen_that_takes_nothing_makes_the_node_keep_no_more_than_the_latest_notices(beside):
    told: list[Notice] = []
    beside.node.on_notice = told.append
    beside.node._pipe.pause()
    count = 20_000
    for number in range(count):
        beside.process.tell_of(Notice(float(number), "storage", "x" * 100))
        if number % 100 == 0:
            await asyncio.sleep(0)
    assert len(beside.process._waiting) == NOTICES_WAITING_MAX
    assert beside.process._pipe.waiting < 2 * 64 * 1024
    beside.node._pipe.resume()
    await until(lambda: bool(told) and told[-1].at == count - 1)
    assert len(told) < count / 2
    assert [one.at for one in told] == sorted(one.at for one in told)


async def test_pictures_cost_their_share_at_most(beside, monkeypatch):
    pictures = []
    beside.node.on_picture = lambda: pictures.append(beside.node.snapshot())
    spent = iter((0.0, 0.005))
    monkeypatch.setattr("tui.own_screen.screen_process.time.thread_time", lambda: next(spent, 1.0))
    now = asyncio.get_running_loop().time()
    beside.node.snapshot()
    beside.node.snapshot()
    await until(lambda: len(pictures) == 1)
    assert beside.process._free_at - now >= 0.005 / PICTURE_SHARE
