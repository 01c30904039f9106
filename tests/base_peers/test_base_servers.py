"""Base peers among themselves: what they are measured by, and the faults that they are known for."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator

import pytest

from tests.base_peers.client import BaseClient
from tests.base_peers.dialects import DIALECTS, TEXT, D, Dialect, E, O, hesitant
from tests.base_peers.lines import read_lines, wait_until
from tests.base_peers.network import BaseNetwork, chain, random_tree, star

every_dialect = pytest.mark.parametrize("dialect", DIALECTS.values(), ids=DIALECTS.keys())


@pytest.fixture
async def network() -> AsyncIterator[BaseNetwork]:
    async with BaseNetwork() as network:
        yield network


def test_base_peers_share_no_code_with_the_package() -> None:
    program = (
        "import sys, tests.base_peers.network, tests.base_peers.server;"
        "print([name for name in sys.modules if name.partition('.')[0] in ('core', 'tui')])"
    )
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=30, check=True)
    assert result.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("pieces", "lines"),
    [
        ([b"a\nb\n"], [b"a", b"b"]),
        ([b"a\r\nb\r\n"], [b"a", b"b"]),
        ([b"a\rb\r"], [b"a", b"b"]),
        ([b"a\r", b"\nb", b"\n"], [b"a", b"b"]),
        ([b"a", b"b", b"\n", b"no end"], [b"ab"]),
    ],
)
async def test_lines_end_with_lf_crlf_or_cr(pieces: list[bytes], lines: list[bytes]) -> None:
    reader = asyncio.StreamReader()

    async def feed() -> None:
        for piece in pieces:
            reader.feed_data(piece)
            await asyncio.sleep(0)
        reader.feed_eof()

    feeding = asyncio.create_task(feed())
    assert [line async for line in read_lines(reader)] == lines
    await feeding


@every_dialect
@pytest.mark.parametrize("parents", [chain(4), star(4), random_tree(5, 7)], ids=["chain", "star", "tree"])
async def test_an_activity_reaches_everyone_once(network: BaseNetwork, parents: list[int], dialect: Dialect) -> None:
    servers = await network.build(parents, dialect)
    clients = [await network.client(server) for server in servers]
    for client in clients:
        await client.login()
    for number, client in enumerate(clients):
        client.post({"text": number, "wide": 10**30})
    everything = set(range(len(clients)))
    for client in clients:
        await wait_until(lambda client=client: set(client.texts()) >= everything)  # type: ignore[misc]
        assert sorted(client.texts()) == sorted(everything)
        assert client.broadcasts[0]["wide"] == 10**30
        assert client.broadcasts[0]["authenticated_user"] == "anonymous"
        assert not client.unknown
    assert [server.harm for server in servers] == [[]] * len(servers)


@every_dialect
async def test_a_registration_succeeds_once_and_is_refused_afterwards(network: BaseNetwork, dialect: Dialect) -> None:
    servers = await network.build(random_tree(5, 3), dialect)
    client = await network.client(servers[4])
    await client.register("ada", "s1")
    await client.login("ada", "s1")
    for server in servers:
        late = await network.client(server)
        late.send({"command": "REGISTER", "username": "ada", "secret": "s2"})
        await late.expect_refusal("REGISTER_FAILED")
    elsewhere = await network.client(servers[0])
    await elsewhere.login("ada", "s1")
    wrong = await network.client(servers[0])
    wrong.send({"command": "LOGIN", "username": "ada", "secret": "s2"})
    await wrong.expect_refusal("LOGIN_FAILED")
    assert [server.harm for server in servers] == [[]] * len(servers)


async def test_a_base_registration_waits_for_one_answer_of_each_announced_server(network: BaseNetwork) -> None:
    first, second, third = await network.build(chain(3))
    client = await network.client(first)
    await client.register("ada", "s1")
    answers = first.received("LOCK_ALLOWED")
    assert len(answers) == 2
    assert all((answer["username"], answer["secret"]) == ("ada", "s1") for answer in answers)
    assert second.users == third.users == {"ada": "s1"}


async def test_a_base_registration_never_ends_while_a_server_that_is_gone_owes_an_answer(network: BaseNetwork) -> None:
    first, _, third = await network.build(chain(3))
    await third.stop()
    client = await network.client(first)
    client.send({"command": "REGISTER", "username": "ada", "secret": "s1"})
    await wait_until(lambda: len(first.received("LOCK_ALLOWED")) == 1)
    await client.silent()


async def test_a_denied_name_is_dropped_everywhere_but_where_it_belongs(network: BaseNetwork) -> None:
    first, second, third = await network.build(chain(3))
    third.users["ada"] = "hers"
    client = await network.client(first)
    client.send({"command": "REGISTER", "username": "ada", "secret": "mine"})
    await client.expect_refusal("REGISTER_FAILED")
    await wait_until(lambda: "ada" not in second.users)
    assert "ada" not in first.users
    assert third.users == {"ada": "hers"}


async def test_a_client_is_redirected_to_a_server_with_two_fewer(network: BaseNetwork) -> None:
    first, second = await network.build(chain(2))
    stays_one = await network.client(first)
    await stays_one.login()
    moves = await network.client(first, follow=True)
    await moves.login()
    await moves.expect("LOGIN_SUCCESS")
    assert moves.peer == (second.host, second.port)
    assert moves.redirects == [moves.peer]
    assert (first.load, second.load) == (1, 1)


@pytest.mark.parametrize(("dialect", "load"), [(O, 1), (D, 0)], ids=["O", "D"])
async def test_some_dialects_forget_to_count_down_when_a_client_drops(
    network: BaseNetwork, dialect: Dialect, load: int
) -> None:
    server = await network.serve(dialect=dialect)
    polite, rude = await network.client(server), await network.client(server)
    await polite.login()
    await rude.login()
    polite.logout()
    await polite.expect_close()
    await rude.close()
    await wait_until(lambda: not any(link.open for link in server.links))
    assert server.load == load


@pytest.mark.parametrize("line", [b"nonsense\n", b"[]\n", b"{}\n", b'{"command":5}\n', b'{"command":"LOGIN"}\n'])
async def test_nonsense_is_answered_and_the_connection_closed(network: BaseNetwork, line: bytes) -> None:
    server = await network.serve()
    client = await network.client(server)
    client.send_raw(line)
    await client.expect_refusal("INVALID_MESSAGE")


async def test_a_server_with_the_wrong_secret_is_refused(network: BaseNetwork) -> None:
    server = await network.serve()
    stranger = await network.client(server)
    stranger.send({"command": "AUTHENTICATE", "secret": "a guess"})
    await stranger.expect_refusal("AUTHENTICATION_FAIL")


@pytest.mark.parametrize("command", ["SERVER_ANNOUNCE", "ACTIVITY_BROADCAST", "LOCK_REQUEST"])
async def test_server_messages_need_an_authenticated_link(network: BaseNetwork, command: str) -> None:
    server = await network.serve()
    stranger = await network.client(server)
    stranger.send({"command": command, "id": "x", "load": 0, "hostname": "h", "port": 1, "activity": {}}
                  | {"username": "u", "secret": "s"})  # fmt: skip
    await stranger.expect_refusal("INVALID_MESSAGE")


async def test_an_unknown_command_makes_dialect_o_deaf_and_leaves_the_link_open(network: BaseNetwork) -> None:
    server = await network.serve(dialect=O)
    peer = await network.client(server)
    peer.send({"command": "AUTHENTICATE", "secret": network.secret})
    peer.send({"command": "QUIT"})
    peer.send({"command": "SERVER_ANNOUNCE", "id": "x", "load": 0, "hostname": "h", "port": 1})
    await peer.expect("SERVER_ANNOUNCE")
    await wait_until(lambda: len(server.links[0].record.received) == 3)
    assert server.announced == {}
    assert "link 0 was made deaf" in server.harm
    assert not peer.closed.is_set()


async def test_an_unknown_command_makes_dialect_d_answer_and_close(network: BaseNetwork) -> None:
    server = await network.serve(dialect=D)
    peer = await network.client(server)
    peer.send({"command": "AUTHENTICATE", "secret": network.secret})
    peer.send({"command": "QUIT"})
    message = await peer.next()
    while message is not None and message["command"] == "SERVER_ANNOUNCE":
        message = await peer.next()
    assert message is not None and message["command"] == "INVALID_MESSAGE"
    await peer.expect_close()


@pytest.mark.parametrize("dialect", [O, E], ids=["O", "E"])
async def test_some_dialects_die_when_the_dialled_side_speaks_first(network: BaseNetwork, dialect: Dialect) -> None:
    async def talkative(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        writer.write(b'{"command":"SERVER_ANNOUNCE","id":"x","load":0,"hostname":"h","port":1}\n')
        await reader.read()
        writer.close()

    listener = await asyncio.start_server(talkative, "127.0.0.1", 0)
    async with listener:
        server = await network.serve(listener.sockets[0].getsockname()[:2], hesitant(dialect))
        await wait_until(lambda: server.died)


async def test_dialect_d_refuses_duplicate_keys_at_any_depth(network: BaseNetwork) -> None:
    server = await network.serve(dialect=D)
    client = await network.client(server)
    await client.login()
    client.send_raw(b'{"command":"ACTIVITY_MESSAGE","username":"anonymous","activity":{"a":{"b":1,"b":2}}}\n')
    await client.expect_refusal("INVALID_MESSAGE")


@pytest.mark.parametrize(("dialect", "kept"), [(O, False), (D, True)], ids=["O", "D"])
async def test_extra_fields_of_announces_are_kept_or_dropped_by_dialect(
    network: BaseNetwork, dialect: Dialect, kept: bool
) -> None:
    middle, end = await network.build(chain(2), dialect)
    peer = await network.client(middle)
    peer.send({"command": "AUTHENTICATE", "secret": network.secret})
    peer.send({"command": "SERVER_ANNOUNCE", "id": "x", "load": 0, "hostname": "h", "port": 1, "extra": 1})
    peer.send({"command": "ACTIVITY_BROADCAST", "activity": {"n": 1}, "extra": 1})
    await wait_until(lambda: "x" in end.announced and end.received("ACTIVITY_BROADCAST"))
    assert ("extra" in end.announced["x"]) == kept
    assert end.received("ACTIVITY_BROADCAST")[0]["extra"] == 1


async def test_dialect_e_asks_around_before_a_login(network: BaseNetwork) -> None:
    first, second, third = await network.build(chain(3), E)
    third.users["ada"] = "s1"
    client = await network.client(first)
    await client.login("ada", "s1")
    assert len(first.received("LOCK_DENIED")) == 1
    assert [third.users, second.users, first.users] == [{"ada": "s1"}, {}, {}]


async def test_dialect_o_waits_for_every_answer_even_after_a_denial(network: BaseNetwork) -> None:
    first, second, third = await network.build(chain(3), O)
    second.users["ada"] = "hers"
    await third.stop()
    client = await network.client(first)
    client.send({"command": "REGISTER", "username": "ada", "secret": "mine"})
    await wait_until(lambda: first.received("LOCK_DENIED"))
    await client.silent()


async def test_dialect_d_lets_in_who_is_still_registering(network: BaseNetwork) -> None:
    first, second = await network.build(chain(2), D)
    await second.stop()
    registering, login = await network.client(first), await network.client(first)
    registering.send({"command": "REGISTER", "username": "ada", "secret": "s1"})
    await wait_until(lambda: first.users)
    await login.login("ada", "s1")


async def test_nothing_is_deduplicated(network: BaseNetwork) -> None:
    server = await network.serve(dialect=TEXT)
    reader = await network.client(server)
    await reader.login()
    peer = await network.client(server)
    peer.send({"command": "AUTHENTICATE", "secret": network.secret})
    for _ in range(2):
        peer.send({"command": "ACTIVITY_BROADCAST", "activity": {"text": "again"}})
    await wait_until(lambda: reader.texts() == ["again", "again"])
    assert any("arrived 2 times" in harm for harm in server.harm)


async def test_a_base_server_runs_as_a_process_of_its_own(network: BaseNetwork) -> None:
    above = await network.serve()
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.base_peers.server", "--port", "0", "--remote", f"127.0.0.1:{above.port}"),
        *("--secret", network.secret, "--dialect", "O", "--announce-interval", "0.2"),
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        assert process.stdout is not None
        line = (await asyncio.wait_for(process.stdout.readline(), 10)).decode()
        port = int(line.rpartition(":")[2])
        await wait_until(lambda: above.announced)
        client = await BaseClient.connect("127.0.0.1", port)
        async with client:
            await client.login()
            client.post({"text": "over there"})
            await wait_until(lambda: client.texts() == ["over there"])
        assert above.activity_counts().total() == 1
    finally:
        process.terminate()
        await asyncio.wait_for(process.wait(), 10)
