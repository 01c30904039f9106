"""Which network a person knows at each address, as SSH knows hosts: one file of lines, which they may read and edit.

    HOST:PORT FINGERPRINT     the network whose servers are talked to there
    network FINGERPRINT       a network that is known wherever its servers are met
    operator FINGERPRINT ...  whose word it is that the network has this key: the operator's public key, which of their
                              networks it is, and when they said so; it takes no other key but by theirs

Other lines stay as they are. A client that knows the network at an address talks to no other one there. The file is
private to its owner: whoever changes it chooses whom they give their secrets to."""

from __future__ import annotations

import base64
import errno
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from core.certificates import Approval, is_fingerprint
from core.wire import Address
from tui.remembered import directories, private_file
from tui.remembered.file_lock import locked

FILE_NAME: Final = "known-networks"
LOCK_NAME: Final = "known-networks.lock"
BYTES_MAX: Final = 1024 * 1024
ADDRESSES_MAX: Final = 2048
"""Addresses that are remembered, the latest of them."""
OPERATOR: Final = "operator"
"""Stands where an address would: of whose word it is that a network has its key."""
_OPERATOR_WORDS: Final = 5
ANYWHERE: Final = "network"
"""Stands where an address would: of a network that is known wherever it is met."""


class KnownNetworks:
    """What the file says. Raises OSError when it cannot be read, UnicodeDecodeError when it is no text."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lines = _read(path)

    def at(self, address: Address) -> str | None:
        """The network that is known at an address: its fingerprint."""
        where = written(address)
        return next((network for place, network in reversed(list(self.entries())) if place == where), None)

    def approved(self, network: str) -> Approval | None:
        """Whose word it is that a network has its key, as far as that is known."""
        return next((found for line in reversed(self._lines) if (found := _approval(line, network)) is not None), None)

    def knows(self, network: str) -> bool:
        """Whether a network is known, wherever it is met."""
        return any(known == network for _, known in self.entries())

    def entries(self) -> Iterable[tuple[str, str]]:
        """What is known where, in the order of the lines."""
        return filter(None, map(_entry, self._lines))


def path() -> Path | None:
    """Where the file is; None where there is no home directory."""
    directory = directories.config_dir()
    return directory / FILE_NAME if directory is not None else None


def enter(file: Path, network: str, addresses: Iterable[Address]) -> None:
    """Know a network, and that it is the one at these addresses. Raises OSError, UnicodeDecodeError."""
    places = list(dict.fromkeys(map(written, addresses)))
    with locked(file.parent, LOCK_NAME):
        before = _read(file)
        lines = [line for line in before if _place(line) not in places]
        if not any(_entry(line) == (ANYWHERE, network) for line in lines):
            lines.append(f"{ANYWHERE} {network}")
        lines += [f"{place} {network}" for place in places]
        of_places = [line for line in lines if (place := _place(line)) is not None and place != ANYWHERE]
        too_many = set(of_places[: max(0, len(of_places) - ADDRESSES_MAX)])
        _write(file, before, [line for line in lines if line not in too_many])


def succeed(file: Path, old: str, new: str) -> None:
    """A network's key was succeeded by another one: it is known by that from now on. Raises OSError,
    UnicodeDecodeError."""
    with locked(file.parent, LOCK_NAME):
        before = _read(file)
        lines = []
        for line in before:
            if line.split()[:2] == [OPERATOR, old]:
                continue
            entry = _entry(line)
            lines.append(f"{entry[0]} {new}" if entry is not None and entry[1] == old else line)
        _write(file, before, list(dict.fromkeys(lines)))


def approve(file: Path, network: str, approval: Approval) -> None:
    """Know whose word it is that a network has its key. Raises OSError, UnicodeDecodeError."""
    with locked(file.parent, LOCK_NAME):
        before = _read(file)
        lines = [line for line in before if line.split()[:2] != [OPERATOR, network]]
        key = base64.b64encode(approval.operator).decode("ascii")
        lines.append(f"{OPERATOR} {network} {key} {approval.tag.hex()} {approval.stamp}")
        _write(file, before, lines)


def forget(file: Path, what: str) -> int:
    """Know no network at an address, or a network nowhere any more; how many lines went. Raises OSError,
    UnicodeDecodeError."""
    with locked(file.parent, LOCK_NAME):
        before = _read(file)
        lines = [line for line in before if what not in (_entry(line) or ()) and line.split()[:2] != [OPERATOR, what]]
        _write(file, before, lines)
        return len(before) - len(lines)


def written(address: Address) -> str:
    """An address as the lines have it."""
    return str(Address(address.host.lower(), address.port))


def _entry(line: str) -> tuple[str, str] | None:
    words = line.split()
    is_entry = len(words) >= 2 and not words[0].startswith("#") and is_fingerprint(words[1])
    is_entry = is_entry and words[0] != OPERATOR
    return (words[0], words[1]) if is_entry else None


def _approval(line: str, network: str) -> Approval | None:
    words = line.split()
    if words[:2] != [OPERATOR, network] or len(words) != _OPERATOR_WORDS:
        return None
    try:
        return Approval(base64.b64decode(words[2], validate=True), bytes.fromhex(words[3]), int(words[4]))
    except ValueError:
        return None


def _place(line: str) -> str | None:
    entry = _entry(line)
    return entry[0] if entry is not None else None


def _read(file: Path) -> list[str]:
    try:
        status = os.stat(file)
        if status.st_uid not in (os.geteuid(), 0) or status.st_mode & 0o022:
            raise PermissionError(errno.EPERM, "others can change it; give it to yourself alone (chmod 600)", str(file))
        return private_file.read(file, BYTES_MAX).decode("utf-8").splitlines()
    except (FileNotFoundError, NotADirectoryError):
        return []


def _write(file: Path, before: list[str], lines: list[str]) -> None:
    if lines != before:
        private_file.write(file, "".join(f"{line}\n" for line in lines).encode())
