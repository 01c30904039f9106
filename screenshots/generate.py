"""Makes the pictures in `screenshots/` from the real application on a real little network.

Six servers on loopback addresses, each with people of its own; one of them leaves and one dies before the pictures are
taken. Wall-clock time is shifted to a fixed moment, so the pictures differ only where the network's own timing does.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Mapping
from datetime import UTC
from pathlib import Path
from typing import Any

from textual.pilot import Pilot

from core.client import Client, ClientSettings, LoggedIn, NetworkTrust
from core.engine import EngineSettings, Server
from core.engine.engine_settings import PasswordSettings
from screenshots import over_ssh
from tui.application.app import ActivityApp
from tui.feed.activities import note
from tui.look.preferences import Preferences
from tui.model.client_model import ClientModel
from tui.model.network_client import client_factory
from tui.model.network_faces import SignIn

PICTURES = Path(__file__).resolve().parent
MOMENT = 1_795_341_840.0
"""22 November 2026, 10:04:00 UTC."""
NETWORK_SECRET = "a long secret of the network"
LIMIT = 20.0

TREE = {"ada": "", "byron": "ada", "curie": "ada", "darwin": "byron", "edison": "byron", "faraday": "curie"}
"""Each server, and the one that it joins."""
PEOPLE = {
    "mia": "ada",
    "noor": "byron",
    "oskar": "byron",
    "pia": "curie",
    "quinn": "darwin",
    "rosa": "edison",
    "samir": "faraday",
}
TALK: tuple[tuple[str, str | Mapping[str, Any]], ...] = (
    ("noor", "Good morning! Is anybody else seeing the new build?"),
    ("quinn", "yes, rolling it out on darwin right now"),
    ("pia", {"type": "Like", "object": {"type": "Note", "name": "Release notes 1.4"}}),
    ("samir", "I will take faraday down for the disk swap, you should not notice a thing"),
    (
        "rosa",
        {
            "type": "Add",
            "object": {"type": "Image", "name": "Harbour at night"},
            "target": {"type": "Collection", "name": "Holidays"},
        },
    ),
    ("oskar", "round trips between byron and ada are below a millisecond, a spare link stands by"),
    (
        "mia",
        {
            "type": "Invite",
            "object": {"type": "Person", "name": "Zoe"},
            "target": {"type": "Event", "name": "Planning on Monday"},
        },
    ),
    ("quinn", {"sensor": "roof", "celsius": 7.50, "at": [47.3769, 8.5417], "serial": 123456789012345678901}),
    ("noor", "@zoe welcome back! Everything you missed is above the line."),
    ("pia", {"type": "Question", "name": "Lunch at twelve?"}),
    ("rosa", {"type": "Accept", "object": {"type": "Event", "name": "Planning on Monday"}}),
)
AFTER = (
    ("oskar", "that went smoothly: curie's people are here already"),
    ("quinn", "and darwin found its way back by itself, nothing lost"),
    ("mia", "then I am off to get coffee"),
)


def shift_time() -> None:
    """Let the wall clock begin at `MOMENT`. Timeouts use the monotonic clock and notice nothing."""
    begun = time.monotonic()
    time.time = lambda: MOMENT + time.monotonic() - begun


async def until(condition: Callable[[], bool], what: str) -> None:
    """Wait until `condition` holds. Raises TimeoutError."""
    try:
        async with asyncio.timeout(LIMIT):
            while not condition():  # noqa: ASYNC110 - there is no event for a picture of the network
                await asyncio.sleep(0.02)
    except TimeoutError:
        raise TimeoutError(f"waited {LIMIT:g} s in vain: {what}") from None


class Network:
    """The servers and the people on them."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self.servers: dict[str, Server] = {}
        self._clients: dict[str, Client] = {}
        self._tasks: list[asyncio.Task[str]] = []
        self._trust: NetworkTrust | None = None

    async def start(self) -> None:
        for place, (name, parent) in enumerate(TREE.items()):
            await self.start_server(name, f"127.0.0.{place + 1}", parent)
        await until(lambda: len(self._reachable("ada")) == len(TREE), "all servers to know each other")
        self._trust = NetworkTrust(self.servers["ada"].snapshot().network)
        for name, server in PEOPLE.items():
            await self.start_person(name, server)

    async def start_server(self, name: str, host: str, parent: str) -> None:
        settings = EngineSettings(
            data_dir=self._directory / name,
            host=host,
            name=name,
            secret=NETWORK_SECRET,
            join=self.servers[parent].advertised if parent else None,
            preset="local",
            node={"announce_interval": 0.5, "redirects": False},
            backup_interval=0,
            passwords=PasswordSettings(memory_kib=64, passes=1),
        )
        self.servers[name] = server = Server(settings)
        await server.start()

    async def start_person(self, name: str, server: str) -> None:
        logged_in = asyncio.Event()

        def heard(event: object) -> None:
            if isinstance(event, LoggedIn):
                logged_in.set()

        settings = ClientSettings(username=name, secret="pw", register=True)
        others = [self.servers[server].advertised, self.servers["ada"].advertised]
        self._clients[name] = client = Client(settings, others, heard, trust=self._trust)
        self._tasks.append(asyncio.create_task(client.run()))
        async with asyncio.timeout(LIMIT):
            await logged_in.wait()

    def _reachable(self, name: str) -> list[str]:
        return [one.name for one in self.servers[name].snapshot().servers if one.state in ("here", "reachable")]

    async def says(self, name: str, what: str | Mapping[str, Any]) -> None:
        self._clients[name].post(note(what) if isinstance(what, str) else dict(what))
        await asyncio.sleep(0.35)

    async def lose_one_and_let_one_leave(self) -> None:
        self.servers["curie"].request_drain("the operator quits")
        await self.servers.pop("curie").wait_closed()
        await until(lambda: len(self._reachable("ada")) == len(TREE) - 1, "the network to close after a leave")
        await self.servers.pop("edison").abort()
        await until(lambda: len(self._reachable("ada")) == len(TREE) - 2, "the network to close after a loss")

    async def stop(self) -> None:
        for client in self._clients.values():
            with contextlib.suppress(Exception):
                await client.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for server in self.servers.values():
            await server.abort()


@contextlib.asynccontextmanager
async def application(
    server: Server, size: tuple[int, int], *, theme: str = "textual-dark", first: SignIn | None
) -> AsyncIterator[tuple[ActivityApp, Pilot[Any]]]:
    """The application on a node of the network, on a screen of this size."""
    session = ClientModel(client_factory((), home=server.connect_local), node=server)
    for notice in server.notices:
        session.noticed(notice)
    unsubscribe = server.subscribe(session.noticed)

    async def leave() -> int:
        await asyncio.Event().wait()
        return 0

    app = ActivityApp(session, first=first, leave=leave, preferences=Preferences(theme=theme, zone=UTC))
    app.animation_level = "none"
    try:
        async with app.run_test(size=size) as pilot:
            if first is not None:
                await until(lambda: session.online, "the person to be logged in")
                app.main.composer.cursor_blink = False
            await pilot.pause(0.3)
            app.refresh_now()
            await pilot.pause()
            yield app, pilot
    finally:
        unsubscribe()
        await session.stop()


def keep(app: ActivityApp, name: str) -> None:
    PICTURES.mkdir(exist_ok=True)
    (PICTURES / f"{name}.svg").write_text(app.export_screenshot(title="activity-tui"), encoding="utf-8")
    sys.stdout.write(f"screenshots/{name}.svg\n")


ZOE = SignIn("register", "zoe", "pw")
ZOE_AGAIN = SignIn("login", "zoe", "pw")


async def take(network: Network) -> None:
    ada = network.servers["ada"]
    async with application(ada, (80, 24), first=None) as (app, pilot):
        await pilot.press(*"zoe")
        keep(app, "welcome")
    for name, what in TALK[:8]:
        await network.says(name, what)
    async with application(ada, (120, 40), first=ZOE) as (app, pilot):
        for name, what in TALK[8:]:
            await network.says(name, what)
        await pilot.press(*"thanks! /json and a plain line both work here", "enter")
        await network.lose_one_and_let_one_leave()
        for name, words in AFTER:
            await network.says(name, words)
        await until(lambda: not app.model.feed.pending(), "the line to come back")
        app.refresh_now()
        await pilot.pause(0.3)
        keep(app, "overview")
        await pilot.press("escape", "t")
        await pilot.press("i")
        await pilot.pause(0.3)
        keep(app, "overview-light")
    async with application(ada, (200, 50), first=ZOE_AGAIN) as (app, pilot):
        keep(app, "large")
    async with application(ada, (80, 24), first=ZOE_AGAIN) as (app, pilot):
        keep(app, "feed")
        for key, name in (("f3", "connections"), ("f4", "users"), ("f5", "events"), ("f6", "network")):
            await pilot.press(key)
            await pilot.pause(0.2)
            keep(app, name)
        await pilot.press("f2", "f7", *"from:quinn darwin")
        await app.workers.wait_for_complete()
        await pilot.pause(0.2)
        keep(app, "filter")
        await pilot.press("escape", "f7", *"celsius", "enter")
        await app.workers.wait_for_complete()
        await pilot.press("enter")
        await pilot.pause(0.2)
        keep(app, "inspector")
        await pilot.press("escape", "escape", "f1")
        await pilot.pause(0.2)
        keep(app, "help")
        await pilot.press("escape", "ctrl+q")
        await pilot.pause(0.2)
        keep(app, "quit")


async def main() -> None:
    with tempfile.TemporaryDirectory() as directory:
        network = Network(Path(directory))
        try:
            await network.start()
            await take(network)
            await over_ssh.take(network.servers["ada"], "zoe", Path(directory))
        finally:
            await network.stop()


if __name__ == "__main__":
    shift_time()
    asyncio.run(main())
