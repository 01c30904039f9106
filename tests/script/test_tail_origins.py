"""`tail --origin` names the server that has accepted an activity, also where its client is just being sent on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

from core.client import ActivityArrived, CatchUpDone, LoggedIn, NotConnected, Redirected
from core.wire import Address
from core.wire.server_keys import certified_id
from tui.script.exit_status import CommandFailed
from tui.script.script_client import OnEvent
from tui.script.tail_command import Backlog, TailCommand

OLD, NEW = certified_id(b"o" * 32), certified_id(b"n" * 32)
ADDRESS: Final = Address("127.0.0.1", 3780)
BODY: Final = b'{"type":"Note","content":"hello"}'


def server(identity: str, name: str) -> dict[str, Any]:
    where = {"hostname": "127.0.0.1", "port": 3780, "load": 0, "state": "reachable"}
    return {"id": identity, "name": name, **where}


class Written:
    """Streams whose lines are kept."""

    def __init__(self) -> None:
        self.out: list[str] = []
        self.stopped = asyncio.Event()

    screen = None

    async def put(self, line: str) -> None:
        self.out.append(line)

    def say(self, sentence: str) -> None:
        raise AssertionError(sentence)

    def lines(self, longest: int) -> AsyncGenerator[bytes, None]:
        raise AssertionError("nothing is read")


class Sent:
    """A client whose first server sends it on; the next one answers, and later knows one server more."""

    def __init__(self, on_event: OnEvent) -> None:
        self.client = self
        self.over = asyncio.Event()
        self.failure: CommandFailed | None = None
        self.asked = 0
        self._on_event = on_event

    async def wait_logged_in(self, seconds: float) -> None:
        self._on_event(LoggedIn("anonymous", ADDRESS))
        self._on_event(ActivityArrived(f"{OLD}.1.1", BODY, "ann", 0, live=True))
        self._on_event(CatchUpDone(0))

    async def request_status(self) -> dict[str, object]:
        self.asked += 1
        if self.asked == 1:
            self._on_event(Redirected(ADDRESS))
            asyncio.get_running_loop().call_soon(self._on_event, LoggedIn("anonymous", ADDRESS))
            raise NotConnected("it is being sent on")
        return {"servers": [server(OLD, "lund")]}


async def told_by(client_of: Any) -> list[str]:
    streams = Written()

    @asynccontextmanager
    async def connect(on_event: OnEvent) -> AsyncIterator[Any]:
        yield client_of(on_event)

    command = TailCommand(Backlog(0), as_json=False, follow=False, origins=True)
    await asyncio.wait_for(command.run(connect, streams), 20.0)
    return streams.out


async def test_a_client_that_is_sent_on_asks_the_next_server_which_servers_there_are() -> None:
    (line,) = await told_by(Sent)
    assert line.endswith(f"ann: hello  [at lund ({OLD}), signed by it]")


async def test_a_server_that_nobody_knows_is_not_asked_for_again_with_each_activity() -> None:
    clients: list[Sent] = []

    class Knowing(Sent):
        async def wait_logged_in(self, seconds: float) -> None:
            clients.append(self)
            for number in range(1, 50):
                self._on_event(ActivityArrived(f"{NEW}.1.{number}", BODY, "ann", 0, live=True))
            await super().wait_logged_in(seconds)

    lines = await told_by(Knowing)
    assert clients[0].asked == 2
    assert all(line.endswith(f"[at {NEW}, which is not here now, signed by it]") for line in lines[:49])


async def test_where_no_server_tells_which_servers_there_are_nobody_is_said_not_to_be_there() -> None:
    class Silent(Sent):
        async def request_status(self) -> dict[str, object]:
            raise TimeoutError

    (line,) = await told_by(Silent)
    assert line.endswith(f"[at {OLD}, signed by it]")
