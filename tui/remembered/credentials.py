"""Who somebody was the last time, and the secrets of their accounts, so that none is lost and logins need no typing.

One small JSON file in the node's data directory (or the user's, for a client only), readable by its owner alone. A
secret is put down before the network is asked to take it, as one that is expected: whatever ends the program between
the question and the answer, it is here. Several programs may change the file at a time; each change is whole.
"""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import Final

import msgspec

from core.wire import ANONYMOUS
from tui.remembered import private_file
from tui.remembered.file_lock import locked

FILE_NAME: Final = "person.json"
LOCK_NAME: Final = "person.lock"
DAMAGED_NAME: Final = "person.json.damaged"
BYTES_MAX: Final = 4 * 1024 * 1024
HERE: Final = ""
"""Where an account is that belongs to the server of this very directory."""
PLACES_MAX: Final = 64
"""Addresses that are remembered of one account, and at which somebody was in the application; the latest of them."""


class SavedAccount(msgspec.Struct, frozen=True, omit_defaults=True):
    """An account, its secret, and where that was taken: `HOST:PORT` of servers, or `HERE`.

    `expected` is a secret that the network was asked to take, as long as its answer is not known.
    """

    username: str
    secret: str | None = None
    expected: str | None = None
    at: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"Account({self.username!r}, at={self.at!r})"

    @property
    def secrets(self) -> tuple[str, ...]:
        """What may open the account, the likelier one first."""
        return tuple(one for one in (self.secret, self.expected) if one is not None)


class LastVisit(msgspec.Struct, frozen=True):
    """Who somebody was in the application, at a place."""

    at: str
    username: str


class Remembered(msgspec.Struct, frozen=True, omit_defaults=True):
    """What is kept between starts. `username` is who was in the application last, anywhere, and "" where only commands
    have been at work: whose accounts these use says nothing of who sits there. `secret` is None when the person did not
    want it kept."""

    username: str
    secret: str | None = None
    accounts: tuple[SavedAccount, ...] = ()
    visits: tuple[LastVisit, ...] = ()
    """The latest at each place, the newest of all last."""
    operators: tuple[LastVisit, ...] = ()
    """Whose orders were taken at each place."""

    def __repr__(self) -> str:
        return f"Remembered({self.username!r})"

    def last_at(self, at: str) -> str | None:
        """Who somebody was in the application at this place; None if they never were, or nobody can tell."""
        if not self.visits:
            # Files of earlier versions name whomever a command has remembered first, too, but with no secret.
            return self.username if self.secret is not None or self.username == ANONYMOUS else None
        return next((one.username for one in self.visits if one.at == at), None)

    def operator_at(self, at: str) -> str | None:
        """Whose orders were taken at this place; None: nobody's, as far as that is known."""
        return next((one.username for one in self.operators if one.at == at), None)

    def names_at(self, at: str) -> tuple[str, ...]:
        """Accounts that are remembered as being at this place, the latest first."""
        return tuple(one.username for one in reversed(self.accounts) if at in one.at and one.secrets)

    def account(self, username: str, at: str) -> SavedAccount | None:
        """What is known of an account where it is."""
        return next((one for one in self.accounts if one.username == username and at in one.at), None)

    def anywhere(self, username: str) -> SavedAccount | None:
        """What is known of an account of this name, the latest, wherever it is."""
        known = next((one for one in reversed(self.accounts) if one.username == username), None)
        if known is None and username == self.username and self.secret is not None:
            return SavedAccount(username, self.secret)
        return known


def load(directory: Path) -> Remembered | None:
    """Who it was, or None: also when the file cannot be read or is not ours, for then the person is asked."""
    try:
        return msgspec.json.decode(private_file.read(directory / FILE_NAME, BYTES_MAX), type=Remembered)
    except (OSError, msgspec.DecodeError):
        return None


def path_of(directory: Path) -> Path:
    """Where it is kept, for a person."""
    return directory / FILE_NAME


def save(directory: Path, remembered: Remembered) -> None:
    """Keep it, whole or not at all, mode 0600. Raises OSError."""
    content = msgspec.json.encode(remembered)
    if len(content) > BYTES_MAX:
        # It would not be read again.
        raise OSError(errno.EFBIG, f"it would have more than {BYTES_MAX:,} bytes", str(directory / FILE_NAME))
    private_file.write(directory / FILE_NAME, content)


def forget(directory: Path) -> None:
    """Forget everything. Raises OSError."""
    with contextlib.suppress(FileNotFoundError):
        (directory / FILE_NAME).unlink()


# --- one account ------------------------------------------------------------------------------------------------------


def expect(directory: Path, username: str, secret: str, at: str) -> None:
    """Put a secret down before the network is asked to take it. Raises OSError."""
    _change(directory, username, at, lambda known: msgspec.structs.replace(known, expected=secret))


def confirm(directory: Path, username: str, secret: str, at: str) -> None:
    """The secret opens the account at this place. Raises OSError."""

    def confirmed(known: SavedAccount) -> SavedAccount:
        return SavedAccount(username, secret, None, known.at)

    _change(directory, username, at, confirmed, secret=secret)


def refuse(directory: Path, username: str, secret: str, at: str) -> None:
    """The network did not take a secret: it is not expected any more. Raises OSError."""

    def refused(known: SavedAccount) -> SavedAccount:
        return msgspec.structs.replace(known, expected=None) if known.expected == secret else known

    _change(directory, username, at, refused)


def enter(directory: Path, username: str, secret: str | None, *places: str) -> None:
    """Somebody is logged in, and is to be so the next time; without `secret`, they will be asked. Raises OSError.

    `places`: where they are, and which server they named if that sent them there. A secret that is remembered stays so:
    it may have been made for somebody who has it nowhere else.
    """
    if secret is not None:
        for at in places:
            confirm(directory, username, secret, at)
    with locked(directory, LOCK_NAME):
        known = _read(directory) or Remembered(username)
        visits = [one for one in known.visits if one.at not in places]
        visits.extend(LastVisit(at, username) for at in places)
        visits = visits[-PLACES_MAX:]
        save(directory, msgspec.structs.replace(known, username=username, secret=secret, visits=tuple(visits)))


def keep_operator(directory: Path, username: str, at: str) -> None:
    """Somebody's orders are taken at this place. Raises OSError."""
    with locked(directory, LOCK_NAME):
        known = _read(directory) or Remembered("")
        operators = (*(one for one in known.operators if one.at != at), LastVisit(at, username))[-PLACES_MAX:]
        save(directory, msgspec.structs.replace(known, operators=operators))


def _change(
    directory: Path,
    username: str,
    at: str,
    change: Callable[[SavedAccount], SavedAccount],
    *,
    secret: str | None = None,
) -> None:
    with locked(directory, LOCK_NAME):
        found = _read(directory)
        known = found or Remembered("")
        before = known.account(username, at)
        if before is None and secret is not None:
            # Another server of a network where the account is known already.
            before = next((one for one in known.accounts if one.username == username and secret in one.secrets), None)
        after = change(before if before is not None else SavedAccount(username))
        after = msgspec.structs.replace(after, at=(*(one for one in after.at if one != at), at)[-PLACES_MAX:])
        accounts = [one for one in known.accounts if one is not before]
        if after.secrets:
            accounts.append(after)
        last = known.secret
        if secret is not None and last is not None and known.username == username:
            was = before.secrets if before is not None else ()
            # Files of earlier versions say of nobody where they are.
            if last in was or not known.accounts:
                last = secret
        save(directory, msgspec.structs.replace(known, secret=last, accounts=tuple(accounts)))


def _read(directory: Path) -> Remembered | None:
    """What is there to be changed; a file that is not ours is put aside, for it may hold secrets all the same."""
    file = directory / FILE_NAME
    try:
        return msgspec.json.decode(private_file.read(file, BYTES_MAX), type=Remembered)
    except FileNotFoundError:
        return None
    except (msgspec.DecodeError, private_file.NotOurs):
        os.replace(file, directory / DAMAGED_NAME)
        return None
