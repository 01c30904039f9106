"""`status`: what a server knows of its network, as a table or as JSON."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import Coroutine, Iterable, Iterator
from typing import Any, ClassVar, Final, TypeVar

import msgspec

from core.client import ClientEvent, LoggedIn, NotConnected, QueuesRefused
from core.node import NodeSnapshot
from tui.script.exit_status import CommandFailed, ExitStatus
from tui.script.screenfuls import Screenfuls
from tui.script.script_client import ConnectClient, ScriptClient, first_of
from tui.script.status_table import queue_table, table
from tui.script.streams import Streams
from tui.text.safe_text import neutralise

T = TypeVar("T")

PICTURE_AGE: Final = 0.25
"""Seconds after which a server answers with another picture than before."""


class StatusCommand:
    """Asks the server that was named, and no other, for its view of the network; watching, whichever one is left."""

    history: ClassVar[int] = 0

    def __init__(
        self, as_json: bool, seconds: float, network_secret: str | None = None, every: float | None = None
    ) -> None:
        self.as_json = as_json
        self.seconds = seconds
        """How long the login may take, and then the answer."""
        self.network_secret = network_secret
        """With it, what waits where in the server is asked for as well."""
        self.every = every
        """After how many seconds it asks again; None: it asks once."""
        self._user = ""

    @property
    def stays(self) -> bool:
        return self.every is not None

    async def picture(self, connect: ConnectClient) -> NodeSnapshot:
        """What the server knows, for other commands. Raises CommandFailed."""
        async with connect(self._heard) as client:
            await client.wait_logged_in(self.seconds)
            return _snapshot(await self._ask(client))

    async def run(self, connect: ConnectClient, streams: Streams) -> ExitStatus:
        """Write the status. Raises CommandFailed, OutputClosed."""
        async with connect(self._heard) as client:
            await client.wait_logged_in(self.seconds)
            if self.every is None:
                for line in self._lines(await self._answer_without_us(client)):
                    await streams.put(line)
            else:
                await self._watch(client, streams, self.every)
        return ExitStatus.DONE

    async def _watch(self, client: ScriptClient, streams: Streams, every: float) -> None:
        """Write the status again and again; while no server answers, the last one stands there, and since when."""
        screenfuls, lines, unanswered = Screenfuls(streams), [""], ""
        while not streams.stopped.is_set():
            try:
                lines, unanswered = list(self._lines(await self._answer_without_us(client))), ""
            except CommandFailed as error:
                if client.over.is_set():
                    raise
                unanswered = unanswered or f"as it was at {_now()}; since then: {neutralise(str(error), 400)}"
            if self.as_json:
                for line in lines if not unanswered else ():
                    await streams.put(line)
            else:
                head = f"{unanswered or _now()}, every {every:g} s"
                await screenfuls.show([head, "", *lines])
            await first_of(streams.stopped, client.over, seconds=every)

    async def _answer_without_us(self, client: ScriptClient) -> dict[str, Any]:
        answer = await self._ask(client)
        if "counts_you" not in answer:
            # It may be the picture of a moment ago, in which somebody is who has asked just before, and has left.
            await asyncio.sleep(PICTURE_AGE)
            with contextlib.suppress(CommandFailed):
                answer = await self._ask(client)
        queues = await self._ask_queues(client, self.network_secret) if self.network_secret is not None else None
        return without_asker(answer, self._user) | ({} if queues is None else {"queues": queues})

    def _lines(self, answer: dict[str, Any]) -> Iterator[str]:
        if self.as_json:
            # Escaped to ASCII: names come from strangers.
            yield json.dumps(answer, ensure_ascii=True)
        else:
            yield from table(_snapshot(answer))
            if "queues" in answer:
                yield from queue_table(answer["queues"])

    def _heard(self, event: ClientEvent) -> None:
        if isinstance(event, LoggedIn):
            self._user = event.username

    async def _ask_queues(self, client: ScriptClient, secret: str) -> dict[str, int]:
        try:
            return await self._answer(client, client.client.request_queues(secret))
        except TimeoutError:
            raise CommandFailed(
                ExitStatus.FAILURE,
                f"{client.server} did not tell its queues within {self.seconds:g} seconds; it may be of an earlier"
                " version, which does not know them",
            ) from None
        except QueuesRefused as error:
            raise CommandFailed(
                ExitStatus.REFUSED,
                f"{client.server} does not tell its queues: {error}",
                hint="--secret-file names a file with the network's secret, --data-dir the server's data directory.",
            ) from None

    async def _ask(self, client: ScriptClient) -> dict[str, Any]:
        try:
            return await self._answer(client, client.client.request_status())
        except TimeoutError:
            raise client.unreachable(f"it did not tell its status within {self.seconds:g} seconds") from None

    async def _answer(self, client: ScriptClient, asked: Coroutine[Any, Any, T]) -> T:
        """What was asked for. Raises TimeoutError, CommandFailed."""
        try:
            return await asyncio.wait_for(asked, self.seconds)
        except NotConnected as error:
            if client.failure is not None:
                raise client.failure from None
            if not client.client.online:
                raise client.unreachable(str(error)) from None
            raise CommandFailed(
                ExitStatus.FAILURE, f"{client.server} speaks only the base protocol, which has no status"
            ) from None


def _now() -> str:
    return time.strftime("%H:%M:%S")


def without_asker(answer: dict[str, Any], user: str) -> dict[str, Any]:
    """The status without the client that asked for it, which is gone in a moment.

    It is in the load where the server says so. Its name goes where no other client has it.
    """
    found = dict(answer)
    if found.pop("counts_you", False) is not True:
        return found
    try:
        here, *others = found["servers"]
        names, load = list(here["users"]), int(here["load"])
        # With as many names as clients, each client has its own.
        alone = len(names) == load
        users = [name for name in names if not (alone and name == user)]
        found["load"] = load - 1
        found["servers"] = [here | {"load": load - 1, "users": users}, *others]
        found["users"] = list(_elsewhere(found["users"], user, here["id"]) if alone else found["users"])
        found["users_total"] -= len(answer["users"]) - len(found["users"])
    except (KeyError, TypeError, ValueError):
        # Another version's, whatever it means.
        return answer
    return found


def _elsewhere(users: Iterable[dict[str, Any]], user: str, server: str) -> Iterator[dict[str, Any]]:
    """Users as they are without one of them at a server. Of the anonymous nothing stays who are nowhere else."""
    for one in users:
        if one["name"] == user:
            servers = [each for each in one["servers"] if each != server]
            if not servers and one["registered_at"] is None:
                continue
            one = one | {"servers": servers}
        yield one


def _snapshot(answer: dict[str, Any]) -> NodeSnapshot:
    try:
        return msgspec.convert(answer, NodeSnapshot, strict=False)
    except msgspec.ValidationError as error:
        raise CommandFailed(
            ExitStatus.FAILURE,
            f"the server told its status in a way that this version does not understand: {error}",
            hint="--json shows it as it came.",
        ) from None
