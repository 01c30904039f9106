"""Keeps the process's standard streams whole while several applications run in it.

Textual wraps each run in `redirect_stdout`, which is global to the process: applications that end in another order than
the reverse of their start leave `sys.stdout` bound to a dead one's capture, and everything printed later is lost. In a
process that serves sessions nothing is printed at all, so the wrapping is taken away.

Seen in Textual 8.2.8; by design since Textualize/textual#385, no report of several applications in one process found.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import textual.app


@contextlib.contextmanager
def _leave_alone(new_target: Any) -> Iterator[Any]:
    yield new_target


def install() -> None:
    """Take effect, for every application of this process. Harmless when repeated."""
    for name in ("redirect_stdout", "redirect_stderr"):
        if hasattr(textual.app, name):
            setattr(textual.app, name, _leave_alone)
