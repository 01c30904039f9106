"""`post`: an activity, or one for each line of standard input, and what became of each."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from typing import Any, ClassVar, Final

import msgspec

from core.answers import AnswerKind, answer_body, read_answer
from core.client import (
    ClientEvent,
    LoggedIn,
    NotConnected,
    OutcomeUnknown,
    PastNotShown,
    PastUnreadable,
    PostAccepted,
    PostRefused,
    PostUnknown,
)
from core.wire import CLIENT_LINE_BYTES_MAX, PostReference, Reference, entry_reference, read_reference
from tui.feed.activities import note, raw_activity
from tui.script.exit_status import CommandFailed, ExitStatus
from tui.script.script_client import ConnectClient, ScriptClient
from tui.script.streams import Streams
from tui.text.safe_text import neutralise

ENVELOPE_BYTES: Final = 2 * 1024
"""What the rest of the line may take: command, user name, secret, reference."""

WAITING_MAX: Final = 64
"""Activities whose fate is not known yet. Reading goes on when one of them has been answered."""

TRIES: Final = 3
"""How often what is answered is looked for: it may be on its way from another server."""
PAUSE: Final = 0.4


def encode(text: str, *, as_json: bool) -> bytes:
    """The activity that goes out, on one line, numbers and nesting as they were written.

    Raises ValueError with a sentence for a person.
    """
    try:
        body = text.encode()
    except UnicodeEncodeError:
        raise ValueError("what is posted must be text in UTF-8") from None
    if as_json:
        body = _anew(body, raw_activity(text))
    elif not text.strip():
        raise ValueError("an empty note says nothing")
    else:
        body = msgspec.json.encode(note(text))
    return _within_bounds(body)


def encode_answer(kind: AnswerKind, about: Reference, text: str) -> bytes:
    """The same of an answer to an activity. Raises ValueError with a sentence for a person."""
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError("what is posted must be text in UTF-8") from None
    if kind in ("reply", "edit") and not text.strip():
        raise ValueError("an empty note says nothing")
    body = msgspec.json.encode(answer_body(kind, about, content=text))
    if kind == "reaction" and text and (read := read_answer(body)) is not None and read.said != text:
        raise ValueError(f"a reaction is one symbol, such as 🎉, and not {neutralise(text, 40)!r}")
    return _within_bounds(body)


def answer_to(text: str) -> Reference:
    """The activity that somebody names, by its reference, or as `post` told its identity. Raises ValueError with a
    clause."""
    found = read_reference(text) or entry_reference(text)
    if found is None:
        raise ValueError(
            f"{neutralise(text, 80)!r} is no reference; `post` tells it of what was posted, `tail --json` of each"
        )
    return found


def claim_of(about: Reference) -> str:
    """Whose an activity is, by its reference; empty where that does not say so."""
    return about.claim if isinstance(about, PostReference) else ""


def _why_not_theirs(claim: str | None) -> str:
    if claim is None:
        return "anonymous people, and who is at a server of a version before, change nothing that was posted"
    return "that activity is another account's: only whoever has posted something edits it, removes it or takes it back"


def _anew(body: bytes, members: dict[str, msgspec.Raw]) -> bytes:
    """An object on one line, without what it is called where `tail --json` shows it: posted anew it is another one."""
    known = {key: text for key in ("id", "reference") if isinstance(text := _text_of(members.get(key)), str)}
    called = [key for key, text in known.items() if read_reference(text) is not None]
    if "reference" in called:
        called += ["acceptedAt", "editedAt", "removedAt"]
    if not called:
        return msgspec.json.format(body, indent=-1)
    return msgspec.json.format(
        msgspec.json.encode({key: value for key, value in members.items() if key not in called}), indent=-1
    )


def _text_of(raw: msgspec.Raw | None) -> object:
    return None if raw is None or not bytes(raw).startswith(b'"') else msgspec.json.decode(raw)


def _within_bounds(body: bytes) -> bytes:
    most = CLIENT_LINE_BYTES_MAX - ENVELOPE_BYTES
    if len(body) > most:
        raise ValueError(f"an activity has at most {most:,} bytes, this one has {len(body):,}")
    return body


def _encode_line(line: bytes, *, as_json: bool, in_reply_to: Reference | None) -> bytes:
    if len(line) > CLIENT_LINE_BYTES_MAX:
        raise ValueError(f"a line of more than {CLIENT_LINE_BYTES_MAX:,} bytes is no activity")
    try:
        text = line.decode()
    except UnicodeDecodeError:
        raise ValueError("what is posted must be text in UTF-8") from None
    if in_reply_to is not None:
        return encode_answer("reply", in_reply_to, text)
    return encode(text, as_json=as_json)


class PostCommand:
    """Posts one activity, or what is read line by line."""

    history: ClassVar[int] = 0
    stays: ClassVar[bool] = True

    def __init__(
        self,
        single: bytes | None,
        as_json: bool,
        seconds: float,
        in_reply_to: Reference | None = None,
        claim: str | None = None,
        *,
        whole: bool = False,
    ) -> None:
        self.whole = whole
        """Whether all of standard input is one activity."""
        self.claim = claim
        """Whose activity this changes; None: nobody's, or anybody may."""
        self._claim: str | None = None
        """That of who is logged in."""
        self.in_reply_to = in_reply_to
        """What each line of standard input replies to."""
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
            if self.claim not in (None, self._claim):
                raise CommandFailed(ExitStatus.REFUSED, _why_not_theirs(self._claim))
            await self._look_for_answered(client, streams)
            if self.single is not None:
                await self._tell(streams, await self._fate(client, *await self._post(client, self.single)))
            else:
                await self._post_lines(client, streams)
        if sum(self._counts.values()) > 1:
            streams.say(", ".join(f"{count} {fate}" for fate, count in self._counts.items()))
        if self._counts["unknown"]:
            raise CommandFailed(ExitStatus.FAILURE, "whether everything was accepted is not known")
        return ExitStatus.REFUSED if self._counts["refused"] else ExitStatus.DONE

    async def _look_for_answered(self, client: ScriptClient, streams: Streams) -> None:
        """Say so where nothing is called as what is answered. Raises CommandFailed where it was to be changed."""
        answer = None if self.single is None or self.as_json else read_answer(self.single)
        about = self.in_reply_to if answer is None else answer.about
        if about is None or await self._is_known(client, about):
            return
        unknown = f"nothing that {client.server} keeps is called {about}"
        if answer is not None and answer.kind in ("edit", "removal", "undo"):
            raise CommandFailed(ExitStatus.REFUSED, f"{unknown}: `tail --json` tells what each is called, to its end")
        streams.say(f"{unknown}; this is posted all the same")

    async def _is_known(self, client: ScriptClient, about: Reference) -> bool:
        """Whether there is such an activity, as far as the server can tell."""
        # What only posts has no use for it.
        from tui.feed.feed_answers import FeedAnswers
        from tui.feed.past_answers import AskedAbout, PastAnswers

        answers = FeedAnswers()
        past = PastAnswers(answers, client.ask_past)
        try:
            async with asyncio.timeout(self.seconds):
                for number in range(TRIES):
                    if number:
                        await asyncio.sleep(PAUSE)
                    await past.look([AskedAbout(about)], counts=False)
                    if answers.item(about) is not None:
                        return True
        except (NotConnected, OutcomeUnknown, PastNotShown, PastUnreadable, TimeoutError):
            return True
        return not past.is_sure

    def _heard(self, event: ClientEvent) -> None:
        match event:
            case LoggedIn(claim=claim):
                self._claim = claim
            case PostAccepted(ref=ref, id=identity, reference=reference):
                self._settle(ref, f"accepted {identity or ''} {reference or ''}".rstrip())
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
        async with contextlib.aclosing(self._inputs(streams)) as inputs:
            async for line in inputs:
                if not line.strip():
                    continue
                try:
                    body = _encode_line(line, as_json=self.as_json, in_reply_to=self.in_reply_to)
                except ValueError as error:
                    await waiting.put(f"refused {error}")
                else:
                    posted = await self._post(client, body)
                    await waiting.put(asyncio.create_task(self._fate(client, *posted)))
        await waiting.put(None)

    async def _inputs(self, streams: Streams) -> AsyncGenerator[bytes, None]:
        """What becomes an activity each: the lines of standard input, or all of them together."""
        together: list[bytes] = []
        size = 0
        async with contextlib.aclosing(streams.lines(CLIENT_LINE_BYTES_MAX)) as lines:
            async for line in lines:
                if not self.whole:
                    yield line
                elif size <= CLIENT_LINE_BYTES_MAX:
                    # What is too long is refused, and the rest of it not kept.
                    together.append(line)
                    size += len(line) + 1
        if together:
            yield b"\n".join(together).rstrip()

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
