"""Values as people write them: on the command line, in the environment, in the configuration file.

Each reader takes a text or what TOML makes of it, and raises ValueError with a clause for a person.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from core.wire import (
    ANONYMOUS,
    Address,
    name_problem,
    parse_address,
    parse_port,
    secret_problem,
)
from tui.cli import given_file
from tui.cli.console import say
from tui.text.quantities import shown

if TYPE_CHECKING:
    from pathlib import Path

Reader = Callable[[object], object]

_SIZE: Final = re.compile(r"(\d{1,15}(?:\.\d{1,6})?) ?(?:([KMGT])i?)?B?", re.ASCII | re.IGNORECASE)
_TRUE: Final = frozenset({"1", "true", "yes", "on"})
_FALSE: Final = frozenset({"0", "false", "no", "off"})


def text(value: object) -> str:
    """A text without control characters, blanks around it cut off."""
    if not isinstance(value, str):
        raise ValueError(f"{shown(value)} is not a text in quotes")
    if any(not character.isprintable() for character in value):
        raise ValueError("it contains a control character")
    return value.strip()


def label(value: object) -> str:
    """A text of at most 64 characters, as it fits into a table."""
    found = text(value)
    if len(found) > 64:
        raise ValueError(f"a text of at most 64 characters is wanted, this one has {len(found)}")
    return found


def host(value: object) -> str:
    """A host name or address without a port; empty means all addresses of this machine, `0.0.0.0` those of IPv4, `::`
    those of IPv6.
    """
    found = text(value)
    if found.startswith("[") and found.endswith("]"):
        found = found[1:-1]
    if not found or found == "*":
        return ""
    from core.wire import Scope, literal, scope_of  # Here and below: help is written without.

    if literal(found) is not None and scope_of(found) is Scope.UNSPECIFIED:
        return "::" if ":" in found else "0.0.0.0"
    if "/" in found or " " in found or (found.count(":") == 1):
        raise ValueError(f"{found!r} is not a host name or address (the port is a setting of its own)")
    return found


def port(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise ValueError(f"{shown(value)} is not a port: a port is a number from 0 to 65535")
    return parse_port(value)


def address(value: object) -> Address:
    """`HOST`, `HOST:PORT` or `[IPv6]:PORT`, of something to connect to."""
    found = parse_address(text(value))
    if not found.port:
        raise ValueError(f"{found} cannot be reached: port 0 only makes sense to listen on")
    from core.wire import why_not_reached

    problem = why_not_reached(found.host)
    if problem is not None:
        raise ValueError(problem)
    return found


def advertised(value: object) -> Address:
    """`HOST[:PORT]`; without a port, 0, which stands for the listening port."""
    found = parse_address(text(value), default_port=0)
    from core.wire import why_not_advertised

    problem = why_not_advertised(found.host)
    if problem is not None:
        raise ValueError(f"{problem}; name the address or the name by which others reach this server")
    return found


def listening(value: object) -> Address:
    """`[HOST:]PORT`, host empty for all addresses."""
    if isinstance(value, int) and not isinstance(value, bool):
        return Address("", parse_port(value))
    found = text(value)
    if found.isascii() and found.isdigit():
        return Address("", parse_port(found))
    if ":" not in found:
        raise ValueError(f"{found!r} names no port: write PORT or HOST:PORT")
    host_part, _, port_part = found.rpartition(":")
    return Address(host(host_part), parse_port(port_part))


def network(value: object) -> str:
    """The fingerprint of a network."""
    from core.certificates import is_fingerprint  # Help is written without.

    found = text(value).strip().lower()
    if not is_fingerprint(found):
        raise ValueError(f"{shown(value)} is no network: `status` and F8 tell its 26 letters and digits")
    return found


def switch(value: object) -> bool:
    """`true` or `false`; in texts also yes/no, on/off, 1/0."""
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.strip().lower() in _TRUE:
        return True
    if isinstance(value, str) and value.strip().lower() in _FALSE:
        return False
    raise ValueError(f"{shown(value)} is neither true nor false")


class OperatorKeys(frozenset[str]):
    """Fingerprints of public keys, as they are written."""

    def __str__(self) -> str:
        return ",".join(sorted(self))


def operator_keys(value: object) -> OperatorKeys:
    """Public keys as OpenSSH writes them, or their fingerprints: a text with commas between them, or a list of
    texts."""
    found = value.split(",") if isinstance(value, str) else value
    if not isinstance(found, list | OperatorKeys) or not all(isinstance(one, str) for one in found):
        raise ValueError(f"{shown(value)} is no list of public keys: write them with commas between them")
    return OperatorKeys(_fingerprint(one.strip()) for one in found if one.strip())


def _fingerprint(text: str) -> str:
    from core.wire import operator_fingerprint, read_public_key  # Few name any.

    if re.fullmatch(r"SHA256:[A-Za-z0-9+/]{43}", text):
        return text
    key = read_public_key(text)
    if key is None:
        raise ValueError(
            f"{shown(text)} is no public key: write ssh-ed25519 AAAA…, as `activity-tui order HOST key` tells it, or"
            " its fingerprint SHA256:…"
        )
    return operator_fingerprint(key)


class ServerIds(frozenset[str]):
    """Ids of servers, as they are written."""

    def __str__(self) -> str:
        return ",".join(sorted(self))


def server_ids(value: object) -> ServerIds:
    """Ids of servers: a text with commas between them, or a list of texts."""
    found = value.split(",") if isinstance(value, str) else value
    if not isinstance(found, list | ServerIds) or not all(isinstance(one, str) for one in found):
        raise ValueError(f"{shown(value)} is no list of servers' ids: write them with commas between them")
    ids = [one.strip() for one in found if one.strip()]
    for one in ids:
        if len(one) > 64 or "." in one:
            raise ValueError(f"{shown(one)} is no server's id, which has at most 64 characters and no dot")
    return ServerIds(ids)


def size(value: object) -> int:
    """A number of bytes, as in 64K, 512M, 2G (of 1024 each); a bare number counts bytes, 0 means without limit."""
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    found = _SIZE.fullmatch(value.strip()) if isinstance(value, str) else None
    if found is None:
        raise ValueError(f"{shown(value)} is not a size: write it like 64K, 512M or 2G")
    return int(float(found[1]) * 1024 ** "KMGT".index(found[2].upper()) * 1024) if found[2] else int(float(found[1]))


class Choice:
    """Reads one of some words."""

    def __init__(self, *names: str) -> None:
        self.names = names

    def __call__(self, value: object) -> str:
        if value not in self.names:
            raise ValueError(f"{shown(value)} is not one of {', '.join(self.names)}")
        return str(value)


def path(value: object) -> Path:
    """A file or directory; `~` is the home directory."""
    from pathlib import Path

    found = value if isinstance(value, str) else ""
    if not found or "\0" in found:
        raise ValueError(f"{shown(value)} is not a path")
    try:
        return Path(found).expanduser()
    except RuntimeError:
        raise ValueError(f"the home directory in {found!r} cannot be found") from None


def username(value: object) -> str:
    """The name of an account, or `anonymous`."""
    found = value if isinstance(value, str) else ""
    problem = None if found == ANONYMOUS else name_problem(found)
    if problem:
        raise ValueError(problem)
    return found


def secret(value: object) -> str:
    """A secret. No error of this tells the secret."""
    if not isinstance(value, str):
        raise ValueError("a secret is a text in quotes")
    problem = secret_problem(value)
    if problem:
        raise ValueError(problem)
    if any(character in value for character in "\r\n\0"):
        raise ValueError("a secret is one line of text")
    return value


def read_secret_file(file: Path) -> str:
    """The secret that stands in the first line of a file.

    Raises ValueError with a clause for a person if there is none.
    """
    try:
        # Editors of some systems begin every text with a byte order mark.
        first = given_file.read(file, 4096, line=True).partition(b"\n")[0].decode("utf-8-sig")
    except (OSError, UnicodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise ValueError(f"{file} cannot be read: {reason}") from None
    if warning := given_file.loose(file):
        say(warning)
    line = first.rstrip("\r")
    try:
        return secret(line)
    except ValueError as error:
        raise ValueError(f"{file} holds no secret in its first line: {error}") from None
