"""Keeps a secret that was given on the command line out of the list of processes.

Other people on a machine can read everybody's command lines. What has been read once cannot be taken back, so a file
or the environment is better; but the command line need not stay readable for as long as the process runs.
"""

from __future__ import annotations

import sys

from tui.cli.console import say


def hide_argument(value: str) -> None:
    """Overwrite `value` wherever it stands in this process's command line, or warn where that cannot be done."""
    if not value:
        return
    try:
        hidden = sys.platform == "linux" and _overwrite(value.encode("utf-8", "surrogateescape"))
    except (OSError, ValueError, IndexError):
        hidden = False
    if not hidden:
        say(
            "warning: other people on this machine can read the secret in the list of processes; "
            "--secret-file or ACTIVITY_TUI_SECRET hides it"
        )


def _overwrite(secret: bytes) -> bool:
    """Write over the arguments' own memory, where the kernel reads /proc/PID/cmdline from (proc(5), `arg_start`)."""
    import ctypes

    with open("/proc/self/stat", "rb") as stream:
        # The second field, the program's name in parentheses, may contain anything.
        fields = stream.read().rpartition(b")")[2].split()
    start, end = int(fields[45]), int(fields[46])
    if not 0 < start < end or end - start > 16 * 1024 * 1024:
        return False
    with open("/proc/self/cmdline", "rb") as stream:
        arguments = stream.read()
    if len(arguments) != end - start:
        return False
    place = arguments.find(secret)
    while place >= 0:
        ctypes.memset(start + place, ord("*"), len(secret))
        place = arguments.find(secret, place + len(secret))
    with open("/proc/self/cmdline", "rb") as stream:
        return secret not in stream.read()
