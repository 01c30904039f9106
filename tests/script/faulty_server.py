"""A server of one stream that breaks one promise, planted by name. Written from the protocol's text, without `core`."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

Json = dict[str, Any]
NODE = "faultyserver"
STREAM = f"{NODE}.1"
EVERY = 7
"""Every so many-th is dealt with wrongly, where a fault is not at the seam."""


@dataclass(eq=False)
class Person:
    """Somebody who is connected."""

    writer: asyncio.StreamWriter
    native: bool = False
    held: list[Json] = field(default_factory=list)
    """What is sent after the next one."""
    live: bool = False

    def send(self, message: Json) -> None:
        if not self.writer.is_closing():
            self.writer.write(json.dumps(message).encode() + b"\n")


class FaultyServer:
    """Use it as an asynchronous context manager. `native=False`: it speaks only the base protocol."""

    def __init__(self, fault: str = "", *, native: bool = True) -> None:
        self.fault = fault
        self.native = native
        self.port = 0
        self.kept: list[Json] = []
        """All broadcasts, in the order of their numbers."""
        self._people: list[Person] = []
        self._posts = 0
        self._listener: asyncio.Server | None = None

    async def __aenter__(self) -> Self:
        self._listener = await asyncio.start_server(self._serve, "127.0.0.1", 0, limit=2**20)
        self.port = self._listener.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._listener is not None
        self._listener.close()
        for person in self._people:
            person.writer.transport.abort()
        await self._listener.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        person = Person(writer)
        with contextlib.suppress(OSError):
            while line := await reader.readline():
                message = json.loads(line)
                match message["command"]:
                    case "LOGIN":
                        self._log_in(person, message)
                    case "ACTIVITY_MESSAGE":
                        self._accept(person, message)
                    case "PING":
                        person.send({"command": "PONG", "number": message["number"]})
                    case "LOGOUT":
                        break
        if person in self._people:
            self._people.remove(person)
        writer.close()

    # --- the past -----------------------------------------------------------------------------------------------------

    def _log_in(self, person: Person, message: Json) -> None:
        self._people.append(person)
        person.native = self.native and "ack" in message.get("features", ())
        if not person.native:
            person.live = True
            person.send({"command": "LOGIN_SUCCESS", "info": "in"})
            return
        vector = {STREAM: len(self.kept)}
        person.send({"command": "LOGIN_SUCCESS", "info": "in", "id": NODE, "vector": vector, "stamp": 1})
        seen, history = message.get("seen"), message.get("history", 0)
        if seen is not None:
            past = self.kept[seen.get(STREAM, 0) :]
        else:
            past = self.kept[-history:] if history else []
        if self.fault == "ignores what was seen":
            past = list(self.kept)
        asyncio.get_running_loop().call_soon(self._catch_up, person, past)

    def _catch_up(self, person: Person, past: list[Json]) -> None:
        sent = list(past)
        if past and self.fault == "drops the last of the past":
            sent.pop()
        if len(past) > 2 and self.fault == "drops in the past":
            del sent[len(sent) // 2]
        if len(past) > 4 and self.fault == "reorders the past":
            sent[0], sent[4] = sent[4], sent[0]
        if past and self.fault == "sends the last of the past after what is live":
            person.held.append(sent.pop())
        for message in sent:
            person.send(message)
        person.send({"command": "CAUGHT_UP", "count": len(sent)})
        if past and self.fault == "sends the last of the past again, live":
            person.send(past[-1])
        person.live = True

    # --- what is live -------------------------------------------------------------------------------------------------

    def _accept(self, person: Person, message: Json) -> None:
        self._posts += 1
        hit = self._posts % EVERY == 0
        ref = message.get("ref")
        if hit and self.fault in ("refuses", "sends what it refuses"):
            person.send({"command": "ACTIVITY_REFUSED", "ref": ref, "info": "not today"})
            if self.fault == "refuses":
                return
        activity = {**message["activity"], "authenticated_user": "anonymous"}
        if hit and self.fault == "alters":
            activity["type"] = "Delete"
        for _ in range(2 if hit and self.fault == "accepts twice" else 1):
            self._broadcast(person, activity, hit=hit)
        if person.native and not (hit and self.fault in ("never answers", "sends what it refuses")):
            answer = {"command": "ACTIVITY_ACK", "ref": ref, "id": self.kept[-1]["id"], "stamp": len(self.kept)}
            person.send(answer)

    def _broadcast(self, poster: Person, activity: Json, *, hit: bool) -> None:
        number = len(self.kept) + 1
        message: Json = {"command": "ACTIVITY_BROADCAST", "activity": activity}
        if self.native:
            message |= {"id": f"{STREAM}.{number}", "stamp": number, "sender": "anonymous"}
        if hit and self.fault == "acknowledges what it never sends":
            self.kept.append({**message, "command": "PONG", "number": 0})
            return
        self.kept.append(message)
        for person in self._people:
            if person.live:
                for one in self._planted(person, message, hit=hit and person is not poster):
                    person.send(one)

    def _planted(self, person: Person, message: Json, *, hit: bool) -> Iterator[Json]:
        """What a person is sent in the place of a broadcast. Who posted it hears by it that it was accepted."""
        if hit and self.fault == "drops what is live":
            return
        if hit and self.fault == "reorders what is live":
            person.held.append(message)
            return
        yield message
        if hit and self.fault == "doubles what is live":
            yield message
        yield from person.held
        person.held.clear()
