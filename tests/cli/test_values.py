"""Values as people write them."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.wire.address import Address
from tui.cli import values
from tui.text import quantities


@pytest.mark.parametrize(
    ("written", "seconds"),
    [("90", 90), ("1.5", 1.5), ("500ms", 0.5), ("10m", 600), ("2h", 7200), ("1d", 86400), (5, 5), (0.5, 0.5)],
)
def test_a_time_is_seconds_or_a_number_with_a_unit(written: object, seconds: float) -> None:
    assert quantities.duration(written) == seconds


@pytest.mark.parametrize(
    "written", ["", "soon", "-1", "1 hour", "10x", "1e9", "nan", "inf", True, None, "\u0663", "9999999w"]
)
def test_what_is_no_time_is_refused(written: object) -> None:
    with pytest.raises(ValueError):
        quantities.duration(written)


def test_an_interval_may_be_switched_off_only_where_that_makes_sense() -> None:
    assert quantities.duration_between(1, 10, zero=True)("0") == 0
    with pytest.raises(ValueError, match="out of range"):
        quantities.duration_between(1, 10)("0")


@pytest.mark.parametrize(
    ("written", "address"),
    [
        ("3722", Address("", 3722)),
        (3722, Address("", 3722)),
        (":3722", Address("", 3722)),
        ("127.0.0.1:3722", Address("127.0.0.1", 3722)),
        ("[::1]:3722", Address("::1", 3722)),
    ],
)
def test_where_to_listen_is_a_port_or_a_host_and_a_port(written: object, address: Address) -> None:
    assert values.listening(written) == address


@pytest.mark.parametrize("written", ["host", "host:", "1:2:3", "70000", True, 1.5])
def test_where_to_listen_needs_a_port(written: object) -> None:
    with pytest.raises(ValueError):
        values.listening(written)


def test_an_advertised_address_without_a_port_stands_for_the_listening_port() -> None:
    assert values.advertised("chat.example.org") == Address("chat.example.org", 0)
    assert values.advertised("chat.example.org:99") == Address("chat.example.org", 99)


def test_an_address_to_connect_to_cannot_have_port_zero() -> None:
    assert values.address("example.org") == Address("example.org", 3780)
    with pytest.raises(ValueError, match="only makes sense to listen on"):
        values.address("example.org:0")


@pytest.mark.parametrize("written", ["", "*", "[]"])
def test_no_host_means_all_addresses(written: str) -> None:
    assert values.host(written) == ""


def test_a_host_with_a_port_says_that_the_port_is_a_setting_of_its_own() -> None:
    with pytest.raises(ValueError, match="setting of its own"):
        values.host("localhost:3780")


@pytest.mark.parametrize("written", [True, "yes", "ON", "1", "true"])
def test_a_switch_is_on_in_many_words(written: object) -> None:
    assert values.switch(written) is True


@pytest.mark.parametrize("written", ["maybe", 1, 0, None, ""])
def test_a_switch_is_nothing_between_on_and_off(written: object) -> None:
    with pytest.raises(ValueError):
        values.switch(written)


@pytest.mark.parametrize("written", ["1.0", 1.0, True, "many", "", None])
def test_a_count_is_a_whole_number(written: object) -> None:
    with pytest.raises(ValueError, match="whole number"):
        quantities.count_between(0, 10)(written)


def test_a_path_begins_at_home_where_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/somewhere")
    assert values.path("~/data") == Path("/somewhere/data")


@pytest.mark.parametrize("name", ["", " ada", "a\nb", "x" * 65])
def test_a_user_name_that_could_not_be_registered_is_refused(name: str) -> None:
    with pytest.raises(ValueError):
        values.username(name)


@pytest.mark.parametrize("written", ["", "two\nlines", "x" * 1025, 5])
def test_a_refused_secret_is_not_told(written: object) -> None:
    with pytest.raises(ValueError) as refused:
        values.secret(written)
    assert not written or str(written) not in str(refused.value)


def test_a_secret_file_gives_its_first_line(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text("correct horse \r\nsomething else\n")
    assert values.read_secret_file(file) == "correct horse "


@pytest.mark.parametrize("content", [b"", b"\n\n", b"\xff\xfe\n"])
def test_a_secret_file_without_a_secret_is_refused(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "secret"
    file.write_bytes(content)
    with pytest.raises(ValueError, match=str(file)):
        values.read_secret_file(file)


@pytest.mark.parametrize("content", [b"\xef\xbb\xbfopen sesame\r\n", b"\xef\xbb\xbfopen sesame", b"open sesame\n"])
def test_a_byte_order_mark_is_no_part_of_a_secret(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "secret"
    file.write_bytes(content)
    assert values.read_secret_file(file) == "open sesame"


@pytest.mark.parametrize(
    "text", ["0.0.0.0", "[::]:3780", "::", "0", "169.254.1.1", "fe80::1%eth0", "[fe80::1]:99", "224.0.0.1", "ff02::1"]
)
def test_what_nobody_could_reach_is_not_advertised(text: str) -> None:
    with pytest.raises(ValueError, match="name the address or the name by which others reach this server"):
        values.advertised(text)


@pytest.mark.parametrize("text", ["10.0.0.1", "[2001:db8::1]:99", "chat.example.org", "127.0.0.1", "localhost:1"])
def test_what_somebody_could_reach_is_advertised(text: str) -> None:
    assert values.advertised(text).host in text


@pytest.mark.parametrize(
    ("text", "host"),
    [
        *((text, "") for text in ("", "*")),
        *((text, "0.0.0.0") for text in ("0.0.0.0", "0", "0.0")),
        *((text, "::") for text in ("::", "[::]", "0::0")),
        ("[fe80::1%eth0]", "fe80::1%eth0"),
        ("127.0.0.1", "127.0.0.1"),
    ],
)
def test_all_addresses_of_one_family_are_told_from_all_addresses(text: str, host: str) -> None:
    assert values.host(text) == host


@pytest.mark.parametrize("text", ["fe80::1", "[fe80::1]:3780", "224.0.0.1", "255.255.255.255:99", "[ff02::1]:3780"])
def test_what_cannot_be_connected_to_is_told_before_it_is_tried(text: str) -> None:
    with pytest.raises(ValueError, match=r"as in fe80::1%eth0|no address of a machine"):
        values.address(text)


@pytest.mark.parametrize("text", ["fe80::1%eth0", "[fe80::1%2]:99", "169.254.3.4", "localhost", "[::1]:3780"])
def test_a_link_local_address_with_its_interface_may_be_tried(text: str) -> None:
    assert values.address(text).host in text


@pytest.mark.parametrize(
    ("text", "size"),
    [
        (0, 0),
        ("0", 0),
        ("5", 5),
        ("64K", 65_536),
        ("1.5k", 1536),
        ("512M", 2**29),
        ("2 GiB", 2**31),
        ("1TB", 2**40),
        (7, 7),
    ],
)
def test_a_size_is_bytes_or_has_a_unit(text: object, size: int) -> None:
    assert values.size(text) == size


@pytest.mark.parametrize("text", ["", "M", "5 parsecs", "-1", -1, True, 1.5, "1e9", "5MM", "9" * 40])
def test_what_is_no_size_is_refused_with_an_example(text: object) -> None:
    with pytest.raises(ValueError, match="512M"):
        values.size(text)


@pytest.mark.parametrize(
    ("written", "ids"),
    [("", ()), ("one", ("one",)), (" two, one ,", ("one", "two")), (["one", "two"], ("one", "two")), ([], ())],
)
def test_servers_are_named_by_their_ids_with_commas_between_them_or_in_a_list(
    written: object, ids: tuple[str, ...]
) -> None:
    found = values.server_ids(written)
    assert found == frozenset(ids)
    assert values.server_ids(str(found)) == found


@pytest.mark.parametrize("written", [5, None, ["one", 2], "one.2", "x" * 65])
def test_what_is_no_servers_id_is_refused(written: object) -> None:
    with pytest.raises(ValueError, match="server"):
        values.server_ids(written)


def test_a_text_that_is_too_long_is_said_to_be_that_whatever_it_is_for() -> None:
    assert values.label("x" * 64) == "x" * 64
    with pytest.raises(ValueError, match=r"^a text of at most 64 characters is wanted, this one has 65$"):
        values.label("x" * 65)
