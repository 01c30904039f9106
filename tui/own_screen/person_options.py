"""Who is at the keyboard, and what they want to see there, as far as the settings say."""

from __future__ import annotations

from collections.abc import Mapping
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
    keymap: Mapping[str, str] | None = None
    """Other keys for actions, by the actions' ids."""
