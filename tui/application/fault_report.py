"""What went wrong in a screen, written where only the person who runs it can read it."""

from __future__ import annotations

import contextlib
import os
import platform
import sys
import time
import traceback
from pathlib import Path
from typing import Final

from tui.remembered import private_file
from tui.version import __version__

FOLDER: Final = "fault-reports"
KEPT: Final = 10
"""Reports in one folder; older ones give way."""
REPORT_MAX: Final = 256 * 1024
"""Longest report, in bytes."""


def write(directory: Path, error: BaseException) -> Path:
    """Write a report on `error` below `directory`, mode 0600; its file. Raises OSError."""
    folder = directory / FOLDER
    now = time.time()
    moment = time.strftime("%Y%m%dT%H%M%S", time.gmtime(now))
    file = folder / f"screen-{moment}.{int(now * 1000) % 1000:03}Z.txt"
    lines = [
        f"activity-tui {__version__}, a fault of the screen at {moment}Z",
        f"Python {platform.python_version()} ({sys.implementation.name}), {platform.platform()}",
        *(f"{name} {_version(name)}" for name in ("textual", "rich")),
        f"TERM={os.environ.get('TERM', '')!r} COLORTERM={os.environ.get('COLORTERM', '')!r}",
        "",
    ]
    # Without the values of variables: secrets and what people write may be among them.
    text = "\n".join(lines) + "\n" + "".join(traceback.format_exception(error))
    private_file.write(file, text.encode("utf-8", "backslashreplace")[:REPORT_MAX])
    for old in sorted(folder.glob("screen-*.txt"))[:-KEPT]:
        with contextlib.suppress(OSError):
            old.unlink()
    return file


def _version(name: str) -> str:
    # It takes a dozen modules, and a fault is rare.
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(name)
    except PackageNotFoundError:
        return "of an unknown version"
