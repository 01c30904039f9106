"""Where servers say that they are reached, on networks other than one machine: without a default route, with IPv6
only, with several interfaces, and when the address changes.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.processes.harness import NodeNetwork, wait_for
from tests.processes.hosts import NotAllowed
from tests.processes.lans import NATIVE, Host, Lans, PlacedNode

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

LOGIN: dict[str, Any] = {"command": "LOGIN", "username": "anonymous", "features": NATIVE}
CROWD = 6
DISCOVERED = 4.0
"""Seconds after its login by which a client has asked its server for others: 3 at most."""


@pytest.fixture
async def lans() -> AsyncIterator[Lans]:
    made = Lans(f"aa{os.getpid()}")
    try:
        try:
            await made.host({"probe": []})
        except NotAllowed as error:
            pytest.skip(f"the system does not allow network namespaces here: {error}")
        yield made
    finally:
        await made.remove()


@pytest.fixture
async def network(tmp_path: Path) -> AsyncIterator[NodeNetwork]:
    async with NodeNetwork(tmp_path) as made:
        yield made


async def start(
    network: NodeNetwork, host: Host, name: str, join: str | None = None, options: Sequence[str] = ()
) -> PlacedNode:
    node = PlacedNode(host, network.directory / name, join, ("--name", name, *options))
    network.nodes.append(node)
    await node.start()
    return node


async def addresses(asker: Host, host: str) -> dict[str, str]:
    """Where a server says that each server is, by name."""
    status = await asker.status(host)
    return {one["name"]: one["hostname"] for one in status["servers"] if one["state"] in ("here", "reachable")}


async def linked(asker: Host, host: str, count: int) -> dict[str, str]:
    found: dict[str, str] = {}

    async def all_there() -> bool:
        found.clear()
        found.update(await addresses(asker, host))
        return len(found) == count

    await wait_for(all_there, 30.0, f"{count} servers")
    return found


async def redirects(client: Host, host: str, count: int = CROWD) -> set[str]:
    """Where a crowd of people, who come one after the other, is sent."""
    heard = await client.crowd(count, host, LOGIN, until=["CAUGHT_UP", "REDIRECT"])
    assert all(one and one[0]["command"] == "LOGIN_SUCCESS" for one in heard), heard
    return {one[-1]["hostname"] for one in heard if one[-1]["command"] == "REDIRECT"}


def written(host: str) -> str:
    """An address as people write it."""
    return f"[{host}]:3780" if ":" in host else f"{host}:3780"


async def post(writer: Host, host: str, text: str) -> None:
    activity = {"text": text}
    message = {"command": "ACTIVITY_MESSAGE", "username": "anonymous", "activity": activity, "ref": os.urandom(8).hex()}
    await writer.talk(host, LOGIN | {"redirects": 1000}, message, until=["ACTIVITY_ACK"])


@pytest.mark.parametrize(
    ("a", "b", "c", "bits"),
    [("10.77.1.1", "10.77.1.2", "10.77.1.3", 24), ("fd77:1::1", "fd77:1::2", "fd77:1::3", 64)],
    ids=["IPv4 without a default route", "IPv6 only"],
)
async def test_people_are_sent_to_and_find_servers_at_addresses_of_their_lan(
    lans: Lans, network: NodeNetwork, tmp_path: Path, a: str, b: str, c: str, bits: int
) -> None:
    hosts = [await lans.host({"lan": [f"{address}/{bits}"]}) for address in (a, b, c)]
    ada = await start(network, hosts[0], "ada")
    await start(network, hosts[1], "bob", join=a)
    assert ada.reached == written(a).removesuffix(":3780")
    assert f"activity-tui join {written(a)}" in ada.stderr.replace("'", "")
    assert await linked(hosts[2], a, 2) == {"ada": a, "bob": b}
    assert await redirects(hosts[2], a) == {b}
    async with hosts[2].program(tmp_path / "reader", "tail", written(a), "--json") as reader:

        async def heard(at: str, text: str) -> bool:
            await post(hosts[2], at, text)
            return any(text in line for line in reader.lines)

        await wait_for(lambda: heard(b, "before"), 30.0, "the reader is there", interval=0.5)
        await asyncio.sleep(DISCOVERED)
        ada.kill9()
        await ada.wait()
        await wait_for(
            lambda: heard(b, "after"), 40.0, f"the reader goes on at the other: {reader.lines}", interval=0.5
        )


async def test_servers_of_two_lans_meet_at_one_that_is_on_both_and_people_stay_on_their_own(
    lans: Lans, network: NodeNetwork
) -> None:
    left, right = await lans.host({"left": ["10.77.1.1/24"]}), await lans.host({"right": ["10.77.2.1/24"]})
    middle = await lans.host({"left": ["10.77.1.9/24"], "right": ["10.77.2.9/24"]})
    await start(network, middle, "mid")
    await start(network, left, "ada", join="10.77.1.9")
    await start(network, right, "bob", join="10.77.2.9")
    await linked(left, "10.77.1.1", 3)
    await linked(right, "10.77.2.1", 3)
    # bob is at 10.77.2.1, which leads nowhere on the left, and ada nowhere on the right.
    assert await redirects(left, "10.77.1.9") == {"10.77.1.1"}
    assert await redirects(right, "10.77.2.9") == {"10.77.2.1"}
    assert await redirects(right, "10.77.2.1") <= {"10.77.2.9", "10.77.1.1"}
    assert "10.77.2.9" in await redirects(right, "10.77.2.1", 12)


async def test_a_server_on_both_lans_is_found_again_by_the_servers_of_each(lans: Lans, network: NodeNetwork) -> None:
    left, right = await lans.host({"left": ["10.77.1.1/24"]}), await lans.host({"right": ["10.77.2.1/24"]})
    middle = await lans.host({"left": ["10.77.1.9/24"], "right": ["10.77.2.9/24"]})
    mid = await start(network, middle, "mid")
    await start(network, left, "ada", join="10.77.1.9")
    await start(network, right, "bob", join="10.77.2.9")
    await linked(right, "10.77.2.1", 3)
    mid.kill9()
    await mid.wait()
    for node in network.nodes[1:]:
        node.kill9()
        await node.wait()
    # All start again with nothing but what they remember, the one in the middle last: it is the others who find it.
    for node in (*network.nodes[1:], mid):
        node.join = None
        await node.start()
    await linked(left, "10.77.1.1", 3)
    await linked(right, "10.77.2.1", 3)


async def test_somebody_is_sent_to_an_address_of_the_family_by_which_they_came(
    lans: Lans, network: NodeNetwork
) -> None:
    both = await lans.host({"lan": ["10.77.1.1/24", "fd77:1::1/64"]})
    also = await lans.host({"lan": ["10.77.1.2/24", "fd77:1::2/64"]})
    four, six = await lans.host({"lan": ["10.77.1.4/24"]}), await lans.host({"lan": ["fd77:1::6/64"]})
    await start(network, both, "ada")
    await start(network, also, "bob", join="10.77.1.1")
    await linked(four, "10.77.1.1", 2)
    assert await redirects(four, "10.77.1.1") == {"10.77.1.2"}
    assert await redirects(six, "fd77:1::1") == {"fd77:1::2"}


async def test_nobody_is_sent_to_a_server_of_the_other_family(lans: Lans, network: NodeNetwork) -> None:
    both = await lans.host({"lan": ["10.77.1.1/24", "fd77:1::1/64"]})
    four, six = await lans.host({"lan": ["10.77.1.4/24"]}), await lans.host({"lan": ["fd77:1::6/64"]})
    await start(network, both, "ada")
    await start(network, four, "four", join="10.77.1.1")
    await start(network, six, "six", join="fd77:1::1")
    await linked(four, "10.77.1.1", 3)
    assert await redirects(four, "10.77.1.1") == {"10.77.1.4"}
    assert await redirects(six, "fd77:1::1") == {"fd77:1::6"}


async def test_a_server_that_advertises_loopback_is_reached_where_it_is_seen_by_people_of_other_machines(
    lans: Lans, network: NodeNetwork
) -> None:
    hosts = [await lans.host({"lan": [f"10.77.1.{number}/24"]}) for number in (1, 2, 3)]
    await start(network, hosts[0], "ada")
    await start(network, hosts[1], "bob", join="10.77.1.1", options=("--advertise", "127.0.0.1"))
    assert await linked(hosts[2], "10.77.1.1", 2) == {"ada": "10.77.1.1", "bob": "10.77.1.2"}
    assert await redirects(hosts[2], "10.77.1.1") == {"10.77.1.2"}


async def test_a_server_that_listens_on_loopback_only_gets_nobody_from_another_machine(
    lans: Lans, network: NodeNetwork
) -> None:
    one, other = await lans.host({"lan": ["10.77.1.1/24"]}), await lans.host({"lan": ["10.77.1.2/24"]})
    await start(network, one, "ada")
    near = PlacedNode(one, network.directory / "near", "127.0.0.1", ("--name", "near", "--host", "127.0.0.1"))
    near.port = 3790
    network.nodes.append(near)
    await near.start()
    await linked(other, "10.77.1.1", 2)
    assert await redirects(other, "10.77.1.1") == set()
    assert await redirects(one, "127.0.0.1") == {"127.0.0.1"}


async def test_a_server_whose_machine_moves_to_another_address_says_so_within_seconds(
    lans: Lans, network: NodeNetwork
) -> None:
    hosts = [await lans.host({"lan": [f"10.77.1.{number}/24"]}) for number in (1, 2)]
    await start(network, hosts[0], "ada")
    await start(network, hosts[1], "bob", join="10.77.1.1")
    assert await linked(hosts[0], "10.77.1.1", 2) == {"ada": "10.77.1.1", "bob": "10.77.1.2"}
    await hosts[1].address("delete", "10.77.1.2/24")
    await hosts[1].address("add", "10.77.1.7/24")

    async def moved() -> bool:
        return (await addresses(hosts[0], "10.77.1.1")).get("bob") == "10.77.1.7"

    await wait_for(moved, 60.0, "the new address is announced", interval=0.5)
    await network.nodes[1].said("others reach this server at 10.77.1.7:3780 from now on")
