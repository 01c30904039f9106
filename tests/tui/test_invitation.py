"""How others are invited: with an address that they can use, or with a word about why they cannot."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from core.wire.address import Address
from tui.model.client_model import ClientModel
from tui.panes.overview import address_for_others, invite_line
from tui.text import invitation


def model(*, node: Address | None = None, server: Address | None = None, told: Address | None = None) -> ClientModel:
    """A session on a node that advertises `node`, or at `server`, which says of itself that it is at `told`."""
    face: Any = SimpleNamespace(
        node=SimpleNamespace(advertised=node) if node is not None else None,
        server=server,
        snapshot=SimpleNamespace(hostname=told.host, port=told.port) if told is not None else None,
        owns_node=False,
    )
    return cast(ClientModel, face)


LAN = Address("192.168.1.5", 3780)


def test_on_a_node_its_own_address_is_told() -> None:
    assert address_for_others(model(node=LAN)) == LAN


@pytest.mark.parametrize("typed", ["127.0.0.1", "localhost", "::1", "fe80::1%eth0", "0.0.0.0"])
def test_who_came_by_an_address_of_this_machine_tells_others_the_one_that_the_server_tells(typed: str) -> None:
    assert address_for_others(model(server=Address(typed, 3780), told=LAN)) == LAN
    assert "192.168.1.5" in invite_line(model(server=Address(typed, 3780), told=LAN), 80)


def test_who_came_by_an_address_for_everybody_tells_that_one() -> None:
    typed = Address("chat.example.org", 3780)
    assert address_for_others(model(server=typed, told=LAN)) == typed


def test_what_a_server_says_of_itself_is_no_more_than_text() -> None:
    told = Address("\x1b]0;x\x07 $(rm -rf ~)", 3780)
    line = invite_line(model(server=Address("127.0.0.1", 3780), told=told), 200)
    assert "\x1b" not in line
    assert line.endswith("'")


@pytest.mark.parametrize(
    ("host", "word"),
    [
        ("127.0.0.1", "--advertise"),
        ("::1", "--advertise"),
        ("localhost", "--advertise"),
        ("fe80::1%eth0", "one cable"),
        ("169.254.1.1", "one cable"),
    ],
)
def test_an_address_that_does_not_serve_everybody_comes_with_a_caution(host: str, word: str) -> None:
    assert word in invitation.caution(Address(host, 3780))


@pytest.mark.parametrize("host", ["192.168.1.5", "chat.example.org", "2001:db8::5"])
def test_an_address_for_everybody_comes_without(host: str) -> None:
    assert invitation.caution(Address(host, 3780)) == ""
