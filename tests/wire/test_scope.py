"""How far addresses carry, and what they mean in the mouth of somebody else.

The classes are those of the address registries (RFC 6890, 4291, 3927, 6761), not of the code.
"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.wire.address import Address, parse_address
from core.wire.scope import (
    Scope,
    is_site_local,
    literal,
    meant,
    on_one_machine,
    on_one_network,
    plain_host,
    scope_of,
    why_not_advertised,
)

LOOPBACK = [
    *("127.0.0.1", "127.0.1.1", "127.255.255.254", "::1", "0:0:0:0:0:0:0:1", "[::1]", "::ffff:127.0.0.1"),
    *("localhost", "LOCALHOST", "localhost.", "db.localhost", "ip6-localhost", "localhost6", "localhost.localdomain"),
    *("127.1", "2130706433", "0x7f000001", "0x7f.0.0.1", "0177.0.0.1", "/127.0.0.1", "mybox/127.0.0.1"),
    *("::ffff:7f00:1", "64:ff9b::7f00:1"),
    # The resolver is given these as ASCII.
    *("\uff11\uff12\uff17.0.0.1", "127\u30020\u30020\u30021", "\u24db\u24deca\u24dbhost", "local\u00adhost"),
]
UNSPECIFIED = ["0.0.0.0", "::", "0", "0.0", "[::]", "::ffff:0.0.0.0", "0.1.2.3", "0x0", "\uff10"]
LINK = ["fe80::1", "fe80::1%eth0", "fe80::1%2", "febf::1", "169.254.1.2", "::ffff:169.254.1.2", "[fe80::1%eth0]"]
NOWHERE = ["224.0.0.1", "239.255.255.250", "255.255.255.255", "240.0.0.1", "ff02::1", "ff0e::5", "", "[]", "::1.2.3.4"]
ANYWHERE = [
    *("10.0.0.1", "192.168.1.5", "172.17.0.1", "100.64.0.7", "8.8.8.8", "2001:db8::5", "fd00::2", "::ffff:10.0.0.1"),
    *("chat.example.org", "mybox", "mybox.local", "localhost.example.org", "notlocalhost", "1.2.3.4.5", "256.1.1.1"),
    *("über.example", "08.1.1.1"),
]
CLASSES = [
    *((host, Scope.MACHINE) for host in LOOPBACK),
    *((host, Scope.UNSPECIFIED) for host in UNSPECIFIED),
    *((host, Scope.LINK) for host in LINK),
    *((host, Scope.NOWHERE) for host in NOWHERE),
    *((host, Scope.ANYWHERE) for host in ANYWHERE),
]


@pytest.mark.parametrize(("host", "scope"), CLASSES)
def test_every_class_of_address_is_known_in_every_spelling(host: str, scope: Scope) -> None:
    assert scope_of(host) is scope


@given(st.text(max_size=300))
def test_any_text_has_a_scope(host: str) -> None:
    assert scope_of(host) in Scope
    literal(host)


@given(st.ip_addresses(network="0.0.0.0/0") | st.ip_addresses(network="2000::/3"))
def test_every_literal_is_recognised_as_itself(address: object) -> None:
    assert literal(str(address)) == address


@pytest.mark.parametrize("host", [*LOOPBACK, *UNSPECIFIED])
def test_what_a_server_elsewhere_says_of_its_own_machine_is_its_host(host: str) -> None:
    assert meant(Address(host, 3781), "10.0.0.9", near=False, itself=False) == ("10.0.0.9", 3781)
    assert meant(Address(host, 3781), "10.0.0.9", near=False, itself=True) == ("10.0.0.9", 3781)


@pytest.mark.parametrize("host", LOOPBACK)
def test_on_one_machine_loopback_is_meant_as_it_is_said(host: str) -> None:
    assert meant(Address(host, 3781), "127.0.0.1", near=True, itself=False) == (plain_host(host), 3781)


@pytest.mark.parametrize("host", [*LINK, *NOWHERE])
def test_a_third_server_on_some_link_or_nowhere_cannot_be_meant(host: str) -> None:
    assert meant(Address(host, 3781), "10.0.0.9", near=False, itself=False) is None


@pytest.mark.parametrize("host", [*LINK, *NOWHERE])
def test_a_server_that_says_so_of_itself_is_where_it_is_seen(host: str) -> None:
    assert meant(Address(host, 3781), "10.0.0.9", near=False, itself=True) == ("10.0.0.9", 3781)


@pytest.mark.parametrize("host", ["10.0.0.1", "chat.example.org", "2001:db8::5"])
def test_what_may_be_meant_anywhere_is_believed(host: str) -> None:
    assert meant(Address(host, 3781), "10.0.0.9", near=False, itself=False) == (host, 3781)


def test_the_zone_of_a_third_server_on_the_same_link_is_this_machines_own() -> None:
    named = Address("fe80::5%en0", 3781)
    assert meant(named, "fe80::9%eth1", near=False, itself=False) == ("fe80::5%eth1", 3781)
    assert meant(named, "169.254.0.9", near=False, itself=False) is None
    assert meant(Address("169.254.0.5", 1), "169.254.0.9", near=False, itself=False) == ("169.254.0.5", 1)


@pytest.mark.parametrize("near", [True, False])
def test_nobody_listens_on_port_0(near: bool) -> None:
    assert meant(Address("10.0.0.1", 0), "10.0.0.9", near=near, itself=True) is None


@pytest.mark.parametrize(
    ("peer", "own", "one"),
    [
        ("127.0.0.1", "127.0.0.1", True),
        ("::1", "::1", True),
        ("127.0.0.1", "", True),
        ("10.0.0.1", "10.0.0.1", True),
        ("10.0.0.2", "10.0.0.1", False),
        ("10.0.0.2", "", False),
        ("node.example", "node.example", False),
    ],
)
def test_a_connection_stays_on_one_machine_over_loopback_or_from_an_address_to_itself(
    peer: str, own: str, one: bool
) -> None:
    assert on_one_machine(peer, own) is one


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("10.1.2.3", "10.1.2.200", True),
        ("10.1.2.3", "10.1.3.3", False),
        ("fd00:1:2:3::1", "fd00:1:2:3:ffff::9", True),
        ("fd00:1:2:3::1", "fd00:1:2:4::1", False),
        ("10.1.2.3", "fd00::1", False),
        ("mybox", "mybox", False),
        ("::ffff:10.1.2.3", "10.1.2.9", True),
    ],
)
def test_addresses_with_one_prefix_are_taken_to_be_on_one_network(one: str, other: str, same: bool) -> None:
    assert on_one_network(one, other) is same


@pytest.mark.parametrize(
    ("host", "private"),
    [
        *((host, True) for host in ("10.0.0.1", "172.16.0.1", "172.31.0.1", "192.168.0.1", "100.64.0.1", "fd12::1")),
        *((host, False) for host in ("8.8.8.8", "172.32.0.1", "100.128.0.1", "2001:db8::1", "192.169.0.1")),
    ],
)
def test_private_networks_are_those_of_the_registries(host: str, private: bool) -> None:
    address = literal(host)
    assert address is not None
    assert is_site_local(address) is private


@pytest.mark.parametrize("host", [*UNSPECIFIED, *LINK, *NOWHERE])
def test_what_nobody_could_reach_may_not_be_advertised(host: str) -> None:
    assert why_not_advertised(host)


@pytest.mark.parametrize("host", [*ANYWHERE, "127.0.0.1", "localhost"])
def test_what_somebody_could_reach_may_be_advertised(host: str) -> None:
    assert why_not_advertised(host) is None


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("[::1]:3780", Address("::1", 3780)),
        ("::1", Address("::1", 3780)),
        ("[fe80::1%eth0]:99", Address("fe80::1%eth0", 99)),
        ("fe80::1%eth0", Address("fe80::1%eth0", 3780)),
        ("localhost", Address("localhost", 3780)),
        ("[10.0.0.1]:99", Address("10.0.0.1", 99)),
        ("::ffff:10.0.0.1", Address("::ffff:10.0.0.1", 3780)),
    ],
)
def test_literals_and_names_are_read_with_and_without_brackets(text: str, address: Address) -> None:
    assert parse_address(text) == address
    assert parse_address(str(address)) == address


@pytest.mark.parametrize("text", ["fe80::1%eth0:3780", "1:2:3:4:5:6:7:8:3780", "::1]:3780", "[[::1]]:1", "a" * 254])
def test_what_is_nearly_an_address_is_refused_with_the_way_to_write_it(text: str) -> None:
    with pytest.raises(ValueError, match="is not an address"):
        parse_address(text)


def test_a_name_before_the_host_is_told_how_to_be_given() -> None:
    with pytest.raises(ValueError, match="-u NAME"):
        parse_address("ada@example.org:3780")
