"""Base clients on a node: everything that the base protocol promises them, and every refusal that it names."""

from __future__ import annotations

import asyncio
import json

import pytest

from tests.base_peers.lines import Json, wait_until
from tests.base_peers.network import SECRET
from tests.interop.conftest import MixedNetwork
from tests.processes.harness import NodeProcess


@pytest.fixture
async def node(mixed: MixedNetwork) -> NodeProcess:
    return await mixed.node()


async def test_a_client_registers_and_logs_in_on_the_same_connection(mixed: MixedNetwork, node: NodeProcess) -> None:
    client = await mixed.client(node)
    assert (await client.register("ada", "s1"))["info"]
    assert (await client.login("ada", "s1"))["info"]
    client.post({"text": "hello"})
    await wait_until(lambda: client.broadcasts == [{"text": "hello", "authenticated_user": "ada"}])
    await client.silent()
    mixed.unharmed()


async def test_a_client_logs_in_on_a_new_connection_after_registering(mixed: MixedNetwork, node: NodeProcess) -> None:
    first = await mixed.client(node)
    await first.register("ada", "s1")
    await first.close()
    second = await mixed.client(node)
    await second.login("ada", "s1")


async def test_a_client_may_log_in_twice_on_a_connection(mixed: MixedNetwork, node: NodeProcess) -> None:
    client = await mixed.client(node)
    await client.register("ada", "s1")
    await client.login()
    await client.login("ada", "s1")
    await client.login("ada", "s1")
    client.post({"text": "once"})
    await wait_until(lambda: client.texts() == ["once"])
    assert client.broadcasts[0]["authenticated_user"] == "ada"
    assert (await node.status())["load"] == 2, "the client, and who asks"


@pytest.mark.parametrize("secret", [None, "", "ignored"])
async def test_anonymous_needs_no_secret(mixed: MixedNetwork, node: NodeProcess, secret: str | None) -> None:
    client = await mixed.client(node)
    await client.login("anonymous", secret)
    client.send({"command": "ACTIVITY_MESSAGE", "username": "anonymous", "activity": {"text": 1}})
    client.send({"command": "ACTIVITY_MESSAGE", "username": "anonymous", "secret": "", "activity": {"text": 2}})
    client.send({"command": "ACTIVITY_MESSAGE", "username": "anonymous", "secret": None, "activity": {"text": 3}})
    await wait_until(lambda: client.texts() == [1, 2, 3])
    assert {activity["authenticated_user"] for activity in client.broadcasts} == {"anonymous"}


@pytest.mark.parametrize(
    ("username", "secret"), [("ada", "wrong"), ("ada", None), ("ada", ""), ("nobody", "s1"), ("", ""), ("ada ", "s1")]
)
async def test_a_login_that_is_not_right_fails_with_a_reason(
    mixed: MixedNetwork, node: NodeProcess, username: str, secret: str | None
) -> None:
    registering = await mixed.client(node)
    await registering.register("ada", "s1")
    client = await mixed.client(node)
    client.send({"command": "LOGIN", "username": username} | ({} if secret is None else {"secret": secret}))
    await client.expect_refusal("LOGIN_FAILED")


@pytest.mark.parametrize("name", ["ada", "anonymous", "", " x", "x ", "a\nb", "x" * 65])
async def test_a_name_that_is_taken_or_is_none_cannot_be_registered(
    mixed: MixedNetwork, node: NodeProcess, name: str
) -> None:
    registering = await mixed.client(node)
    await registering.register("ada", "s1")
    client = await mixed.client(node)
    client.send({"command": "REGISTER", "username": name, "secret": "s2"})
    await client.expect_refusal("REGISTER_FAILED")


async def test_registering_again_with_the_right_secret_fails_too(mixed: MixedNetwork, node: NodeProcess) -> None:
    client = await mixed.client(node)
    await client.register("ada", "s1")
    client.send({"command": "REGISTER", "username": "ada", "secret": "s1"})
    await client.expect_refusal("REGISTER_FAILED")


async def test_registering_while_logged_in_is_invalid(mixed: MixedNetwork, node: NodeProcess) -> None:
    client = await mixed.client(node)
    await client.login()
    client.send({"command": "REGISTER", "username": "ada", "secret": "s1"})
    await client.expect_refusal("INVALID_MESSAGE")


@pytest.mark.parametrize(
    "post",
    [
        {"username": "ada", "secret": "wrong"},
        {"username": "ada"},
        {"username": "bob", "secret": "s1"},
        {"username": "anonymous"},
        {"username": "anonymous", "secret": "s1"},
    ],
)
async def test_an_activity_must_carry_the_name_and_secret_of_the_login(
    mixed: MixedNetwork, node: NodeProcess, post: Json
) -> None:
    watching = await mixed.anonymous(node)
    client = await mixed.client(node)
    await client.register("ada", "s1")
    await client.login("ada", "s1")
    client.send({"command": "ACTIVITY_MESSAGE", "activity": {"text": "stolen"}, **post})
    await client.expect_refusal("AUTHENTICATION_FAIL")
    assert watching.broadcasts == []


async def test_an_activity_before_the_login_is_not_authentic(mixed: MixedNetwork, node: NodeProcess) -> None:
    client = await mixed.client(node)
    client.send({"command": "ACTIVITY_MESSAGE", "username": "anonymous", "activity": {"text": 1}})
    await client.expect_refusal("AUTHENTICATION_FAIL")


@pytest.mark.parametrize(
    "line",
    [
        b"hello\n",
        b"GET / HTTP/1.1\r\n",
        b"[]\n",
        b"{}\n",
        b'{"command":5}\n',
        b'{"command":"NOPE"}\n',
        b'{"command":"LOGIN"}\n',
        b'{"command":"REGISTER","username":"x"}\n',
        b'{"command":"ACTIVITY_MESSAGE","username":"x","activity":[]}\n',
        b'{"command":"LOGIN_SUCCESS","info":"x"}\n',
        b'{"command":"SERVER_ANNOUNCE","id":"x","load":0,"hostname":"h","port":1}\n',
        b'{"command":"ACTIVITY_BROADCAST","activity":{}}\n',
        b'{"command":"LOCK_REQUEST","username":"x","secret":"y"}\n',
        b'{"command":"LOCK_ALLOWED","username":"x","secret":"y"}\n',
        b'{"command":"LOCK_DENIED","username":"x","secret":"y"}\n',
        b'{"command":"QUIT"}\n',
        b'{"command":"USER_INFO","user_info":{}}\n',
        b"\xff\xfe\n",
        b"x" * 70_000,
        b'{"command":"LOGIN","username":"' + b"x" * 70_000 + b'"}\n',
    ],
    ids=lambda line: line[:44].decode(errors="replace").strip(),
)
async def test_nonsense_is_answered_with_a_reason_and_hurts_nobody_else(
    mixed: MixedNetwork, node: NodeProcess, line: bytes
) -> None:
    other = await mixed.anonymous(node)
    client = await mixed.client(node)
    client.send_raw(line)
    await client.expect_refusal("INVALID_MESSAGE")
    other.post({"text": "still here"})
    await wait_until(lambda: other.texts() == ["still here"])


async def test_a_wrong_network_secret_is_refused(mixed: MixedNetwork, node: NodeProcess) -> None:
    stranger = await mixed.client(node)
    stranger.send({"command": "AUTHENTICATE", "secret": "a guess"})
    await stranger.expect_refusal("AUTHENTICATION_FAIL")


async def test_a_second_authentication_is_invalid(mixed: MixedNetwork, node: NodeProcess) -> None:
    peer = await mixed.client(node)
    peer.send({"command": "AUTHENTICATE", "secret": SECRET})
    peer.send({"command": "AUTHENTICATE", "secret": SECRET})
    await peer.expect_refusal("INVALID_MESSAGE")


async def test_a_heartbeat_of_another_protocol_is_refused_politely(mixed: MixedNetwork, node: NodeProcess) -> None:
    peer = await mixed.client(node)
    peer.send({"command": "AUTHENTICATE", "secret": SECRET})
    peer.send_raw(b"h\n")
    await peer.expect_refusal("INVALID_MESSAGE")


async def test_logout_closes_the_connection(mixed: MixedNetwork, node: NodeProcess) -> None:
    client = await mixed.anonymous(node)
    client.logout()
    await client.expect_close()


async def test_an_answer_is_not_lost_when_the_client_goes_on_talking(mixed: MixedNetwork, node: NodeProcess) -> None:
    client = await mixed.client(node)
    client.send_raw(b"nonsense\n" + b'{"command":"LOGIN","username":"anonymous"}\n' * 2000)
    await client.expect_refusal("INVALID_MESSAGE")


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"], ids=["lf", "crlf", "cr"])
async def test_lines_arrive_in_any_pieces_with_any_end(mixed: MixedNetwork, node: NodeProcess, end: bytes) -> None:
    client = await mixed.client(node)
    lines = (
        b'{"command":"LOGIN","username":"anonymous"}' + end,
        b'{"command":"ACTIVITY_MESSAGE","username":"anonymous","activity":{"text":"\xc3\xa9"}}' + end,
    )
    for byte in b"".join(lines):
        client.send_raw(bytes((byte,)))
        await asyncio.sleep(0)
    await client.expect("LOGIN_SUCCESS")
    await wait_until(lambda: client.texts() == ["é"])


async def test_many_messages_may_arrive_at_once_and_are_taken_in_order(mixed: MixedNetwork, node: NodeProcess) -> None:
    client = await mixed.client(node)
    posts = b"".join(
        b'{"command":"ACTIVITY_MESSAGE","username":"ada","secret":"s1","activity":{"text":%d}}\n' % number
        for number in range(200)
    )
    client.send_raw(
        b'{"command":"REGISTER","username":"ada","secret":"s1"}\n'
        b'{"command":"LOGIN","username":"ada","secret":"s1"}\n' + posts
    )
    await client.expect("REGISTER_SUCCESS")
    await client.expect("LOGIN_SUCCESS")
    await wait_until(lambda: client.texts() == list(range(200)))


async def test_an_activity_arrives_as_it_was_sent(mixed: MixedNetwork, node: NodeProcess) -> None:
    activity = (
        b'{"big":123456789012345678901234567890,"exact":0.10,"exp":1E+2,"nul":"a\\u0000b","deep":[{"x":[[]]}],'
        b'"authenticated_user":"mallory","o":{"authenticated_user":"kept"}}'
    )
    client = await mixed.anonymous(node)
    client.send_raw(b'{"command":"ACTIVITY_MESSAGE","username":"anonymous","activity":' + activity + b"}\n")
    await wait_until(lambda: client.broadcast_lines)
    assert activity.replace(b'"mallory"', b'"anonymous"') in client.broadcast_lines[0]


async def test_a_base_client_is_sent_the_activity_and_nothing_else(mixed: MixedNetwork, node: NodeProcess) -> None:
    client = await mixed.anonymous(node)
    client.post({"text": "short"})
    await wait_until(lambda: client.broadcast_lines)
    assert client.broadcast_lines == [
        b'{"command":"ACTIVITY_BROADCAST","activity":{"text":"short","authenticated_user":"anonymous"}}'
    ]


async def test_unknown_fields_are_ignored(mixed: MixedNetwork, node: NodeProcess) -> None:
    client = await mixed.client(node)
    client.send({"command": "LOGIN", "username": "anonymous", "clientVersion": [1, 2], "id": 5, "version": "2.0"})
    await client.expect("LOGIN_SUCCESS")


async def test_every_client_gets_each_activity_once_and_in_order_on_all_servers(mixed: MixedNetwork) -> None:
    nodes = await mixed.nodes.build([0, 1])
    clients = [await mixed.anonymous(node) for node in nodes]
    for number in range(30):
        clients[number % 3].post({"text": [number % 3, number]})
    for client in clients:
        await wait_until(lambda client=client: len(client.texts()) >= 30)  # type: ignore[misc]
        for sender in range(3):
            assert [n for s, n in client.texts() if s == sender] == list(range(sender, 30, 3))
    mixed.unharmed()


async def test_a_user_registered_on_one_node_logs_in_on_another_at_once(mixed: MixedNetwork) -> None:
    first, second = await mixed.nodes.build([0])
    client = await mixed.client(first)
    await client.register("ada", "s1")
    elsewhere = await mixed.client(second)
    await elsewhere.login("ada", "s1")
    late = await mixed.client(second)
    late.send({"command": "REGISTER", "username": "ada", "secret": "s2"})
    await late.expect_refusal("REGISTER_FAILED")


async def test_of_one_name_registered_everywhere_at_once_exactly_one_succeeds(mixed: MixedNetwork) -> None:
    nodes = await mixed.nodes.build([0, 0])
    clients = [await mixed.client(node) for node in nodes for _ in range(2)]
    for number, client in enumerate(clients):
        client.send({"command": "REGISTER", "username": "ada", "secret": f"s{number}"})
    answers = [await client.next(15) for client in clients]
    commands = [answer["command"] for answer in answers if answer is not None]
    assert sorted(commands) == ["REGISTER_FAILED"] * 5 + ["REGISTER_SUCCESS"]
    winner = commands.index("REGISTER_SUCCESS")
    for node in nodes:
        login = await mixed.client(node)
        await login.login("ada", f"s{winner}")


async def test_a_client_is_redirected_to_a_node_with_two_fewer_and_stays_there(mixed: MixedNetwork) -> None:
    first, second = await mixed.nodes.build([0])
    clients = [await mixed.client(first, follow=True) for _ in range(6)]
    for client in clients:
        await client.login()
        await client.settle(0.1)
    # A redirect may take longer than that on a busy machine, and the login after it too.
    await wait_until(lambda: sum(client.peer == second.address for client in clients) in (2, 3))
    for client in clients:
        await client.settle()
    assert sum(client.peer == second.address for client in clients) in (2, 3)
    assert all(client.redirects in ([], [second.address]) for client in clients)
    mixed.unharmed()


async def test_a_burst_of_logins_does_not_herd(mixed: MixedNetwork) -> None:
    nodes = await mixed.nodes.build([0, 0])
    clients = [await mixed.client(nodes[0], follow=True) for _ in range(30)]
    await asyncio.gather(*(client.login() for client in clients))
    await asyncio.gather(*(client.settle() for client in clients))
    ways = [[nodes[0].address, *client.redirects] for client in clients]
    assert [way for way in ways if len(set(way)) < len(way)] == [], "somebody was bounced back"
    shares = [sum(client.peer == node.address for client in clients) for node in nodes]
    assert sum(shares) == 30
    assert max(shares) - min(shares) <= 6, shares


async def test_a_quitting_node_sends_its_base_clients_to_another(mixed: MixedNetwork) -> None:
    first, second = await mixed.nodes.build([0])
    client = await mixed.client(first, follow=True)
    await client.register("ada", "s1")
    await client.login("ada", "s1")
    client.post({"text": "last words"})
    await wait_until(lambda: client.texts() == ["last words"])
    assert await first.quit() == 0
    await client.expect("LOGIN_SUCCESS")
    assert client.redirects == [second.address]
    client.post({"text": "here now"})
    await wait_until(lambda: client.texts() == ["last words", "here now"])
    mixed.unharmed()


async def test_what_a_base_client_posted_last_survives_the_quit_of_its_node(mixed: MixedNetwork) -> None:
    first, second = await mixed.nodes.build([0])
    watching = await mixed.anonymous(second)
    client = await mixed.client(first, follow=True)
    await client.login()
    for number in range(50):
        client.post({"text": number})
    await wait_until(lambda: len(client.texts()) >= 1)
    accepted = list(client.texts())
    assert await first.quit() == 0
    await wait_until(lambda: set(watching.texts()) >= set(accepted))
    assert watching.texts() == sorted(set(watching.texts()))


async def test_a_base_client_of_the_last_node_is_let_go_without_a_word_that_it_does_not_know(
    mixed: MixedNetwork, node: NodeProcess
) -> None:
    client = await mixed.anonymous(node)
    assert await node.quit() == 0
    await client.expect_close()
    mixed.unharmed()


async def test_a_restarted_node_knows_its_users(mixed: MixedNetwork, node: NodeProcess) -> None:
    client = await mixed.client(node)
    await client.register("ada", "s1")
    node.kill9()
    await node.wait()
    await node.restart()
    again = await mixed.client(node)
    await again.login("ada", "s1")
    late = await mixed.client(node)
    late.send({"command": "REGISTER", "username": "ada", "secret": "s2"})
    await late.expect_refusal("REGISTER_FAILED")


async def test_answers_are_plain_json_lines(mixed: MixedNetwork, node: NodeProcess) -> None:
    client = await mixed.anonymous(node)
    client.post({"text": "é🦉"})
    await wait_until(lambda: client.broadcast_lines)
    for line in client.record.received_lines:
        assert json.loads(line.decode("utf-8"))["command"]
        assert line == line.strip()
