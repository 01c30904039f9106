"""What a person can do whose server does not start because its data is lost."""

from __future__ import annotations

import shlex

from core.store import DataLost


def ways_out(error: DataLost) -> tuple[str, ...]:
    """The ways out, a line each, with the commands as they are to be typed."""
    directory = shlex.quote(str(error.path))
    backup = shlex.quote(str(error.backup)) if error.backup is not None else "FILE"
    command = f"activity-tui restore {backup} --data-dir {directory}{' --force' if error.in_the_way else ''}"
    if error.backup is not None:
        first = f"To go on from its newest whole backup: {command}"
    else:
        first = f"There is no whole backup in {error.path / 'backups'}; with one from elsewhere: {command}"
    ways = [first, "If the files are elsewhere (another disk, a copy), put them back in their place and start again."]
    if error.remains:
        ways.append("To go on with what is left, without the rest: start once with --accept-loss.")
    ways.append("To begin a new node that has nothing to do with that one: start once with --new-node.")
    return tuple(ways)
