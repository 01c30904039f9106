"""A server that speaks only the base protocol, in one of several dialects.

Like the servers that it stands for it deduplicates nothing, redials nobody, forgets no server that is gone, believes
every announced load and waits for lock answers without a limit. It records every line of every link, so that a test can
say what a peer did to it.

    python -m tests.base_peers.server --port 3780 --remote HOST:PORT --secret SECRET --dialect O
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import secrets
from collections import Counter
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

from tests.base_peers.dialects import DIALECTS, TEXT, Dialect
from tests.base_peers.lines import SERVER_COMMANDS, Json, NotAMessage, Record, encode, parse, read_lines, wait_until

_FIELDS: dict[str, dict[str, type | tuple[type, ...]]] = {
    "AUTHENTICATE": {"secret": str},
    "AUTHENTICATION_FAIL": {},
    "INVALID_MESSAGE": {},
    "LOGIN": {"username": str},
    "LOGOUT": {},
    "REGISTER": {"username": str, "secret": str},
    "ACTIVITY_MESSAGE": {"username": str, "activity": dict},
    "ACTIVITY_BROADCAST": {"activity": dict},
    "SERVER_ANNOUNCE": {"id": str, "load": (int, str), "hostname": str, "port": (int, str)},
    "LOCK_REQUEST": {"username": str, "secret": str},
    "LOCK_ALLOWED": {"username": str, "secret": str},
    "LOCK_DENIED": {"username": str, "secret": str},
}
_FORWARDED = {
    "SERVER_ANNOUNCE": ("id", "load", "hostname", "port"),
    "LOCK_REQUEST": ("username", "secret"),
    "LOCK_ALLOWED": ("username", "secret"),
    "LOCK_DENIED": ("username", "secret"),
}


@dataclass(eq=False)
class Link:
    """One connection, to a server or a client, alive or not."""

    number: int
    outbound: bool
    writer: asyncio.StreamWriter
    kind: str = "unknown"
    """`unknown`, `server` or `client`."""
    user: str | None = None
    secret: str | None = None
    announced: bool = False
    deaf: bool = False
    open: bool = True
    record: Record = field(default_factory=Record)


@dataclass(eq=False)
class Question:
    """A lock request that waits for answers: a registration of ours, a login, or one that a neighbour asked about."""

    username: str
    secret: str
    purpose: str
    """`register`, `login` or `relay`."""
    asker: Link
    expected: int
    allowed: int = 0
    denied: list[Json] = field(default_factory=list)


class BaseServer:
    """One base server, in process. Use it as an asynchronous context manager, or `start` and `stop` it."""

    def __init__(
        self,
        secret: str,
        *,
        dialect: Dialect = TEXT,
        host: str = "127.0.0.1",
        port: int = 0,
        remote: tuple[str, int] | None = None,
        announce_interval: float = 0.3,
        name: str | None = None,
    ) -> None:
        self.id = name or secrets.token_hex(8)
        self.dialect = dialect
        self.network_secret = secret
        self.host = host
        self.port = port
        self.remote = remote
        self.announce_interval = announce_interval
        self.users: dict[str, str] = {}
        """Every name and secret that this server takes for registered."""
        self.announced: dict[str, Json] = {}
        """The last announce of every server that was ever heard of."""
        self.links: list[Link] = []
        """Every connection that there ever was, in the order in which they came up."""
        self.died: str | None = None
        self.dropped_load = 0
        self._questions: list[Question] = []
        self._listener: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    # --- life ---

    async def start(self) -> Self:
        """Listen, dial the remote server if there is one, and begin to announce."""
        self._listener = await asyncio.start_server(self._accepted, self.host, self.port)
        self.port = self._listener.sockets[0].getsockname()[1]
        if self.remote is not None:
            await self.dial(*self.remote)
        self._spawn(self._announce_for_ever())
        return self

    async def dial(self, host: str, port: int) -> Link:
        """Link to another server."""
        reader, writer = await asyncio.wait_for(asyncio.open_connection(host, port), 5)
        link = self._new_link(writer, outbound=True)
        link.kind = "server"
        self._send(link, {"command": "AUTHENTICATE", "secret": self.network_secret})
        self._spawn(self._serve(link, reader))
        if self.dialect.first_announce_delay is not None:
            self._spawn(self._announce_first(link, self.dialect.first_announce_delay))
        return link

    async def stop(self) -> None:
        """End at once, as a killed process does."""
        if self._listener is not None:
            self._listener.close()
        for link in self.links:
            if link.open:
                link.open = False
                link.writer.transport.abort()
        tasks = [task for task in self._tasks if task is not asyncio.current_task()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._listener is not None:
            await self._listener.wait_closed()

    async def __aenter__(self) -> Self:
        return await self.start()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    def _die(self, reason: str) -> None:
        self.died = reason
        self._spawn(self.stop())

    def _spawn(self, work: Any) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # --- what tests ask ---

    @property
    def server_links(self) -> list[Link]:
        """The links to other servers that are up."""
        return [link for link in self.links if link.open and link.kind == "server"]

    @property
    def load(self) -> int:
        """The number of clients, as this dialect counts them."""
        return sum(link.open and link.user is not None for link in self.links) + self.dropped_load

    def received(self, command: str) -> list[Json]:
        """Every message of this command that ever arrived, over all links."""
        return [message for link in self.links for message in link.record.got(command)]

    @property
    def harm(self) -> list[str]:
        """What peers did to this server that no base peer can live with."""
        found = [f"died: {self.died}"] if self.died else []
        for link in self.links:
            found += [f"link {link.number} was made deaf"] if link.deaf else []
            if link.kind != "server":
                continue
            for message in link.record.received:
                if message["command"] not in SERVER_COMMANDS:
                    found.append(f"link {link.number} brought what a base server does not know: {message}")
                elif message["command"] in ("INVALID_MESSAGE", "AUTHENTICATION_FAIL"):
                    found.append(f"link {link.number} was refused: {message}")
            for message in link.record.gave("INVALID_MESSAGE"):
                found.append(f"link {link.number} brought nonsense: {message}")
        for activity, times in self.activity_counts().items():
            if times > 1:
                found.append(f"arrived {times} times: {activity}")
        return found

    def activity_counts(self) -> Counter[str]:
        """How often each activity arrived over server links; tests must give every activity a content of its own."""
        return Counter(
            json.dumps(message.get("activity"), sort_keys=True)
            for link in self.links
            if link.kind == "server"
            for message in link.record.got("ACTIVITY_BROADCAST")
        )

    # --- connections ---

    async def _accepted(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        link = self._new_link(writer, outbound=False)
        self._spawn(self._serve(link, reader))

    def _new_link(self, writer: asyncio.StreamWriter, *, outbound: bool) -> Link:
        link = Link(len(self.links), outbound, writer)
        self.links.append(link)
        return link

    async def _serve(self, link: Link, reader: asyncio.StreamReader) -> None:
        async for line in read_lines(reader):
            if not link.open:
                return
            link.record.note_received(line)
            if link.deaf:
                continue
            if link.outbound and not link.announced and self.dialect.dies_when_spoken_to_early:
                self._die(f"spoken to before the first announce: {line!r}")
                return
            self._take(link, line)
        self._gone(link)

    def _gone(self, link: Link) -> None:
        if link.open and link.user is not None and self.dialect.forgets_dropped_clients:
            self.dropped_load += 1
        self._close(link)

    def _close(self, link: Link) -> None:
        if link.open:
            link.open = False
            link.writer.close()

    def _send(self, link: Link, message: Json) -> None:
        self._send_line(link, encode(message))

    def _send_line(self, link: Link, line: bytes) -> None:
        if link.open:
            link.record.note_sent(line)
            link.writer.write(line)

    def _refuse(self, link: Link, command: str, info: str) -> None:
        self._send(link, {"command": command, "info": info})
        self._close(link)

    def _flood(self, line: bytes, *, but: Link | None = None) -> None:
        for link in self.server_links:
            if link is not but:
                self._send_line(link, line)

    # --- announces ---

    def _announce(self, link: Link) -> None:
        link.announced = True
        self._send(
            link,
            {"command": "SERVER_ANNOUNCE", "id": self.id, "load": self.load, "hostname": self.host, "port": self.port},
        )

    async def _announce_first(self, link: Link, delay: float) -> None:
        await asyncio.sleep(delay)
        if not link.announced:
            self._announce(link)

    async def _announce_for_ever(self) -> None:
        while True:
            await asyncio.sleep(self.announce_interval)
            for link in self.server_links:
                self._announce(link)

    # --- messages ---

    def _take(self, link: Link, line: bytes) -> None:
        try:
            message = parse(line, refuse_duplicates=self.dialect.refuses_duplicate_keys)
        except NotAMessage as error:
            self._refuse(link, "INVALID_MESSAGE", str(error))
            return
        command = message["command"]
        fields = _FIELDS.get(command)
        if fields is None:
            if self.dialect.on_unknown == "deaf":
                link.deaf = True
            else:
                self._refuse(link, "INVALID_MESSAGE", f"unknown command {command}")
            return
        for name, kind in fields.items():
            if not isinstance(message.get(name), kind):
                self._refuse(link, "INVALID_MESSAGE", f"{command} without a proper field {name}")
                return
        if command in ("AUTHENTICATION_FAIL", "INVALID_MESSAGE"):
            self._close(link)
        elif command == "AUTHENTICATE":
            self._authenticate(link, message)
        elif command in SERVER_COMMANDS and link.kind != "server":
            self._refuse(link, "INVALID_MESSAGE", f"{command} on a link that has not authenticated")
        elif command not in SERVER_COMMANDS and link.kind == "server":
            self._refuse(link, "INVALID_MESSAGE", f"{command} on a server link")
        else:
            getattr(self, f"_on_{command.lower()}")(link, message, line)

    def _authenticate(self, link: Link, message: Json) -> None:
        if link.kind != "unknown":
            self._refuse(link, "INVALID_MESSAGE", "AUTHENTICATE on a connection that is in use already")
        elif message["secret"] != self.network_secret:
            self._refuse(link, "AUTHENTICATION_FAIL", "the network's secret is another one")
        else:
            link.kind = "server"

    def _on_server_announce(self, link: Link, message: Json, line: bytes) -> None:
        self.announced[message["id"]] = message
        self._forward(link, message, line)

    def _on_activity_broadcast(self, link: Link, message: Json, line: bytes) -> None:
        self._flood(line + b"\n", but=link)
        self._deliver(line + b"\n")

    def _deliver(self, line: bytes) -> None:
        for client in self.links:
            if client.kind == "client" and client.user is not None:
                self._send_line(client, line)

    def _forward(self, link: Link, message: Json, line: bytes) -> None:
        if self.dialect.keeps_extra_fields:
            self._flood(line + b"\n", but=link)
        else:
            names = ("command", *_FORWARDED[message["command"]])
            self._flood(encode({name: message[name] for name in names}), but=link)

    # --- clients ---

    def _on_login(self, link: Link, message: Json, line: bytes) -> None:
        link.kind = "client"
        username, secret = message["username"], message.get("secret")
        if username == "anonymous" or (secret is not None and self.users.get(username) == secret):
            self._logged_in(link, username, secret)
        elif self.dialect.asks_at_login and username not in self.users and isinstance(secret, str):
            self._ask(Question(username, secret, "login", link, len(self.server_links)))
        else:
            self._refuse(link, "LOGIN_FAILED", "unknown user or wrong secret")

    def _logged_in(self, link: Link, username: str, secret: str | None) -> None:
        link.user, link.secret = username, secret
        self._send(link, {"command": "LOGIN_SUCCESS", "info": f"logged in as {username}"})
        for announce in self.announced.values():
            if int(announce["load"]) <= self.load - 2:
                self._send(
                    link,
                    {"command": "REDIRECT", "hostname": announce["hostname"], "port": int(announce["port"])},
                )
                self._close(link)
                return

    def _on_logout(self, link: Link, message: Json, line: bytes) -> None:
        self._close(link)

    def _on_register(self, link: Link, message: Json, line: bytes) -> None:
        username, secret = message["username"], message["secret"]
        if link.user is not None:
            self._refuse(link, "INVALID_MESSAGE", "REGISTER on a connection that is logged in")
            return
        link.kind = "client"
        if username in self.users or username == "anonymous" or any(q.username == username for q in self._questions):
            self._refuse(link, "REGISTER_FAILED", f"{username} is registered already")
            return
        if self.dialect.login_while_registering:
            self.users[username] = secret
        expected = len(self.server_links) if self.dialect.gathers_answers else len(self.announced)
        self._ask(Question(username, secret, "register", link, expected))

    def _on_activity_message(self, link: Link, message: Json, line: bytes) -> None:
        anonymous = link.user == "anonymous"
        if link.user is None or not (
            anonymous or (message["username"] == link.user and message.get("secret") == link.secret)
        ):
            self._refuse(link, "AUTHENTICATION_FAIL", "an activity needs the name and secret of who is logged in")
            return
        activity = {**message["activity"], "authenticated_user": link.user}
        broadcast = encode({"command": "ACTIVITY_BROADCAST", "activity": activity})
        self._flood(broadcast)
        self._deliver(broadcast)

    # --- locks ---

    def _ask(self, question: Question) -> None:
        self._questions.append(question)
        but = question.asker if question.purpose == "relay" else None
        self._flood(
            encode({"command": "LOCK_REQUEST", "username": question.username, "secret": question.secret}), but=but
        )
        self._settle(question)

    def _on_lock_request(self, link: Link, message: Json, line: bytes) -> None:
        username, secret = message["username"], message["secret"]
        stored = self.users.get(username)
        if self.dialect.gathers_answers:
            if stored is not None:
                self._send(link, {"command": "LOCK_DENIED", "username": username, "secret": stored})
            else:
                self._ask(Question(username, secret, "relay", link, len(self.server_links) - 1))
            return
        self._forward(link, message, line)
        if stored is not None and stored != secret:
            self._flood(encode({"command": "LOCK_DENIED", "username": username, "secret": secret}))
        else:
            self.users[username] = secret
            self._flood(encode({"command": "LOCK_ALLOWED", "username": username, "secret": secret}))

    def _on_lock_allowed(self, link: Link, message: Json, line: bytes) -> None:
        question = self._question(message)
        if question is not None:
            question.allowed += 1
            self._settle(question)
        if not self.dialect.gathers_answers:
            self._forward(link, message, line)

    def _on_lock_denied(self, link: Link, message: Json, line: bytes) -> None:
        question = self._question(message)
        if question is not None:
            question.denied.append(message)
            self._settle(question)
        elif self.users.get(message["username"]) == message["secret"] and not self.dialect.gathers_answers:
            del self.users[message["username"]]
        if not self.dialect.gathers_answers:
            self._forward(link, message, line)

    def _question(self, message: Json) -> Question | None:
        # A denial may carry the stored secret instead of the asked one, so the name alone decides.
        return next((q for q in self._questions if q.username == message["username"]), None)

    def _settle(self, question: Question) -> None:
        denied = bool(question.denied)
        complete = question.allowed + len(question.denied) >= question.expected
        waits = self.dialect.waits_for_all_answers or self.dialect.gathers_answers
        if not complete and not (denied and not waits):
            return
        self._questions.remove(question)
        link, username, secret = question.asker, question.username, question.secret
        if question.purpose == "relay":
            answer = question.denied[0]["secret"] if denied else secret
            command = "LOCK_DENIED" if denied else "LOCK_ALLOWED"
            self._send(link, {"command": command, "username": username, "secret": answer})
        elif question.purpose == "login":
            if any(answer["secret"] == secret for answer in question.denied):
                self._logged_in(link, username, secret)
            else:
                self._refuse(link, "LOGIN_FAILED", "unknown user or wrong secret")
        elif denied:
            if self.dialect.login_while_registering:
                self.users.pop(username, None)
            self._refuse(link, "REGISTER_FAILED", f"{username} is registered already")
        else:
            self.users[username] = secret
            self._send(link, {"command": "REGISTER_SUCCESS", "info": f"registered {username}"})


async def _run(arguments: argparse.Namespace) -> None:
    remote = None
    if arguments.remote:
        host, _, port = arguments.remote.rpartition(":")
        remote = (host, int(port))
    server = BaseServer(
        arguments.secret,
        dialect=DIALECTS[arguments.dialect],
        host=arguments.host,
        port=arguments.port,
        remote=remote,
        announce_interval=arguments.announce_interval,
    )
    async with server:
        print(f"listening on {server.host}:{server.port}", flush=True)
        await wait_until(lambda: server.died, float("inf"))
    print(f"died: {server.died}", flush=True)


def main() -> None:
    """Run one base server in the foreground until it is interrupted."""
    parser = argparse.ArgumentParser(description="A server that speaks only the base protocol.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=3780)
    parser.add_argument("--remote", help="HOST:PORT of the server to join")
    parser.add_argument("--secret", default=None, help="the network's secret; made and printed when it is not given")
    parser.add_argument("--dialect", choices=sorted(DIALECTS), default="text")
    parser.add_argument("--announce-interval", type=float, default=5.0)
    arguments = parser.parse_args()
    if arguments.secret is None:
        arguments.secret = secrets.token_urlsafe(12)
        print(f"secret {arguments.secret}", flush=True)
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_run(arguments))


if __name__ == "__main__":
    main()
