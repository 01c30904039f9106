"""Figures of the index of words, for people."""

from __future__ import annotations

from typing import NamedTuple


class IndexFigures(NamedTuple):
    """What is to be told of the index."""

    unindexed: int | None
    """How many activities it has not come to, about; None: there is none."""
    bytes: int
