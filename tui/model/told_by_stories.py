"""Which notices say what stories tell better: where there are stories, these are left out of the events."""

from __future__ import annotations

from typing import Final

from core.node import Notice, NoticeKind

_OF_SERVERS: Final[frozenset[NoticeKind]] = frozenset(
    ("joined", "linked", "unlinked", "lost", "healed", "synchronised")
)
"""Kinds that stories tell where they name a server; otherwise they are of a base server, or of an address."""
_WHOLLY: Final[frozenset[NoticeKind]] = frozenset(("alone", "redirected", "vote", "registered"))


def is_told_by_stories(notice: Notice) -> bool:
    """Whether a story says what a notice does."""
    if notice.kind in _OF_SERVERS:
        return notice.server is not None
    # What was left undone is told by nobody else.
    return notice.kind in _WHOLLY or (notice.kind == "quit" and notice.severity == "info")
