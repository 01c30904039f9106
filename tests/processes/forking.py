"""A process that has loaded the program, and from which nodes are forked: nine tenths of a start are imports.

Run by `forked` as `python -m tests.processes.forking SOCKET`. Over the socket comes one message for each node: what to
run it with, as JSON, its three standard streams, and the socket on which its id and, at the end, its status are told.
It ends when the socket is closed, and whatever it has started ends with it.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import os
import selectors
import signal
import socket
import sys
from typing import Any, Final

REQUEST_MAX: Final = 2**17
"""Bytes of a message: all of an environment goes into one."""


LOADED: Final = (
    *("tui.cli.serve", "tui.cli.headless", "tui.cli.starting", "tui.cli.process_list"),
    *("argon2", "cryptography.hazmat.primitives.asymmetric.ed25519"),
    *("tui.cli.client_commands", "tui.cli.check", "tui.cli.verify", "tui.cli.restore", "tui.cli.config_command"),
)
"""With all that they import this is what a server without a screen imports, early or late, and what commands do."""


def load() -> None:
    for name in LOADED:
        importlib.import_module(name)
    gc.collect()
    gc.freeze()


def become(request: dict[str, Any], streams: list[int]) -> int:
    """Be what `python -m tui` with these arguments is; returns its status."""
    for number, descriptor in enumerate(streams):
        os.dup2(descriptor, number)
    os.closerange(len(streams), os.sysconf("SC_OPEN_MAX"))
    # What kind of stream it is was looked at when these were made.
    sys.stdin = open(0, closefd=False)  # noqa: SIM115
    sys.stdout = open(1, "w", closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", 1, errors="backslashreplace", closefd=False)  # noqa: SIM115
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.environ.clear()
    os.environ.update(request["environment"])
    os.chdir(request["directory"])
    sys.argv[1:] = request["arguments"]

    from tui.cli import main

    return main()


def serve(channel: socket.socket) -> int:
    """Start one process after the other. Comes back in each of them with its status, and at the end in this one."""
    ready = selectors.DefaultSelector()
    ready.register(channel, selectors.EVENT_READ)
    running: dict[int, tuple[int, int]] = {}
    while True:
        for key, _ in ready.select():
            if key.fd in running:
                pid, told = running.pop(key.fd)
                ready.unregister(key.fd)
                os.close(key.fd)
                _, status = os.waitpid(pid, 0)
                with contextlib.suppress(OSError):
                    os.write(told, b"%d\n" % os.waitstatus_to_exitcode(status))
                os.close(told)
                continue
            data, descriptors, *_ = socket.recv_fds(channel, REQUEST_MAX, 4)
            if not data:
                for pid, _ in running.values():
                    os.kill(pid, signal.SIGKILL)
                channel.close()
                return 0
            *streams, told = descriptors
            pid = os.fork()
            if pid == 0:
                ready.close()
                channel.detach()
                return become(json.loads(data), streams)
            for descriptor in streams:
                os.close(descriptor)
            os.write(told, b"%d\n" % pid)
            watched = os.pidfd_open(pid)
            running[watched] = (pid, told)
            ready.register(watched, selectors.EVENT_READ)


if __name__ == "__main__":
    # Ctrl+C at the tests' terminal is for the tests.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    load()
    sys.exit(serve(socket.socket(fileno=int(sys.argv[1]))))
