"""Real servers with real nodes and stores, spoken to with nothing but lines of JSON."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from core.engine import EngineSettings, NotChanged, Server
from core.store import restore_backup
from core.wire.address import Address
from tests.engine.harness import CHEAP, until

LIMIT = 10.0


class Person:
    """Somebody with a socket and a JSON library."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def at(cls, server: Server, tls: ssl.SSLContext | None = None) -> Person:
        host, port = server.address
        name = "" if tls else None
        return cls(*await asyncio.open_connection(host, port, ssl=tls, server_hostname=name, limit=1 << 20))

    async def say(self, **message: Any) -> None:
        self._writer.write(json.dumps(message).encode() + b"\n")
        await self._writer.drain()

    async def hears(self, command: str) -> dict[str, Any]:
        """The next message, which has to be this one."""
        async with asyncio.timeout(LIMIT):
            message = json.loads(await self._reader.readline())
        assert message["command"] == command, message
        assert isinstance(message, dict)
        return message

    async def ends(self) -> None:
        async with asyncio.timeout(LIMIT):
            assert await self._reader.read() == b""

    async def logs_in(self, username: str = "anonymous", secret: str = "") -> None:
        await self.say(command="LOGIN", username=username, secret=secret)
        await self.hears("LOGIN_SUCCESS")

    def close(self) -> None:
        self._writer.close()


Begin = Callable[..., Awaitable[Server]]


@pytest.fixture
async def begin(tmp_path: Path) -> AsyncIterator[Begin]:
    """Starts servers, each in a data directory of its own."""
    servers: list[Server] = []

    async def begin(name: str, **changes: Any) -> Server:
        settings = EngineSettings(
            data_dir=tmp_path / name,
            host="127.0.0.1",
            port=0,
            name=name,
            secret="network",
            preset="local",
            passwords=CHEAP,
            node={"redirects": False, "lazy_delay": 0.05, "heal_jitter": 0.02, "announce_gap": 0.05},
        )
        settings = replace(settings, **changes)
        server = Server(settings)
        await server.start()
        servers.append(server)
        return server

    yield begin
    for server in servers:
        await server.abort()


MIXED = {"node": {"redirects": False, "lazy_delay": 0.05, "links": "mixed"}}
"""Changes of a server that lets in who links in clear."""


async def linked(*servers: Server) -> None:
    await until(lambda: all(len(server.snapshot().servers) == len(servers) for server in servers))


async def test_a_person_registers_logs_in_posts_and_reads(begin: Begin) -> None:
    server = await begin("a")
    ada, reader = await Person.at(server), await Person.at(server)
    await reader.logs_in()
    await ada.say(command="REGISTER", username="ada", secret="lovelace")
    await ada.hears("REGISTER_SUCCESS")
    await ada.logs_in("ada", "lovelace")
    await ada.say(
        command="ACTIVITY_MESSAGE", username="ada", secret="lovelace", activity={"n": 123456789012345678901234567890}
    )
    for person in (ada, reader):
        broadcast = await person.hears("ACTIVITY_BROADCAST")
        assert broadcast["activity"] == {"n": 123456789012345678901234567890, "authenticated_user": "ada"}
    ada.close()
    reader.close()


async def test_a_wrong_secret_is_told_and_the_connection_closed(begin: Begin) -> None:
    server = await begin("a")
    person = await Person.at(server)
    await person.say(command="LOGIN", username="nobody", secret="x")
    await person.hears("LOGIN_FAILED")
    await person.ends()
    person.close()


async def test_nonsense_is_answered_before_the_connection_is_closed(begin: Begin) -> None:
    server = await begin("a")
    person = await Person.at(server)
    await person.say(no="command")
    assert "no command" in (await person.hears("INVALID_MESSAGE"))["info"]
    await person.ends()
    person.close()


async def test_an_activity_crosses_two_servers(begin: Begin) -> None:
    a = await begin("a")
    b = await begin("b", join=a.address)
    await linked(a, b)
    writer, reader = await Person.at(a), await Person.at(b)
    await reader.logs_in()
    await writer.logs_in()
    for number in range(100):
        await writer.say(command="ACTIVITY_MESSAGE", username="anonymous", activity={"number": number})
    for number in range(100):
        assert (await reader.hears("ACTIVITY_BROADCAST"))["activity"]["number"] == number
    assert [json.loads(one.body)["number"] for one in (await b.history(newest=3)).entries] == [97, 98, 99]
    writer.close()
    reader.close()


async def test_a_user_registered_on_one_server_logs_in_on_the_other_and_after_its_restart(begin: Begin) -> None:
    a = await begin("a")
    b = await begin("b", join=a.address)
    await linked(a, b)
    person = await Person.at(a)
    await person.say(command="REGISTER", username="ada", secret="lovelace")
    await person.hears("REGISTER_SUCCESS")
    person.close()
    other = await Person.at(b)
    await other.logs_in("ada", "lovelace")
    other.close()
    await b.abort()
    await a.abort()
    again = await begin("b")
    third = await Person.at(again)
    await third.logs_in("ada", "lovelace")
    third.close()


async def test_a_server_that_quits_sends_its_people_to_another_and_ends(begin: Begin) -> None:
    a = await begin("a")
    b = await begin("b", join=a.address)
    await linked(a, b)
    person = await Person.at(b)
    await person.logs_in()
    b.request_drain("maintenance")
    redirect = await person.hears("REDIRECT")
    assert Address(redirect["hostname"], redirect["port"]) == a.advertised
    await person.ends()
    person.close()
    async with asyncio.timeout(LIMIT):
        assert await b.wait_closed() == ()
    await until(lambda: [one.state for one in a.snapshot().servers if one.name == "b"] == [])


async def test_ten_thousand_activities_arrive_once_each_in_order_at_every_reader(begin: Begin) -> None:
    server = await begin("a")
    readers = [await Person.at(server) for _ in range(5)]
    for reader in readers:
        await reader.logs_in()
    writer = await Person.at(server)
    await writer.logs_in()
    line = '{"command":"ACTIVITY_MESSAGE","username":"anonymous","activity":{"number":%d}}\n'

    async def write() -> None:
        for first in range(0, 10_000, 500):
            writer._writer.write("".join(line % number for number in range(first, first + 500)).encode())
            await writer._writer.drain()

    async def read(person: Person) -> list[int]:
        return [(await person.hears("ACTIVITY_BROADCAST"))["activity"]["number"] for _ in range(10_000)]

    _, *received = await asyncio.gather(write(), *(read(person) for person in [writer, *readers]))
    assert received == [list(range(10_000))] * 6
    for person in [writer, *readers]:
        person.close()


async def test_a_secret_that_is_changed_at_one_server_counts_at_all_after_a_restart_and_from_a_backup(
    begin: Begin, tmp_path: Path
) -> None:
    first = await begin("a")
    second = await begin("b", join=first.advertised)
    await linked(first, second)
    ada, elsewhere = await Person.at(first), await Person.at(second)
    await ada.say(command="REGISTER", username="ada", secret="old")
    await ada.hears("REGISTER_SUCCESS")
    await ada.logs_in("ada", "old")
    await until(lambda: second.account("ada") is not None)
    await elsewhere.logs_in("ada", "old")
    await ada.say(command="CHANGE_SECRET", secret="old", new_secret="new")
    await ada.hears("SECRET_CHANGED")
    assert "changed" in (await elsewhere.hears("INVALID_MESSAGE"))["info"]
    await elsewhere.ends()
    await _only(second, "new", "old")
    backup = await second.backup_now()
    await second.abort()
    await _only(await begin("b"), "new", "old")
    restore_backup(backup, tmp_path / "restored")
    await _only(await begin("restored"), "new", "old")


async def _only(server: Server, right: str, wrong: str) -> None:
    """Of two secrets one opens the account, and the other one does not: over the wire, and for SSH."""
    await (await Person.at(server)).logs_in("ada", right)
    refused = await Person.at(server)
    await refused.say(command="LOGIN", username="ada", secret=wrong)
    await refused.hears("LOGIN_FAILED")
    assert await server.account_opened("ada", right) and not await server.account_opened("ada", wrong)


async def test_who_may_speak_for_a_person_changes_their_secret_if_they_know_it(begin: Begin) -> None:
    server = await begin("a")
    ada = await Person.at(server)
    await ada.say(command="REGISTER", username="ada", secret="old")
    await ada.hears("REGISTER_SUCCESS")
    fact = server.account("ada")
    assert fact is not None
    replaced: list[str] = []
    server.subscribe_changed_secrets(lambda claim, verifier: replaced.append(claim))
    with pytest.raises(NotChanged, match="not right"):
        await server.change_secret(fact.claim, "guess", "new")
    assert replaced == []
    await server.change_secret(fact.claim, "old", "new")
    assert replaced == [fact.claim]
    await _only(server, "new", "old")


# --- a member that lies -------------------------------------------------------------------------------------------


async def lies(server: Server, *messages: dict[str, Any], **shown: Any) -> Person:
    """Somebody who knows the network's secret links like a server of a version before keys, and says this."""
    liar = await Person.at(server)
    who = {"id": "liar", "incarnation": 1, "hostname": "127.0.0.1", "port": 9, "features": ["sync"], **shown}
    await liar.say(command="AUTHENTICATE", secret="network", link="lazy", stamp=1, **who)
    for message in messages:
        await liar.say(**message)
    return liar


def stream_of(server: Server) -> str:
    snapshot = server.snapshot()
    return f"{snapshot.id}.{snapshot.incarnation}"


async def test_nothing_that_a_member_says_in_another_servers_name_makes_anybody_miss_a_post(begin: Begin) -> None:
    a = await begin("a", **MIXED)
    b = await begin("b", join=a.address)
    await linked(a, b)
    reader, writer = await Person.at(a), await Person.at(b)
    await reader.logs_in()
    await writer.logs_in()
    stream, endless = stream_of(b), 2**52
    made_up = {"command": "ACTIVITY_BROADCAST", "activity": {"text": "made up"}, "stamp": 1}
    gone = {"id": b.node_id, "load": 0, "hostname": "liar.example", "port": 1, "version": 2**40, "left": True}
    liar = await lies(
        a,
        {"command": "SYNC_DONE", "upto": {stream: endless}},
        {**made_up, "id": f"{stream}.1"},
        {**made_up, "id": f"{stream}.{endless}"},
        {"command": "SERVER_ANNOUNCE", "incarnation": b.snapshot().incarnation + 1, **gone},
    )
    await until(lambda: sum("not believed" in notice.text for notice in a.notices) >= 1)
    await writer.say(command="ACTIVITY_MESSAGE", username="anonymous", secret="", activity={"text": "true"})
    heard = await reader.hears("ACTIVITY_BROADCAST")
    assert heard["activity"]["text"] == "true"
    (view,) = [one for one in a.snapshot().servers if one.name == "b"]
    assert (view.state, view.port) == ("reachable", b.address.port)
    for person in (reader, writer, liar):
        person.close()


async def test_nobody_comes_as_a_server_whose_key_they_do_not_have(begin: Begin) -> None:
    a = await begin("a", **MIXED)
    b = await begin("b", join=a.address)
    await linked(a, b)
    liar = await lies(a, id=b.node_id, incarnation=2**50)
    refused = await liar.hears("SERVER_REFUSED")
    assert refused["reason"] == "key"
    await liar.ends()
    liar.close()
    assert any(one.server == b.node_id and one.state in ("eager", "lazy") for one in a.snapshot().connections)


async def test_a_server_is_its_key_and_keeps_it(begin: Begin) -> None:
    a = await begin("a")
    before = a.snapshot().servers[0]
    assert before.key.replace("-", "") == a.node_id
    await a.abort()
    again = await begin("a")
    assert (again.node_id, again.snapshot().servers[0].key) == (before.id, before.key)
