"""People with native clients: they post, read, come back by themselves, and remember everything that they were told."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections import Counter
from collections.abc import Iterable, Sequence
from types import TracebackType
from typing import Any, Self

from core.client import (
    ActivityArrived,
    Client,
    ClientEvent,
    ClientSettings,
    NetworkTrust,
    PostAccepted,
    PostRefused,
    PostUnknown,
    Unreachable,
    ask,
)
from core.wire.address import Address
from core.wire.names import ANONYMOUS
from tests.base_peers.lines import wait_until
from tests.processes.harness import REPOSITORY, NodeProcess


class Person:
    """A native client in the test's own process. It goes where its server sends it, and resumes after every loss."""

    def __init__(
        self,
        nodes: Sequence[NodeProcess | tuple[str, int]],
        username: str = ANONYMOUS,
        secret: str | None = None,
        *,
        register: bool = False,
        history: int = 0,
    ) -> None:
        settings = ClientSettings(
            username,
            secret,
            register=register,
            history=history,
            retry_min=0.1,
            retry_max=1.0,
            discover_after=0.5,
            ping_interval=2.0,
            ping_misses=2,
        )
        addresses = [Address(*(node.address if isinstance(node, NodeProcess) else node)) for node in nodes]
        self.events: list[ClientEvent] = []
        self.arrived: list[Any] = []
        """The activities' field `text`, in order of arrival."""
        self.accepted: list[str] = []
        """What was posted and acknowledged."""
        self.unknown: list[str] = []
        """What was posted and may have been accepted."""
        self.refused: list[str] = []
        self._nodes = [node for node in nodes if isinstance(node, NodeProcess) and node.sources == REPOSITORY]
        """Those that encrypt."""
        self._trust = NetworkTrust("") if self._nodes else None
        self.client = Client(settings, addresses, self._note, trust=self._trust)
        self._task: asyncio.Task[str] | None = None

    def _note(self, event: ClientEvent) -> None:
        self.events.append(event)
        match event:
            case ActivityArrived(body=body):
                self.arrived.append(json.loads(body).get("text"))
            case PostAccepted(ref=ref):
                self.accepted.append(ref)
            case PostUnknown(ref=ref):
                self.unknown.append(ref)
            case PostRefused(ref=ref):
                self.refused.append(ref)
            case _:
                pass

    async def _learn_network(self) -> None:
        """Know the network as one of its servers shows it."""
        assert self._trust is not None
        for node in self._nodes:
            with contextlib.suppress(Unreachable):
                self._trust.fingerprint = (await ask(Address(*node.address), 5.0)).fingerprint
                return

    async def __aenter__(self) -> Self:
        if self._trust is not None:
            await self._learn_network()
        self._task = asyncio.create_task(self.client.run())
        try:
            await asyncio.wait_for(self.client.wait_logged_in(), 20)
        except BaseException:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._task is not None
        await self.client.close()
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    def post(self, text: str) -> None:
        """Post; the text is also the activity's name in what the server answers, so each may be used once."""
        self.client.post({"type": "Note", "text": text}, ref=text)

    async def post_accepted(self, texts: Iterable[str], limit: float = 20.0) -> None:
        """Post one after the other, each after the one before was acknowledged."""
        for text in texts:
            self.post(text)
            await wait_until(lambda text=text: text in self.accepted, limit, f"{text} is accepted")  # type: ignore[misc]

    async def answered(self, limit: float = 30.0) -> None:
        """Wait until it is known what became of everything that was posted."""
        await wait_until(lambda: not self.client.unanswered, limit, "every post is answered")

    async def has(self, texts: Iterable[str], limit: float = 30.0) -> None:
        """Wait until all of these have arrived."""
        wanted = set(texts)
        loop = asyncio.get_running_loop()
        deadline = loop.time() + limit
        while not wanted <= set(self.arrived):
            if loop.time() > deadline:
                missing = sorted(wanted - set(self.arrived))
                raise AssertionError(f"{len(missing)} of {len(wanted)} did not arrive within {limit} s: {missing[:10]}")
            await asyncio.sleep(0.02)

    def nothing_twice(self) -> None:
        """Nothing has arrived more than once."""
        twice = [text for text, count in Counter(self.arrived).items() if count > 1]
        assert not twice, f"arrived more than once: {twice[:10]}"

    def in_order(self, prefix: str) -> None:
        """What arrived from one sender, whose texts are a prefix and a rising number, came in the order of posting."""
        numbers = [int(text.removeprefix(prefix)) for text in self.arrived if str(text).startswith(prefix)]
        assert numbers == sorted(numbers), f"{prefix} came in another order: {numbers}"
