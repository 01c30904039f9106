"""Leaves the event loop as it is, which others in the process use too.

With Python 3.12 and later each run of an application makes every task of the loop begin at once, inside whoever creates
it: those of the node and of asyncssh too, which were not written for that.

Seen in Textual 8.2.8, since Textualize/textual#6102.
"""

from __future__ import annotations

import asyncio
from typing import Any

import textual.app


class _LazyTasks:
    """`asyncio` as it was before tasks could begin at once."""

    def __getattr__(self, name: str) -> Any:
        if name == "eager_task_factory":
            raise AttributeError(name)
        return getattr(asyncio, name)


def install() -> None:
    """Take effect, for every application of this process. Harmless when repeated."""
    textual.app.asyncio = _LazyTasks()  # type: ignore[assignment, attr-defined]
