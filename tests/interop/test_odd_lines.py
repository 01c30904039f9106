"""Lines between real servers that are legal and yet unlike what our own nodes write."""

from __future__ import annotations

import pytest

from tests.base_peers.dialects import TEXT, D, Dialect, E, O
from tests.base_peers.lines import stays, wait_until
from tests.base_peers.network import SECRET
from tests.interop.conftest import MixedNetwork

NEARLY_A_MEBIBYTE = 1024 * 1024 - 8192


@pytest.mark.parametrize("dialect", [TEXT, O, D, E], ids=lambda dialect: dialect.name)
async def test_an_activity_of_nearly_a_mebibyte_crosses_the_network(mixed: MixedNetwork, dialect: Dialect) -> None:
    first = await mixed.node()
    second = await mixed.node(first)
    near = await mixed.base_server(first, dialect)
    far = await mixed.base_server(second, dialect)
    await mixed.settled()
    writing = await mixed.anonymous(near)
    reading = [await mixed.anonymous(server) for server in (first, second, far)]
    writing.post({"text": "x" * NEARLY_A_MEBIBYTE})
    writing.post({"text": "and another"})
    for client in reading:
        await wait_until(lambda client=client: len(client.texts()) == 2, 20.0)  # type: ignore[misc]
        assert client.texts() == ["x" * NEARLY_A_MEBIBYTE, "and another"]
    mixed.unharmed()


async def test_members_that_are_there_twice_do_not_reach_a_server_that_refuses_them(mixed: MixedNetwork) -> None:
    node = await mixed.node()
    strict = await mixed.base_server(node, D)
    await mixed.settled()
    reading = await mixed.anonymous(strict)
    client = await mixed.anonymous(node)
    client.send_raw(
        b'{"command":"ACTIVITY_MESSAGE","username":"anonymous","activity":'
        b'{"text":1,"text":2,"o":[{"a":1,"a":{"b":1,"b":2}}],"authenticated_user":"x","authenticated_user":"y"}}\n'
    )
    await wait_until(lambda: reading.broadcasts)
    assert reading.broadcasts == [{"text": 2, "o": [{"a": {"b": 2}}], "authenticated_user": "anonymous"}]
    mixed.unharmed()


async def test_a_server_of_a_later_redesign_is_told_apart_and_harms_nobody(mixed: MixedNetwork) -> None:
    node = await mixed.node()
    other = await mixed.anonymous(node)
    stranger = await mixed.client(node)
    stranger.send(
        {"command": "AUTHENTICATE", "secret": SECRET, "serverId": "f3c9", "host": "203.0.113.1", "port": "3780"}
    )
    # It has shown no feature of ours, so it is spoken to like a base server: not before it has announced itself.
    await stays(lambda: stranger.record.received_lines == [], 1.0)
    stranger.send({"command": "NEW_USERS", "users": {}})
    info = await stranger.expect_refusal("INVALID_MESSAGE")
    assert "NEW_USERS" in info
    other.post({"text": "still here"})
    await wait_until(lambda: other.texts() == ["still here"])
