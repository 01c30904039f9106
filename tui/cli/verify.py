"""`verify`: reads all of a server's data, or of a backup, and tells what is damaged."""

from __future__ import annotations

import argparse
import json
import os
from typing import TYPE_CHECKING

import msgspec
from msgspec.structs import asdict

from tui.cli import values
from tui.cli.console import put, say
from tui.cli.inputs import choices_of, own_data_dir
from tui.script.exit_status import CommandFailed, ExitStatus, usage_error

if TYPE_CHECKING:
    from core.store import Verification


def run(arguments: argparse.Namespace) -> int:
    choices = choices_of(arguments)
    given = getattr(arguments, "file", None)
    try:
        file = None if given is None else values.path(given)
    except ValueError as error:
        raise usage_error(f"FILE: {error}") from None
    if file is not None and not os.path.lexists(file):
        raise usage_error(f"there is no file or directory {file}")
    if file is None or file.is_dir():
        file = (file or own_data_dir(choices)) / "node.db"
    # Only now: what is wrong with the arguments is said without waiting for the store to be loaded.
    from core.store import verify

    if not file.exists():
        raise CommandFailed(
            ExitStatus.DATA_DIRECTORY,
            f"there is no {file}; name the data directory with --data-dir, or a file",
        )
    found = verify(file)
    if arguments.json:
        put(json.dumps(_answer(found)))
    else:
        for line in _report(found):
            put(line)
    if not found.damage:
        return ExitStatus.DONE
    if found.backup:
        say("use another backup: `activity-tui verify FILE` tells which are whole")
    elif found.refused:
        say("start the server again: it says how it can go on, with a backup or with what is left")
    else:
        say("start the server again: it makes its data anew of what is whole, and asks other servers for the rest")
    return ExitStatus.FAILURE


def _answer(found: Verification) -> dict[str, object]:
    counts = {
        name: value for name, value in asdict(found).items() if isinstance(value, int) and not isinstance(value, bool)
    }
    return {
        "file": str(found.path),
        "backup": found.backup,
        "node": found.node,
        **counts,
        "missing": found.missing_names,
        "whole": not found.damage,
        "damage": [msgspec.to_builtins(damage) for damage in found.damage],
    }


def _report(found: Verification) -> list[str]:
    kind = "backup" if found.backup else "database"
    whose = f" of the server {found.node}, start {found.incarnation}" if found.node else ""
    lines = [f"{found.path}: a {kind}{whose}, schema {found.schema}"]
    if found.with_records:
        lines.append(
            f"{found.streams} streams, {found.records} records ({found.signed} signed), {found.activities} activities,"
            f" {found.accounts} entries of accounts"
        )
    if found.missing:
        lines.append(f"taken out, as they were damaged, and not come again from other servers: {found.missing_names}")
    lines += [f"damaged: {damage.what}" for damage in found.damage]
    lines.append(f"{len(found.damage)} damaged" if found.damage else "whole")
    return lines
