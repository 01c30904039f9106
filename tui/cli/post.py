"""`post`: an activity, or one for each line of standard input, and what became of each."""

from __future__ import annotations

import argparse
import asyncio
import concurrent.futures
import os
import ssl
import sys
import threading
from collections.abc import AsyncIterator
from typing import Any, Final

import msgspec

from core.client import ClientEvent, ClientSettings, PostAccepted, PostRefused, PostUnknown
from core.wire import CLIENT_LINE_BYTES_MAX, Address, LineSplitter, LineTooLong
from tui.cli.clients import Session, session
from tui.cli.console import put, say
from tui.cli.encryption import client_context, client_tls
from tui.cli.inputs import address_of, choices_of, credentials, seconds_of
from tui.cli.loop import run_until_interrupted
from tui.feed.activities import note, raw_activity
from tui.script.exit_status import CommandFailed, ExitStatus, usage_error
from tui.text.safe_text import neutralise

ENVELOPE_BYTES: Final = 2 * 1024
"""What the rest of the line may take: command, user name, secret, reference."""

WAITING_MAX: Final = 64
"""Activities whose fate is not known yet. Reading goes on when one of them has been answered."""


def run(arguments: argparse.Namespace) -> int:
    if arguments.text is None and arguments.json is None:
        raise usage_error("give what to post: a TEXT, --json OBJECT, or - for one a line from standard input")
    from_stdin = "-" in (arguments.text, arguments.json)
    if arguments.text not in (None, "-") and arguments.json is not None:
        raise usage_error("give a TEXT or --json OBJECT, not both")
    as_json = arguments.json is not None
    address, seconds = address_of(arguments), seconds_of(arguments)
    single = None
    if not from_stdin:
        try:
            single = encode(arguments.json if as_json else arguments.text, as_json=as_json)
        except ValueError as error:
            raise usage_error(str(error)) from None
    choices = choices_of(arguments)
    who = credentials(choices, address)
    tls = client_context(client_tls(choices))
    settings = ClientSettings(username=who.user, secret=who.secret)
    posting = _Posting(seconds, who.hint)
    return run_until_interrupted(lambda: posting.run(settings, address, tls, single, as_json=as_json))


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


class _Posting:
    """Activities under way, by the reference under which they were posted."""

    def __init__(self, seconds: float, hint: str) -> None:
        self._seconds = seconds
        self._hint = hint
        self._fates: dict[str, asyncio.Future[str]] = {}
        self._refused = 0
        self._unknown = 0
        self._accepted = 0

    def _on_event(self, event: ClientEvent) -> None:
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

    async def run(
        self,
        settings: ClientSettings,
        address: Address,
        tls: ssl.SSLContext | None,
        single: bytes | None,
        *,
        as_json: bool,
    ) -> int:
        async with session(settings, address, self._on_event, tls, hint=self._hint) as client:
            await client.wait_logged_in(self._seconds)
            if single is not None:
                self._count(await self._fate(client, *self._post(client, single)))
            else:
                await self._post_lines(client, as_json=as_json)
        return self._status()

    async def _post_lines(self, client: Session, *, as_json: bool) -> None:
        """Post as lines come; their fates are told in the order of the lines."""
        waiting: asyncio.Queue[asyncio.Task[str] | str | None] = asyncio.Queue(WAITING_MAX)
        telling = asyncio.create_task(self._tell(waiting))
        try:
            async for line in _stdin_lines():
                if isinstance(line, bytes) and not line.strip():
                    continue
                try:
                    if isinstance(line, str):
                        raise ValueError(line)
                    body = encode(_decode(line), as_json=as_json)
                except ValueError as error:
                    await waiting.put(f"refused {error}")
                else:
                    await waiting.put(asyncio.create_task(self._fate(client, *self._post(client, body))))
                if telling.done():
                    break
            await waiting.put(None)
            await telling
        finally:
            telling.cancel()

    async def _tell(self, waiting: asyncio.Queue[asyncio.Task[str] | str | None]) -> None:
        while (fate := await waiting.get()) is not None:
            self._count(fate if isinstance(fate, str) else await fate)

    def _post(self, client: Session, body: bytes) -> tuple[str, asyncio.Future[str]]:
        ref = client.client.post(body)
        self._fates[ref] = asyncio.get_running_loop().create_future()
        return ref, self._fates[ref]

    async def _fate(self, client: Session, ref: str, future: asyncio.Future[str]) -> str:
        """What became of an activity: it is sent again after a broken connection, and accepted once."""
        over = asyncio.ensure_future(client.over.wait())
        try:
            waits: list[asyncio.Future[Any]] = [future, over]
            await asyncio.wait(waits, timeout=self._seconds, return_when=asyncio.FIRST_COMPLETED)
            if future.done():
                return future.result()
            if client.failure is not None:
                return f"unknown {neutralise(str(client.failure))}"
            return f"unknown no answer within {self._seconds:g} seconds"
        finally:
            over.cancel()
            del self._fates[ref]

    def _count(self, fate: str) -> None:
        put(fate)
        kind = fate.partition(" ")[0]
        self._accepted += kind == "accepted"
        self._refused += kind == "refused"
        self._unknown += kind == "unknown"

    def _status(self) -> int:
        if self._accepted + self._refused + self._unknown > 1:
            say(f"{self._accepted} accepted, {self._refused} refused, {self._unknown} unknown")
        if self._unknown:
            raise CommandFailed(ExitStatus.FAILURE, "whether everything was accepted is not known")
        return ExitStatus.REFUSED if self._refused else ExitStatus.DONE


def _decode(line: bytes) -> str:
    try:
        return line.decode()
    except UnicodeDecodeError:
        raise ValueError("what is posted must be text in UTF-8") from None


async def _stdin_lines() -> AsyncIterator[bytes | str]:
    """Lines of standard input as they come; a str says why there are no more.

    A thread reads: standard input may be a file, which an event loop cannot wait for. It reads the descriptor itself,
    because a thread that is inside a buffered reader when the interpreter ends makes it abort.
    """
    loop = asyncio.get_running_loop()
    chunks: asyncio.Queue[bytes] = asyncio.Queue(4)
    descriptor = sys.stdin.fileno()

    def read() -> None:
        data = b"?"
        while data:
            try:
                data = os.read(descriptor, 65536)
            except OSError:
                data = b""
            putting = chunks.put(data)
            try:
                asyncio.run_coroutine_threadsafe(putting, loop).result()
            except (RuntimeError, concurrent.futures.CancelledError):
                putting.close()
                return  # the loop has ended

    threading.Thread(target=read, name="stdin", daemon=True).start()
    splitter = LineSplitter(CLIENT_LINE_BYTES_MAX)
    while True:
        data = await chunks.get()
        try:
            lines = splitter.feed(data or b"\n")
        except LineTooLong as error:
            for line in error.lines:
                yield line
            yield f"{error}; what follows was not read"
            return
        for line in lines:
            yield line
        if not data:
            return
