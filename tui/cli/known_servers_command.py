"""`known-servers`: which keys other servers' ids are bound to at a server, and taking one back."""

from __future__ import annotations

import argparse
import json
import shlex
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from tui.cli.console import put, say
from tui.cli.inputs import choices_of, own_data_dir
from tui.script.exit_status import CommandFailed, ExitStatus

if TYPE_CHECKING:
    from core.wire import ServerKey


def run(arguments: argparse.Namespace) -> int:
    choices = choices_of(arguments)
    data_dir = own_data_dir(choices)
    # Only now: what is wrong with the arguments is said without waiting for the store to be loaded.
    from core.store import DataDirectoryInUse, StoreError, forget_known_server, known_servers

    try:
        if arguments.remove is not None:
            return _remove(data_dir, arguments.remove, forget_known_server(data_dir, arguments.remove))
        _list(known_servers(data_dir), as_json=arguments.json)
    except DataDirectoryInUse:
        raise CommandFailed(
            ExitStatus.DATA_DIRECTORY,
            f"a server is running on {data_dir}, which remembers the key by itself",
            hint="Stop that server, and try again.",
        ) from None
    except StoreError as error:
        raise CommandFailed(ExitStatus.DATA_DIRECTORY, error.sentence) from None
    return ExitStatus.DONE


def _remove(data_dir: Path, node: str, found: ServerKey | None) -> int:
    from core.wire import fingerprint, is_certified

    if found is None:
        if is_certified(node):
            text = f"the id {node} is made of its server's key, so nothing is to be remembered of it"
        else:
            text = f"no key is known of the server {node}; `activity-tui known-servers` lists those that are"
        raise CommandFailed(ExitStatus.FAILURE, text)
    say(f"the server {node} is not bound to the key {fingerprint(found.key)} any more")
    say("its next key is taken for its own: have the right server linked with this one before any other")
    say(f"`activity-tui serve --data-dir {shlex.quote(str(data_dir))}` starts the server")
    return ExitStatus.DONE


def _list(found: tuple[ServerKey, ...], *, as_json: bool) -> None:
    from core.wire import fingerprint

    if as_json:
        rows = [
            {"id": one.id, "key": fingerprint(one.key), "since": _when(one), "signs_from": one.signs_from}
            for one in found
        ]
        put(json.dumps(rows))
        return
    for one in found:
        put(f"{one.id}  {fingerprint(one.key)}  since {_when(one)}")
    if not found:
        say("no id is bound to a key: all servers known here have ids that are made of their keys, or none")


def _when(one: ServerKey) -> str:
    return datetime.fromtimestamp(one.bound_at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
