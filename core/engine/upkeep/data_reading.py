"""Has all data read through, once a day and after a start that followed upon a crash: slowly, beside all else."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from core.engine.threads.persistence import Persistence
from core.engine.upkeep.housekeeping import TellPeople
from core.node.interface.events import DataReadThrough
from core.store.reading_through import SETTING, Progress, ReadingThrough, ReadStep, read_progress, written
from core.store.store_errors import StoreError

log = logging.getLogger(__name__)

READ_EVERY: Final = 24 * 3600.0
"""Seconds between two passes."""
READ_AGAIN: Final = 3600.0
"""Seconds until one is begun anew that could not come to its end."""
READ_PAUSE: Final = 30.0
"""Seconds after a start in which nothing is read: there is enough to do then."""
READ_SHARE: Final = 0.05
"""Of a processor's time, at most."""
READ_BYTES_A_SECOND: Final = 8 * 1024 * 1024
KEPT_EVERY: Final = 60.0
"""Seconds between two times that it is remembered how far a pass has come."""


class DataReading:
    """`read_regularly` goes on until it is cancelled."""

    def __init__(
        self, database: Path, store: Persistence, tell: TellPeople, deliver: Callable[[DataReadThrough], None]
    ) -> None:
        """`deliver` is told of each pass that has come to its end, and of the last one before the start."""
        self._database = database
        self._store = store
        self._tell = tell
        self._deliver = deliver

    async def read_regularly(self) -> None:
        progress = read_progress(await self._store.call(lambda store: store.get_setting(SETTING)))
        if progress.done:
            self._deliver(DataReadThrough(progress.done, progress.done_damaged))
        due = 0.0 if self._store.ended_badly or progress.begun else progress.done + READ_EVERY
        while True:
            await asyncio.sleep(max(READ_PAUSE, due - time.time()))
            try:
                progress = await self._read_on(progress)
            except (sqlite3.Error, OSError, StoreError) as error:
                log.warning("%s could not be read through: %s", self._database, error)
                due = time.time() + READ_AGAIN
                continue
            due = progress.done + READ_EVERY
            if due < time.time():
                # All is being made anew.
                due = time.time() + READ_AGAIN
            else:
                self._told(progress)

    def _told(self, progress: Progress) -> None:
        damaged = progress.done_damaged
        found = (
            f"{damaged} {'place was' if damaged == 1 else 'places were'} damaged" if damaged else "nothing is damaged"
        )
        self._tell(
            "storage",
            f"all data was read through, {progress.done_records} records: {found}",
            "warning" if damaged else "info",
        )
        self._deliver(DataReadThrough(progress.done, damaged))

    async def _read_on(self, progress: Progress) -> Progress:
        """Read to the end, or until something is so damaged that all has to be made anew; how far that is."""
        reading = await asyncio.to_thread(ReadingThrough, self._database, progress, time.time())
        kept_at = time.monotonic()
        try:
            while True:
                began = time.monotonic()
                found = await asyncio.to_thread(reading.step, time.time())
                took = time.monotonic() - began
                if found.records or found.otherwise:
                    await self._note(found)
                if found.otherwise:
                    return Progress(done=progress.done, done_records=progress.done_records)
                if reading.is_over or time.monotonic() - kept_at > KEPT_EVERY:
                    await self._keep(found.progress)
                    kept_at = time.monotonic()
                if reading.is_over:
                    return found.progress
                await asyncio.sleep(max(took * (1.0 / READ_SHARE - 1.0), found.bytes / READ_BYTES_A_SECOND))
        finally:
            reading.close()

    async def _note(self, found: ReadStep) -> None:
        await self._store.call(lambda store: store.note_damage(found.records, found.otherwise))

    async def _keep(self, progress: Progress) -> None:
        await self._store.call(lambda store: store.set_setting(SETTING, written(progress)))
