"""`downgrade`: a server's data, written as the program before this one reads it."""

from __future__ import annotations

import argparse
import shlex
from pathlib import Path

from tui.cli.chosen_settings import default_data_dir
from tui.cli.console import say
from tui.cli.inputs import choices_of
from tui.script.exit_status import CommandFailed, ExitStatus


def run(arguments: argparse.Namespace) -> int:
    choices = choices_of(arguments)
    chosen = choices.value("data_dir")
    data_dir = chosen if isinstance(chosen, Path) else default_data_dir(int(str(choices.value("port"))))
    # Only now: what is wrong with the arguments is said without waiting for the store to be loaded.
    from core.store import StoreError, downgrade_store

    try:
        saved = downgrade_store(data_dir)
    except StoreError as error:
        raise CommandFailed(ExitStatus.DATA_DIRECTORY, error.sentence) from None
    say(f"{data_dir} is now as the version before this one keeps it, with all that was there but for signatures")
    say(f"{saved} holds it as it was")
    say(f"start that version with --data-dir {shlex.quote(str(data_dir))}; this one would bring the data up again")
    return ExitStatus.DONE
