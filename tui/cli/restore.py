"""`restore`: a server's data, rebuilt from a backup."""

from __future__ import annotations

import argparse
import os
import shlex
from pathlib import Path

from tui.cli import values
from tui.cli.chosen_settings import default_data_dir
from tui.cli.console import say
from tui.cli.inputs import choices_of
from tui.cli.starting import HOST_KEY_FILE, SECRET_FILE, kept_secret
from tui.script.exit_status import CommandFailed, ExitStatus, usage_error


def run(arguments: argparse.Namespace) -> int:
    choices = choices_of(arguments)
    try:
        backup = values.path(arguments.backup)
    except ValueError as error:
        raise usage_error(f"BACKUP: {error}") from None
    if not os.path.lexists(backup):
        raise usage_error(
            f"there is no backup {backup}", hint="A server's backups are in its data directory, in backups/."
        )
    chosen = choices.value("data_dir")
    data_dir = chosen if isinstance(chosen, Path) else default_data_dir(int(str(choices.value("port"))))
    # Only now: what is wrong with the arguments is said without waiting for the store to be loaded.
    from core.store import DataExists, restore_backup

    try:
        aside = restore_backup(backup, data_dir, force=arguments.force)
    except DataExists as error:
        raise CommandFailed(
            ExitStatus.DATA_DIRECTORY, str(error), hint="--force moves that data aside, and restores."
        ) from None
    if aside is not None:
        say(f"the data that was there is now in {aside}")
    say(f"restored {data_dir} from {backup}")
    say(f"`activity-tui serve --data-dir {shlex.quote(str(data_dir))}` starts the server")
    if (data_dir / HOST_KEY_FILE).exists():
        say(f"people who come over SSH are shown the host key in {data_dir / HOST_KEY_FILE}, as before")
    else:
        say(
            f"no backup holds the SSH host key: with --ssh a new one is made, and everybody is warned that the host"
            " has changed who came over SSH before and has not the line in known_hosts that certifies this network's"
            f" servers; to prevent that, put the old {HOST_KEY_FILE} into {data_dir}"
        )
    if kept_secret(data_dir) is None:
        say(
            "no backup holds the network's secret: start with --secret-file FILE (or ACTIVITY_TUI_SECRET) to go on with"
            f" the old one, which another server keeps in its data directory as {SECRET_FILE}; without it a new one is"
            " made, which lets no server of the old network in"
        )
    return ExitStatus.DONE
