"""Which names can be registered, and how addresses are read."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.wire.address import Address, parse_address, parse_port
from core.wire.names import name_problem, secret_problem


@pytest.mark.parametrize(
    "name", ["a", "ada", "Ada Lovelace", "x" * 64, "🦉" * 64, "Ωmega", "Anonymous", "anonymous2", '<b>"\\', "a.b", "5"]
)
def test_these_names_can_be_registered(name: str) -> None:
    assert name_problem(name) is None


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("", "at least 1 character"),
        ("anonymous", "cannot be registered"),
        ("x" * 65, "at most 64 characters, this one has 65"),
        ("🦉" * 65, "at most 64"),
        (" ada", "begin or end with a blank"),
        ("ada ", "begin or end with a blank"),
        ("\u3000ada", "begin or end with a blank"),
        ("ada\n", "begin or end with a blank"),
        (" ", "begin or end with a blank"),
        ("a\nb", "control characters"),
        ("a\0b", "control characters"),
        ("a\x1b[31mb", "control characters"),
        ("a\x7fb", "control characters"),
        ("a\x9bb", "control characters"),
        ("a\u2028b", "control characters"),
        ("a\ud800b", "control characters"),
    ],
)
def test_these_names_cannot_and_the_reason_is_told(name: str, problem: str) -> None:
    assert problem in (name_problem(name) or "")


@given(st.text())
def test_a_name_that_passes_is_short_printable_and_unpadded(name: str) -> None:
    if name_problem(name) is None:
        assert 1 <= len(name) <= 64
        assert name == name.strip() != "anonymous"
        assert len(f"x{name}x".splitlines()) == 1


def test_a_secret_has_at_least_one_and_not_too_many_characters() -> None:
    assert secret_problem("x") is None
    assert secret_problem("\0 any thing 🦉") is None
    assert secret_problem("x" * 1024) is None
    assert "at least 1" in (secret_problem("") or "")
    assert "at most 1024" in (secret_problem("x" * 1025) or "")


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("localhost:3781", Address("localhost", 3781)),
        ("  localhost:3781\n", Address("localhost", 3781)),
        ("localhost", Address("localhost", 3780)),
        ("localhost:", Address("localhost", 3780)),
        ("10.0.0.1:0", Address("10.0.0.1", 0)),
        ("[::1]:3781", Address("::1", 3781)),
        ("[::1]", Address("::1", 3780)),
        ("::1", Address("::1", 3780)),
        ("fe80::1%eth0", Address("fe80::1%eth0", 3780)),
        ("über.example:1", Address("über.example", 1)),
    ],
)
def test_these_are_addresses(text: str, address: Address) -> None:
    assert parse_address(text) == address


def test_a_default_stands_in_for_a_missing_host_or_port() -> None:
    assert parse_address(":80", default_host="h") == Address("h", 80)
    assert parse_address("", default_host="h", default_port=7) == Address("h", 7)


@pytest.mark.parametrize(
    "text",
    [
        *("", ":", ":3780", "[]:1", "[::1", "[::1]3780", "[::1]x", "host:x", "host:70000", "host:-1", "host:+1"),
        *("a b:1", "http://host:1", "host/path", "host:1:2", "1.2.3.4:80:90", "host:1_0", "host:８０", "host: 80"),
    ],
)
def test_these_are_none_and_the_reason_names_what_was_written(text: str) -> None:
    with pytest.raises(ValueError, match="is not a") as caught:
        parse_address(text)
    assert "PORT" in str(caught.value) or "a port is a number" in str(caught.value)


@given(st.ip_addresses() | st.from_regex(r"[a-z][a-z0-9.-]{0,30}", fullmatch=True), st.integers(0, 65535))
def test_an_address_is_written_and_read(host: object, port: int) -> None:
    address = Address(str(host), port)
    assert parse_address(str(address)) == address


@given(st.text())
def test_any_text_is_an_address_or_a_value_error(text: str) -> None:
    with contextlib.suppress(ValueError):
        parse_address(text)


@pytest.mark.parametrize(("text", "port"), [("0", 0), ("65535", 65535), (80, 80), ("080", 80)])
def test_a_port_is_a_number_or_its_digits(text: str | int, port: int) -> None:
    assert parse_port(text) == port


@pytest.mark.parametrize("text", ["", "x", "-1", "65536", " 80", "8_0", "٣", "9" * 5000, -1, 65536, True])
def test_everything_else_is_no_port(text: str | int) -> None:
    with pytest.raises(ValueError, match="is not a port"):
        parse_port(text)
