"""Addresses that servers name: what is believed, and where the client goes when one led nowhere."""

from __future__ import annotations

import asyncio
import socket

import pytest

from core.client import ClientSettings, Disconnected, Redirected, ServerQuits, line_connection
from core.wire import messages as wire
from core.wire.address import Address
from tests.client.scripted import HERE, THERE, Driven

LAPTOP = Address("10.0.0.7", 3780)
SELF = [("127.0.0.1", 3781), ("::1", 3781), ("localhost", 3781), ("0.0.0.0", 3781), ("::", 3781), ("[::1]", 3781)]
NOWHERE = [("fe80::1", 3781), ("169.254.1.1", 3781), ("224.0.0.1", 3781), ("255.255.255.255", 3781), ("10.0.0.8", 0)]


def online(driven: Driven, *, near: bool = False, redirects: int = 0) -> None:
    """Let the server that was dialled last log the client in."""
    driven.machine.connected(driven.now, near=near)
    driven.take()
    assert driven.said(wire.Login)[-1].redirects == redirects
    driven.say(wire.LoginSuccess(id="aa"))


@pytest.mark.parametrize("named", SELF)
def test_a_redirect_to_the_servers_own_machine_leads_to_that_machine(named: tuple[str, int]) -> None:
    driven = Driven(addresses=[LAPTOP])
    driven.start()
    online(driven)
    driven.say(wire.Redirect(*named))
    assert driven.dialled == [LAPTOP, Address("10.0.0.7", 3781)]
    assert driven.of(Redirected) == [Redirected(Address("10.0.0.7", 3781))]


@pytest.mark.parametrize("named", SELF)
def test_a_successor_on_the_servers_own_machine_is_looked_for_there(named: tuple[str, int]) -> None:
    driven = Driven(addresses=[LAPTOP])
    driven.start()
    online(driven)
    driven.say(wire.Quit(*named))
    assert driven.dialled == [LAPTOP, Address("10.0.0.7", 3781)]
    assert driven.of(ServerQuits) == [ServerQuits(Address("10.0.0.7", 3781))]


@pytest.mark.parametrize("named", NOWHERE)
def test_an_address_that_leads_nowhere_from_here_is_not_dialled(named: tuple[str, int]) -> None:
    driven = Driven(addresses=[LAPTOP])
    driven.start()
    online(driven)
    driven.say(wire.Redirect(*named))
    assert driven.dialled == [LAPTOP]
    assert "leads nowhere from here" in driven.of(Disconnected)[-1].reason
    assert driven.until_dialled() == LAPTOP
    online(driven, redirects=1)
    driven.say(wire.Quit(*named))
    assert driven.until_dialled() == LAPTOP


@pytest.mark.parametrize("named", [("127.0.0.1", 3781), ("::1", 3781), ("localhost", 3781)])
def test_on_one_machine_loopback_goes_on_working(named: tuple[str, int]) -> None:
    driven = Driven(addresses=[Address("127.0.0.1", 3780)])
    driven.start()
    online(driven)
    driven.say(wire.Redirect(*named))
    assert driven.dialled[-1] == Address(*named)


def test_a_name_that_leads_to_this_machine_is_on_this_machine() -> None:
    driven = Driven(addresses=[Address("mybox", 3780)])
    driven.start()
    online(driven, near=True)
    driven.say(wire.Redirect("127.0.0.1", 3781))
    assert driven.dialled[-1] == Address("127.0.0.1", 3781)


def test_who_was_redirected_in_vain_comes_back_and_asks_to_stay() -> None:
    driven = Driven(addresses=[HERE])
    driven.start()
    online(driven)
    driven.say(wire.Redirect(*THERE))
    driven.machine.connect_failed("no route to host", driven.now)
    driven.take()
    assert driven.until_dialled() == HERE
    driven.connected()
    login = driven.said(wire.Login)[-1]
    assert login.redirects == 1, "a server of ours keeps a client that has followed any"
    assert login.visited == [str(THERE)]
    driven.say(wire.LoginSuccess(id="aa"))
    driven.machine.lost("gone", driven.now)
    driven.take()
    driven.until_dialled()
    driven.connected()
    assert (driven.said(wire.Login)[-1].redirects, driven.said(wire.Login)[-1].visited) == (0, [])


@pytest.mark.parametrize("how", ["hangs up", "says nothing", "talks nonsense"])
def test_who_was_sent_to_a_server_that_lets_nobody_in_was_sent_in_vain(how: str) -> None:
    driven = Driven(addresses=[HERE])
    driven.start()
    online(driven)
    driven.say(wire.Redirect(*THERE))
    assert driven.dialled[-1] == THERE
    driven.connected()
    if how == "hangs up":
        driven.machine.lost("closed by the peer", driven.now)
        driven.take()
    elif how == "talks nonsense":
        driven.machine.malformed("not JSON", driven.now)
        driven.take()
    assert driven.until_dialled() == HERE
    driven.connected()
    login = driven.said(wire.Login)[-1]
    assert (login.redirects, login.visited) == (1, [str(THERE)])


def test_a_redirect_that_leads_back_to_the_server_itself_is_no_circle_at_full_speed() -> None:
    driven = Driven(addresses=[Address("10.0.0.7", 3780)])
    driven.start()
    online(driven)
    driven.say(wire.Redirect("127.0.0.1", 3780))
    assert driven.dialled == [LAPTOP]
    assert driven.until_dialled() == LAPTOP
    online(driven, redirects=1)


def test_the_address_that_was_typed_and_those_that_worked_are_tried_when_the_named_one_fails() -> None:
    second, third = Address("two.example", 2), Address("three.example", 3)
    driven = Driven(addresses=[HERE])
    driven.start()
    online(driven)
    driven.say(wire.Redirect(*second))
    online(driven, redirects=1)
    driven.say(wire.Quit(*third))
    tried = [driven.dialled[-1]]
    while len(tried) < 4:
        driven.machine.connect_failed("no route to host", driven.now)
        driven.take()
        tried.append(driven.until_dialled())
    assert tried[0] == third
    assert {HERE, second} <= set(tried)


def test_who_was_redirected_in_vain_goes_back_to_the_server_that_let_them_in() -> None:
    driven = Driven(addresses=[Address("zero.example", 0), HERE, Address("three.example", 3)])
    driven.start()
    driven.machine.connect_failed("down", driven.now)
    driven.take()
    assert driven.until_dialled() == HERE
    online(driven)
    driven.say(wire.Redirect(*THERE))
    driven.machine.connect_failed("no route to host", driven.now)
    driven.take()
    assert driven.until_dialled() == HERE


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0", "fe80::1", "224.0.0.1"])
def test_what_a_status_says_of_other_machines_own_addresses_is_not_remembered(host: str) -> None:
    driven = Driven(ClientSettings(discover_after=None), addresses=[LAPTOP])
    driven.start()
    online(driven)
    driven.machine.request_status()
    server = {"state": "reachable", "hostname": host, "port": 3780}
    driven.say(wire.Status({"servers": [server, server | {"hostname": "10.0.0.9"}]}))
    driven.machine.lost("gone", driven.now)
    driven.take()
    tried = []
    for _ in range(4):
        tried.append(driven.until_dialled())
        driven.machine.connect_failed("down", driven.now)
        driven.take()
    assert set(tried) == {LAPTOP, Address("10.0.0.9", 3780)}


async def test_a_name_that_another_machine_gives_and_that_means_this_one_here_is_not_dialled(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def resolve(host: str, port: int, **_: object) -> list[object]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (found, port)) for found in names[host]]

    names = {"mybox": ["127.0.1.1"], "both": ["127.0.1.1", "10.0.0.9"], "other": ["10.0.0.9"]}
    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", resolve)
    with pytest.raises(OSError, match="this machine itself"):
        await line_connection.check_abroad(Address("mybox", 1))
    for host in ("both", "other", "127.0.0.1"):
        await line_connection.check_abroad(Address(host, 1))
