"""`post`: an activity, or one for each line of standard input, and what became of each."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any, ClassVar, Final

import msgspec

from core.client import ClientEvent, PostAccepted, PostRefused, PostUnknown
from core.wire import CLIENT_LINE_BYTES_MAX
from tui.feed.activities import note, raw_activity
from tui.script.exit_status import CommandFailed, ExitStatus
from tui.script.script_client import ConnectClient, ScriptClient
from tui.script.streams import Streams
from tui.text.safe_text import neutralise

ENVELOPE_BYTES: Final = 2 * 1024
"""What the rest of the line may take: command, user name, secret, reference."""

WAITING_MAX: Final = 64
"""Activities whose fate is not known yet. Reading goes on when one of them has been answered."""


def encode(text: str, *, as_json: bool) -> bytes:
    """The activity that goes out, on one line, numbers and nesting as they were written.

    Raises ValueError with a sentence for a person.
    """
    try:
        body = text.encode()
    except UnicodeEncodeError:
        raise ValueError("what is posted must be text in UTF-8") from None
    if as_json:
        raw_activity(text)
        body = msgspec.json.format(body, indent=-1)
    elif not text.strip():
        raise ValueError("an empty note says nothing")
    else:
        body = msgspec.json.encode(note(text))
    most = CLIENT_LINE_BYTES_MAX - ENVELOPE_BYTES
    if len(body) > most:
        raise ValueError(f"an activity has at most {most:,} bytes, this one has {len(body):,}")
    return body


def _encode_line(line: bytes, *, as_json: bool) -> bytes:
    if len(line) > CLIENT_LINE_BYTES_MAX:
        raise ValueError(f"a line of more than {CLIENT_LINE_BYTES_MAX:,} bytes is no activity")
    try:
        text = line.decode()
    except UnicodeDecodeError:
        raise ValueError("what is posted must be text in UTF-8") from None
    return encode(text, as_json=as_json)


class PostCommand:
    """Posts one activity, or what is read line by line."""

    history: ClassVar[int] = 0
    stays: ClassVar[bool] = True

    def __init__(self, single: bytes | None, as_json: bool, seconds: float) -> None:
        self.single = single
        """What to post, encoded; None: each line of standard input."""
        self.as_json = as_json
        """Whether lines are JSON objects, and not texts."""
        self.seconds = seconds
        """How long an answer may take."""
        self._fates: dict[str, asyncio.Future[str]] = {}
        self._counts = {"accepted": 0, "refused": 0, "unknown": 0}

    async def run(self, connect: ConnectClient, streams: Streams) -> ExitStatus:
        """Post, and tell each fate on a line. Raises CommandFailed, OutputClosed."""
        async with connect(self._heard) as client:
            await client.wait_logged_in(self.seconds)
            if self.single is not None:
                await self._tell(streams, await self._fate(client, *await self._post(client, self.single)))
            else:
                await self._post_lines(client, streams)
        if sum(self._counts.values()) > 1:
            streams.say(", ".join(f"{count} {fate}" for fate, count in self._counts.items()))
        if self._counts["unknown"]:
            raise CommandFailed(ExitStatus.FAILURE, "whether everything was accepted is not known")
        return ExitStatus.REFUSED if self._counts["refused"] else ExitStatus.DONE

    def _heard(self, event: ClientEvent) -> None:
        match event:
            case PostAccepted(ref=ref, id=identity):
                self._settle(ref, f"accepted {identity or ''}".rstrip())
            case PostRefused(ref=ref, info=info):
                self._settle(ref, f"refused {neutralise(info)}")
            case PostUnknown(ref=ref):
                self._settle(ref, "unknown the connection was lost before an answer came")

    def _settle(self, ref: str, fate: str) -> None:
        future = self._fates.get(ref)
        if future is not None and not future.done():
            future.set_result(fate)

    async def _post_lines(self, client: ScriptClient, streams: Streams) -> None:
        """Post as lines come; their fates are told in the order of the lines. Either of the two ends the other."""
        waiting: asyncio.Queue[asyncio.Task[str] | str | None] = asyncio.Queue(WAITING_MAX)
        reading = asyncio.create_task(self._read(client, streams, waiting))
        telling = asyncio.create_task(self._tell_all(streams, waiting))
        try:
            await asyncio.wait((reading, telling), return_when=asyncio.FIRST_EXCEPTION)
            for task in (telling, reading):
                if task.done():
                    task.result()
        finally:
            for task in (reading, telling):
                task.cancel()
            await asyncio.gather(reading, telling, return_exceptions=True)

    async def _read(
        self, client: ScriptClient, streams: Streams, waiting: asyncio.Queue[asyncio.Task[str] | str | None]
    ) -> None:
        async with contextlib.aclosing(streams.lines(CLIENT_LINE_BYTES_MAX)) as lines:
            async for line in lines:
                if not line.strip():
                    continue
                try:
                    body = _encode_line(line, as_json=self.as_json)
                except ValueError as error:
                    await waiting.put(f"refused {error}")
                else:
                    posted = await self._post(client, body)
                    await waiting.put(asyncio.create_task(self._fate(client, *posted)))
        await waiting.put(None)

    async def _tell_all(self, streams: Streams, waiting: asyncio.Queue[asyncio.Task[str] | str | None]) -> None:
        while (fate := await waiting.get()) is not None:
            await self._tell(streams, fate if isinstance(fate, str) else await fate)

    async def _tell(self, streams: Streams, fate: str) -> None:
        self._counts[fate.partition(" ")[0]] += 1
        await streams.put(fate)

    async def _post(self, client: ScriptClient, body: bytes) -> tuple[str, asyncio.Future[str]]:
        ref = await client.post(body)
        self._fates[ref] = asyncio.get_running_loop().create_future()
        return ref, self._fates[ref]

    async def _fate(self, client: ScriptClient, ref: str, future: asyncio.Future[str]) -> str:
        """What became of an activity: it is sent again after a broken connection, and accepted once."""
        over = asyncio.ensure_future(client.over.wait())
        try:
            waits: list[asyncio.Future[Any]] = [future, over]
            await asyncio.wait(waits, timeout=self.seconds, return_when=asyncio.FIRST_COMPLETED)
            if future.done():
                return future.result()
            if client.failure is not None:
                return f"unknown {neutralise(str(client.failure))}"
            return f"unknown no answer within {self.seconds:g} seconds"
        finally:
            over.cancel()
            del self._fates[ref]
