"""`known-networks`: which network is known at which address, and taking that back."""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from core.certificates import is_fingerprint
from tui.cli.console import put, say
from tui.cli.values import address
from tui.remembered import credentials, directories, known_networks
from tui.remembered.known_networks import KnownNetworks
from tui.script.exit_status import CommandFailed, ExitStatus, usage_error

_WORD: Final = re.compile(r"[\w.:%\[\]-]+")
"""What an address of a machine consists of, in any script."""


def run(arguments: argparse.Namespace) -> int:
    file = known_networks.path()
    if file is None:
        raise usage_error("there is no home directory to remember networks in", hint="HOME says where that is.")
    try:
        if arguments.addresses:
            for where in _addresses(file):
                put(where)
            return ExitStatus.DONE
        if arguments.remove is not None:
            known = any(True for _ in KnownNetworks(file).entries())
            return _removed(arguments.remove, known_networks.forget(file, _written(arguments.remove)), known)
        entries = list(KnownNetworks(file).entries())
        for where, network in entries:
            put(f"{where} {network}")
        if not entries:
            say("you know no network yet: the first visit to a server asks about its network")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise CommandFailed(ExitStatus.FAILURE, f"{file}: {reason}") from None
    return ExitStatus.DONE


def _addresses(file: Path) -> Iterable[str]:
    """Where somebody knows servers: that they have met, and at which they have accounts. What would be more than a word
    to a shell, which puts it into the line as it is, is left out."""
    met = [where for where, _ in KnownNetworks(file).entries() if where != known_networks.ANYWHERE]
    data = directories.data_dir()
    remembered = credentials.load(data / "client") if data is not None else None
    places = (place for account in remembered.accounts for place in account.at) if remembered is not None else ()
    found = dict.fromkeys(place for place in (*reversed(met), *places) if place != credentials.HERE)
    return filter(_WORD.fullmatch, found)


def _removed(what: str, lines: int, known: bool) -> ExitStatus:
    """`known`: whether there was anything to forget."""
    if not lines:
        hint = "Without --remove all are listed." if known else "You know no network yet: the first visit asks."
        raise CommandFailed(ExitStatus.FAILURE, f"nothing is known of {what}", hint=hint)
    say(f"{what} is known no more: whoever is met there first is asked about")
    return ExitStatus.DONE


def _written(what: str) -> str:
    """An address as the file has it; a network as it is."""
    if is_fingerprint(what):
        return what
    try:
        return known_networks.written(address(what))
    except ValueError:
        return what
