"""Who is at the keyboard, and what they want to see there, as far as the settings say."""

from __future__ import annotations

from typing import ClassVar

from core.wire import KeepsSecret


class PersonOptions(KeepsSecret, frozen=True):
    """Who is at the keyboard, as far as the settings say."""

    unprinted: ClassVar[frozenset[str]] = frozenset({"secret"})

    username: str | None
    """None: ask."""
    secret: str | None
    """None: ask."""
    theme: str | None = None
    """None: as chosen the last time."""
