"""The screen's process, as the node's process starts it: forked while that is small, or begun anew.

Reading some five hundred modules is most of what a first frame takes. So the process is forked as soon as it is known
that there will be a screen, before there is a thread or an event loop, and reads its modules while the node's process
reads others and starts the node. What it is to show it is told later, over a socket. A screen in place of one that was
killed is a new interpreter: by then there are threads, which a fork would leave behind in the middle of whatever they
hold.

Nothing here imports what takes long.
"""

from __future__ import annotations

import contextlib
import gc
import os
import signal
import socket
import sys
from collections.abc import Callable
from typing import Final, NoReturn

from tui.processes.child_process import (
    JOB_SIGNALS,
    dump_signals_kept_back,
    environment,
    ignore_dump_signals,
    ignore_job_signals,
)

MODULE: Final = "tui.own_screen.screen_main"


class ScreenChild:
    """A process that waits to be told what to show, or shows it already."""

    def __init__(self, pid: int, control: socket.socket, homes: socket.socket, wait: Callable[[], int]) -> None:
        """`wait`: waits for its end, once; the exit status, negative for the signal that ended it."""
        self.pid = pid
        self.control = control
        self.homes = homes
        self.wait = wait
        self.planned = False
        """Whether it has been told what it will show."""

    def signal(self, number: signal.Signals) -> None:
        with contextlib.suppress(OSError):
            os.kill(self.pid, number)

    def end(self) -> None:
        """Nothing will be shown by it after all. Blocks until it has ended."""
        self.signal(signal.SIGKILL)
        self.control.close()
        self.homes.close()
        self.wait()


_ahead: list[ScreenChild] = []


def begin() -> None:
    """Fork a process for a screen that will be wanted, if this process has a terminal. Call it before there are
    threads."""
    if not _ahead and os.isatty(0) and os.isatty(1):
        with contextlib.suppress(OSError):
            _ahead.append(_forked())


def tell_ahead(message: bytes) -> None:
    """Tell the process that was forked ahead what it will show, before there is anything to show."""
    for child in _ahead:
        if not child.planned:
            child.planned = True
            with contextlib.suppress(OSError):
                child.control.sendall(message)


def take() -> ScreenChild | None:
    """The process that was forked ahead, for whoever wants a screen now."""
    return _ahead.pop() if _ahead else None


def discard() -> None:
    """There will be no screen after all."""
    while _ahead:
        _ahead.pop().end()


def _pairs() -> tuple[socket.socket, socket.socket, socket.socket, socket.socket]:
    control, their_control = socket.socketpair()
    homes, their_homes = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    return control, homes, their_control, their_homes


def _forked() -> ScreenChild:
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    control, homes, their_control, their_homes = _pairs()
    with their_control, their_homes, dump_signals_kept_back():
        before = signal.pthread_sigmask(signal.SIG_BLOCK, JOB_SIGNALS)
        try:
            pid = os.fork()
            if pid == 0:
                _be_the_child(control, homes, their_control, their_homes, before)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
    return ScreenChild(pid, control, homes, lambda: os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))


def _be_the_child(
    control: socket.socket,
    homes: socket.socket,
    their_control: socket.socket,
    their_homes: socket.socket,
    mask: set[int | signal.Signals],
) -> NoReturn:
    """Never comes back: what the other process was about to do is not done here as well."""
    try:
        ignore_job_signals()
        signal.pthread_sigmask(signal.SIG_SETMASK, mask - {*JOB_SIGNALS})
        ignore_dump_signals()
        control.close()
        homes.close()
        # All of it is there to stay: to look for garbage in it again and again is a tenth of what it costs.
        gc.disable()
        from tui.own_screen.screen_main import serve_screen

        gc.freeze()
        gc.enable()
        serve_screen(their_control, their_homes)
    finally:
        os._exit(1)


def spawned() -> ScreenChild:
    """A process for a screen, from the beginning. Raises OSError."""
    import subprocess

    control, homes, their_control, their_homes = _pairs()
    with their_control, their_homes:
        fds = (their_control.fileno(), their_homes.fileno())
        try:
            with dump_signals_kept_back():
                process = subprocess.Popen(
                    [sys.executable, "-P", "-m", MODULE, *map(str, fds)], pass_fds=fds, env=_own_environment()
                )
        except OSError:
            control.close()
            homes.close()
            raise
    return ScreenChild(process.pid, control, homes, process.wait)


def _own_environment() -> dict[str, str]:
    """Ours without the settings, which the order has: there may be secrets among them."""
    return {name: value for name, value in environment().items() if not name.startswith("ACTIVITY_TUI_")}
