"""Network addresses as people write them: `HOST:PORT`, `HOST`, `:PORT`, `[IPv6]:PORT`."""

from __future__ import annotations

from typing import Final, NamedTuple

from core.wire.limits import DEFAULT_PORT

HOST_CHARACTERS_MAX: Final = 253
"""The longest name that the domain name system takes (RFC 1035)."""


class Address(NamedTuple):
    """A host (name or literal, IPv6 without brackets) and a TCP port."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def parse_address(text: str, *, default_host: str = "", default_port: int = DEFAULT_PORT) -> Address:
    """Read an address.

    Raises ValueError with a sentence for a person if `text` is not one.
    """
    text = text.strip()
    host, port = text, ""
    if text.startswith("["):
        host, bracket, rest = text[1:].partition("]")
        if not bracket or (rest and not rest.startswith(":")):
            raise ValueError(f"{text!r} is not an address: an IPv6 address is written [ADDRESS]:PORT")
        port = rest[1:]
    elif text.count(":") == 1:
        host, _, port = text.partition(":")
    if ":" in host and (not _is_ipv6(host) or ":" in host.partition("%")[2]):
        raise ValueError(
            f"{text!r} is not an address: write HOST:PORT, with an IPv6 address in brackets: [ADDRESS]:PORT"
        )
    if "@" in host:
        raise ValueError(f"{text!r} is not an address: write HOST:PORT, and who you are with -u NAME")
    if any(character.isspace() or character in "/[]" for character in host) or len(host) > HOST_CHARACTERS_MAX:
        raise ValueError(f"{text!r} is not an address: write HOST:PORT")
    host = host or default_host
    if not host:
        raise ValueError(f"{text!r} is not an address: the host is missing, write HOST:PORT")
    return Address(host, parse_port(port) if port else default_port)


def _is_ipv6(host: str) -> bool:
    import ipaddress  # Most addresses are names, or of IPv4.

    try:
        ipaddress.IPv6Address(host)
    except ValueError:
        return False
    return True


def parse_port(text: str | int) -> int:
    """Read a TCP port, 0 to 65535.

    Raises ValueError with a sentence for a person.
    """
    if type(text) is int and 0 <= text <= 65535:
        # As nearly all come.
        return text
    try:
        port = parse_number(text)
    except ValueError:
        port = -1
    if not 0 <= port <= 65535:
        raise ValueError(f"{text!r} is not a port: a port is a number from 0 to 65535")
    return port


def parse_number(text: str | int) -> int:
    """Read a number that arrived as one or as decimal digits, and as nothing else that `int` would take.

    Raises ValueError.
    """
    if isinstance(text, bool) or (isinstance(text, str) and not (text.isascii() and text.isdigit())):
        raise ValueError("expected a number")
    return int(text)
