"""JSON lines over asyncio streams, and a record of everything that went over them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

Json = dict[str, Any]

SERVER_COMMANDS = frozenset(
    ("AUTHENTICATE", "AUTHENTICATION_FAIL", "INVALID_MESSAGE", "SERVER_ANNOUNCE", "ACTIVITY_BROADCAST")
    + ("LOCK_REQUEST", "LOCK_ALLOWED", "LOCK_DENIED")
)
"""What a base server knows on a link to another server."""

CLIENT_COMMANDS = frozenset(
    ("LOGIN_SUCCESS", "LOGIN_FAILED", "REDIRECT", "REGISTER_SUCCESS", "REGISTER_FAILED")
    + ("ACTIVITY_BROADCAST", "AUTHENTICATION_FAIL", "INVALID_MESSAGE")
)
"""What a base client knows."""


class NotAMessage(ValueError):
    """A line that is not a JSON object with a command."""


class DuplicateKey(NotAMessage):
    """An object has a key twice."""


async def read_lines(reader: asyncio.StreamReader) -> AsyncIterator[bytes]:
    """Lines without terminators (LF, CR LF or a lone CR) until the other side ends the stream or breaks it."""
    rest = b""
    after_cr = False
    while True:
        try:
            data = await reader.read(65536)
        except (ConnectionError, OSError):
            return
        if not data:
            return
        if after_cr and data.startswith(b"\n"):
            data = data[1:]
        after_cr = data.endswith(b"\r") if data else False
        pieces = (rest + data).splitlines(keepends=True)
        rest = pieces.pop() if pieces and not pieces[-1].endswith((b"\n", b"\r")) else b""
        for piece in pieces:
            yield piece.rstrip(b"\r\n")


def parse(line: bytes, *, refuse_duplicates: bool = False) -> Json:
    """Read one line. Raises NotAMessage."""
    try:
        value = json.loads(line.decode(), object_pairs_hook=_unique if refuse_duplicates else None)
    except DuplicateKey:
        raise
    except (ValueError, RecursionError) as error:
        raise NotAMessage(f"not JSON: {error}") from None
    if not isinstance(value, dict):
        raise NotAMessage("not a JSON object")
    if not isinstance(value.get("command"), str):
        raise NotAMessage("the message has no command")
    return value


def _unique(pairs: list[tuple[str, Any]]) -> Json:
    seen = dict(pairs)
    if len(seen) != len(pairs):
        raise DuplicateKey("an object has a key twice")
    return seen


def encode(message: Json) -> bytes:
    return json.dumps(message, separators=(",", ":"), ensure_ascii=False).encode() + b"\n"


@dataclass
class Record:
    """Every message that one connection carried, in order; a line that was none stands as `{"command": ""}`."""

    received: list[Json] = field(default_factory=list)
    sent: list[Json] = field(default_factory=list)
    received_lines: list[bytes] = field(default_factory=list)
    sent_lines: list[bytes] = field(default_factory=list)

    def got(self, command: str) -> list[Json]:
        return [message for message in self.received if message["command"] == command]

    def gave(self, command: str) -> list[Json]:
        return [message for message in self.sent if message["command"] == command]

    def note_received(self, line: bytes) -> None:
        self.received_lines.append(line)
        self.received.append(_lenient(line))

    def note_sent(self, line: bytes) -> None:
        self.sent_lines.append(line.rstrip(b"\r\n"))
        self.sent.append(_lenient(line))


def _lenient(line: bytes) -> Json:
    try:
        return parse(line)
    except NotAMessage:
        return {"command": "", "line": line}


async def wait_until(condition: Callable[[], object], limit: float = 5.0, what: str = "") -> None:
    """Wait for something that other tasks bring about. Raises AssertionError when the limit (seconds) passes."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + limit
    while not condition():
        if loop.time() > deadline:
            raise AssertionError(f"not within {limit} s: {what or condition}")
        await asyncio.sleep(0.01)


async def stays(condition: Callable[[], object], period: float, what: str = "") -> None:
    """Watch that something holds for a period (seconds). Raises AssertionError as soon as it does not."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + period
    while loop.time() < deadline:
        assert condition(), f"did not stay: {what or condition}"
        await asyncio.sleep(0.01)
