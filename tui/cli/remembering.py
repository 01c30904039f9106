"""What commands remember of a person's accounts, and look up: the file that a client's application keeps as well."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple, cast

from core.wire import Address
from tui.cli.chosen_settings import ChosenSettings, default_data_dir
from tui.cli.this_machine import is_this_machine
from tui.remembered import credentials, directories

Change = Callable[[Path, str, str, str], None]


def place_of(choices: ChosenSettings) -> Path | None:
    """Where a person is remembered; None where there is no place for that."""
    named = cast(Path | None, choices.value("data_dir"))
    if named is not None:
        return named
    directory = directories.data_dir()
    return directory / "client" if directory is not None else None


class RememberedAccount(NamedTuple):
    """What is remembered of an account: in which directory, and as being where."""

    account: credentials.SavedAccount
    place: Path
    at: str


def known(choices: ChosenSettings, user: str, address: Address) -> RememberedAccount | None:
    """What is remembered of an account at a server: by the person's commands, or in the window of a server of their own
    on this machine."""
    for directory, at, remembered in _remembered(choices, address):
        account = remembered.account(user, at)
        if account is not None:
            return RememberedAccount(account, directory, at)
    return None


def accounts_at(choices: ChosenSettings, address: Address) -> list[str]:
    """Whose accounts are remembered at a server, the latest first."""
    found = (name for _, at, remembered in _remembered(choices, address) for name in remembered.names_at(at))
    return list(dict.fromkeys(found))


def operator_before(choices: ChosenSettings, address: Address) -> str | None:
    """Whose orders a server took the last time; None: that is not remembered."""
    found = (remembered.operator_at(str(address)) for _, _, remembered in _remembered(choices, address))
    return next((name for name in found if name is not None), None)


def keep_operator(choices: ChosenSettings, address: Address, user: str) -> None:
    """Remember whose orders a server takes, as far as there is a place for that."""
    place = place_of(choices)
    if place is not None and operator_before(choices, address) != user:
        with contextlib.suppress(OSError):  # the next order says it again
            credentials.keep_operator(place, user, str(address))


def _remembered(choices: ChosenSettings, address: Address) -> Iterator[tuple[Path, str, credentials.Remembered]]:
    """What may be known of accounts at a server: where, as being where, and that."""
    place = place_of(choices)
    if place is None:
        return
    for directory, at in ((place, str(address)), (_own_server(choices, address), credentials.HERE)):
        remembered = credentials.load(directory) if directory is not None else None
        if directory is not None and remembered is not None:
            yield directory, at, remembered


def _own_server(choices: ChosenSettings, address: Address) -> Path | None:
    """Where the server has its data that a command names, if it is the person's own."""
    named = cast(Path | None, choices.value("data_dir"))
    directory = named if named is not None else default_data_dir(address.port)
    return directory if is_this_machine(address.host) else None


class Memory:
    """What is remembered of one account while it is registered or its secret changes.

    `problem` says what kept it from being remembered, as a clause for a person; None while nothing does.
    """

    def __init__(self, choices: ChosenSettings, user: str, address: Address, *, wanted: bool) -> None:
        found = known(choices, user, address)
        self._place = found.place if found is not None else place_of(choices)
        self._at = found.at if found is not None else str(address)
        self._user = user
        self._wanted = wanted
        self.problem: str | None = None if wanted else "you said so"
        if wanted and self._place is None:
            self.problem = "there is no home directory; --data-dir DIR says where"

    def expect(self, secret: str) -> None:
        """Put a secret down before the network is asked to take it."""
        self._change(credentials.expect, secret)

    def confirm(self, secret: str) -> None:
        """The network has taken it."""
        self._change(credentials.confirm, secret)

    def refuse(self, secret: str) -> None:
        """The network has not taken it."""
        self._change(credentials.refuse, secret)

    def _change(self, change: Change, secret: str) -> None:
        if not self._wanted or self._place is None:
            return
        try:
            change(self._place, self._user, secret, self._at)
        except OSError as error:
            self.problem = f"{credentials.path_of(self._place)} cannot be written: {error.strerror or error}"
        else:
            self.problem = None

    def words(self) -> str:
        """Whether and where the secret is remembered; a sentence."""
        if self.problem is None and self._place is not None:
            return f"The secret is remembered in {credentials.path_of(self._place)}, which only you can read."
        return f"The secret is not remembered ({self.problem}): keep it where you keep your passwords."
