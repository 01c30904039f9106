"""`status`: what a server knows of its network, as a table or as JSON."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from typing import Any, ClassVar

import msgspec

from core.client import ClientEvent, NotConnected
from core.node import NodeSnapshot
from tui.script.exit_status import CommandFailed, ExitStatus
from tui.script.script_client import Connect, ScriptClient
from tui.script.status_table import table
from tui.script.streams import Streams


@dataclass
class StatusCommand:
    """Asks the server that was named, and no other, for its view of the network."""

    as_json: bool
    seconds: float
    """How long the login may take, and then the answer."""
    history: ClassVar[int] = 0
    stays: ClassVar[bool] = False

    async def run(self, connect: Connect, streams: Streams) -> ExitStatus:
        """Write the status. Raises CommandFailed, OutputClosed."""
        async with connect(_ignore) as client:
            await client.wait_logged_in(self.seconds)
            answer = await self._ask(client)
        if self.as_json:
            # Escaped to ASCII: names come from strangers.
            await streams.put(json.dumps(answer, ensure_ascii=True))
        else:
            for line in table(_snapshot(answer)):
                await streams.put(line)
        return ExitStatus.DONE

    async def _ask(self, client: ScriptClient) -> dict[str, Any]:
        try:
            return await asyncio.wait_for(client.client.request_status(), self.seconds)
        except NotConnected as error:
            if client.failure is not None:
                raise client.failure from None
            if not client.client.online:
                raise client.unreachable(str(error)) from None
            raise CommandFailed(
                ExitStatus.FAILURE, f"{client.server} speaks only the base protocol, which has no status"
            ) from None
        except TimeoutError:
            raise client.unreachable(f"it did not tell its status within {self.seconds:g} seconds") from None


def _ignore(event: ClientEvent) -> None:
    """Nothing else concerns this command."""


def _snapshot(answer: dict[str, Any]) -> NodeSnapshot:
    try:
        return msgspec.convert(answer, NodeSnapshot, strict=False)
    except msgspec.ValidationError as error:
        raise CommandFailed(
            ExitStatus.FAILURE,
            f"the server told its status in a way that this version does not understand: {error}",
            hint="--json shows it as it came.",
        ) from None
