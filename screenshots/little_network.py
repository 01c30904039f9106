"""The little network that the pictures are taken on: six servers on loopback addresses, each with people of its own."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from core.answers import AnswerKind, answer_body, read_reference
from core.client import Client, ClientSettings, LoggedIn, NetworkTrust, PostAccepted
from core.engine import EngineSettings, Server
from core.engine.engine_settings import PasswordSettings
from screenshots.states import Moment
from tui.feed.activities import note

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


class Said(NamedTuple):
    """An answer to the first activity in which some words stand."""

    kind: AnswerKind
    about: str
    words: str = ""


Words = str | Mapping[str, Any] | Said
TALK: tuple[tuple[str, Words], ...] = (
    ("noor", "Good morning! Is anybody else seeing the new build?"),
    ("quinn", "yes, rolling it out on darwin right now #release"),
    ("pia", {"type": "Like", "object": {"type": "Note", "name": "Release notes 1.4"}}),
    ("samir", "I will take faraday down for the disk swap, you should not notice a thing #ops"),
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
    ("pia", Said("reply", "the new build", "on curie it is fine, since nine o'clock")),
    ("noor", Said("reply", "on curie it is fine", "then I wait for it here")),
    ("samir", "faraday is back with the new disk: 4 minutes #ops"),
    ("oskar", Said("reaction", "4 minutes")),
    ("quinn", Said("reaction", "4 minutes", "\N{PARTY POPPER}")),
    ("rosa", Said("reply", "4 minutes", "nobody noticed, as you said")),
    ("mia", "that is what I call quick"),
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
        self._references: dict[str, str] = {}
        """What others call what was said by, by the ref under which it was sent."""
        self._said: list[tuple[str, str]] = []
        """The words of each activity, and its ref."""

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
            elif isinstance(event, PostAccepted) and event.reference is not None:
                self._references[event.ref] = event.reference

        settings = ClientSettings(username=name, secret="pw", register=True)
        others = [self.servers[server].advertised, self.servers["ada"].advertised]
        self._clients[name] = client = Client(settings, others, heard, trust=self._trust)
        self._tasks.append(asyncio.create_task(client.run()))
        async with asyncio.timeout(LIMIT):
            await logged_in.wait()

    def _reachable(self, name: str) -> list[str]:
        return [one.name for one in self.servers[name].snapshot().servers if one.state in ("here", "reachable")]

    async def come_to(self, moment: Moment) -> None:
        """Let happen what leads to a moment from the one before it."""
        if moment == "talking":
            for name, what in TALK:
                await self._says(name, what)
        elif moment == "after":
            await self._lose_one_and_let_one_leave()
            for name, words in AFTER:
                await self._says(name, words)

    async def _says(self, name: str, what: Words) -> None:
        if isinstance(what, Said):
            about = next(ref for words, ref in self._said if what.about in words)
            named = read_reference(self._references[about])
            assert named is not None
            words, body = what.words, answer_body(what.kind, named, content=what.words)
        else:
            words, body = str(what), note(what) if isinstance(what, str) else dict(what)
        ref = self._clients[name].post(body)
        self._said.append((words, ref))
        await until(lambda: ref in self._references, f"a server to take what {name} says")
        await asyncio.sleep(0.35)

    async def _lose_one_and_let_one_leave(self) -> None:
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
