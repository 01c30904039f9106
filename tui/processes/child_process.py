"""What the processes of this program have in common: their signals, and their environment."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Iterator
from typing import Final

import tui

DUMP_SIGNALS: Final = tuple(getattr(signal, name) for name in ("SIGUSR1", "SIGUSR2") if hasattr(signal, name))
"""Have the node's process write what goes on in it; to any other process they mean nothing. See `tui.cli.dumps`."""

JOB_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGTSTP)
"""What a terminal or a shell tells a whole job. It is the node's process that understands it."""


def ignore_job_signals() -> None:
    """In any other process: the node's tells it what is to be done."""
    for number in JOB_SIGNALS:
        signal.signal(number, signal.SIG_IGN)


@contextlib.contextmanager
def dump_signals_kept_back() -> Iterator[None]:
    """A process that is started meanwhile is not ended by these signals before it can say that it ignores them: until
    then it has them kept back as well."""
    if not DUMP_SIGNALS:
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, DUMP_SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def ignore_dump_signals() -> None:
    """In a process that was started meanwhile: from here on they mean nothing to it."""
    for number in DUMP_SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    if DUMP_SIGNALS:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, DUMP_SIGNALS)


@contextlib.contextmanager
def job_control_ignored() -> Iterator[None]:
    """Reading or writing in the background is an error for as long as the block runs, not the end of everything."""
    before = {number: signal.getsignal(number) for number in (signal.SIGTTIN, signal.SIGTTOU)}
    for number in before:
        signal.signal(number, signal.SIG_IGN)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler or signal.SIG_DFL)


def environment() -> dict[str, str]:
    """Ours, with the modules where they are here."""
    here = os.path.dirname(os.path.dirname(os.path.realpath(tui.__file__)))
    paths = [here, *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))]
    return os.environ | {"PYTHONPATH": os.pathsep.join(dict.fromkeys(paths))}
