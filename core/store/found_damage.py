"""Damage that an open database was found to have, and what its owner is told of it."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Final

from core.store.mending import is_damage
from core.store.record_rows import DamagedRecord

log = logging.getLogger(__name__)

DISCOVERIES_MAX: Final = 20
"""So much damage is told of in one run: the next start sees to all of it."""


class FoundDamage:
    """Damage that nobody has mended yet."""

    def __init__(self, database: Path) -> None:
        self._database = database
        self.records: dict[int, str] = {}
        """Numbers of records that were found to be damaged, and what is wrong with them."""
        self.otherwise = ""
        """What else was, in words; then the database has to be made anew."""
        self.discoveries: deque[str] = deque()
        self._told: set[str] = set()

    def __bool__(self) -> bool:
        return bool(self.records or self.otherwise)

    @property
    def what(self) -> str:
        """Some of it, in words."""
        return self.otherwise or next(iter(self.records.values()), "")

    def note(self, records: Iterable[int], otherwise: str) -> None:
        """Somebody else has found that these records are damaged, or something else is."""
        self.records.update((no, f"record {no} does not fit its checksum") for no in records)
        self.otherwise = self.otherwise or otherwise

    def note_record(self, damage: DamagedRecord) -> None:
        """A record was read, and is damaged."""
        self.records[damage.row.no] = str(damage)

    def note_error(self, error: Exception) -> None:
        """Something could not be read or written, perhaps because it is damaged."""
        if isinstance(error, DamagedRecord):
            self.note_record(error)
        elif is_damage(error):
            self.otherwise = self.otherwise or str(error)

    def mended(self, records: Collection[int]) -> None:
        """These records are not there any more."""
        self.records = {no: what for no, what in self.records.items() if no not in records}

    def settled(self) -> None:
        """All of it is seen to, as far as it can be."""
        self.records.clear()
        self.otherwise = ""

    def tell(self, what: str) -> None:
        """Tell of something once."""
        if what not in self._told and len(self._told) < DISCOVERIES_MAX:
            self._told.add(what)
            log.warning("%s: %s", self._database, what)
            self.discoveries.append(what)
