"""`events`: what happened in the network, as a server has kept it: each incident with its cause, repair and verdict."""

from __future__ import annotations

import argparse
import time

from tui.cli.console import put
from tui.cli.inputs import choices_of, own_data_dir
from tui.script.exit_status import CommandFailed, ExitStatus, usage_error
from tui.text import quantities


def run(arguments: argparse.Namespace) -> int:
    choices = choices_of(arguments)
    try:
        span = None if arguments.since is None else quantities.duration(arguments.since)
    except ValueError as error:
        raise usage_error(f"--since: {error}") from None
    data_dir = own_data_dir(choices)
    # Only now: what is wrong with the arguments is said without waiting for what reads and tells.
    from core.store import kept_lines
    from tui.text.story_text import as_json, report, stories_since

    now = time.time()
    try:
        lines = kept_lines(data_dir, now)
    except OSError as error:
        raise CommandFailed(
            ExitStatus.DATA_DIRECTORY,
            f"the events in {data_dir} cannot be read: {error.strerror or error}",
            hint="Name a server's data directory with --data-dir.",
        ) from None
    incidents = stories_since(lines, None if span is None else now - span)
    for line in as_json(incidents, now) if arguments.json else report(incidents, now, None):
        put(line)
    return ExitStatus.DONE
