"""What a server does by itself now and then: backups, and dropping what is not to be kept any longer."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Final, Protocol

from core.engine.engine_settings import EngineSettings
from core.engine.threads.persistence import Persistence
from core.engine.upkeep.storage_room import StorageRoom
from core.node.interface.notices import NoticeKind, Severity
from core.store.retention import Usage

SCANS_MAX: Final = 100
"""Steps in a row without anything to drop, while the activities of one writer are looked for."""
DAMAGE_LOOKED_FOR: Final = 1.0
"""Seconds until damage that was found is told."""


class TellPeople(Protocol):
    def __call__(self, kind: NoticeKind, text: str, severity: Severity) -> None:
        """Put something among the server's notices."""


class Housekeeping:
    """`back_up_regularly`, `trim_regularly` and `tell_of_damage` go on until they are cancelled."""

    def __init__(self, settings: EngineSettings, store: Persistence, tell: TellPeople) -> None:
        self._settings = settings
        self._store = store
        self._tell = tell

    async def backup_now(self) -> Path:
        """Write a backup; where it is. Raises what the store does."""
        directory, keep = self._settings.data_dir / "backups", self._settings.backups_kept
        path = await self._store.backup(directory, keep)
        self._tell("backup", f"a backup was written to {path}", "good")
        return path

    async def back_up_regularly(self) -> None:
        while True:
            await asyncio.sleep(self._settings.backup_interval)
            try:
                await self.backup_now()
            except Exception as error:
                self._tell("backup", f"a backup could not be written: {error}", "error")

    async def tell_of_damage(self) -> None:
        while True:
            await asyncio.sleep(DAMAGE_LOOKED_FOR)
            for discovery in self._store.discoveries():
                self._tell("storage", discovery, "error")

    async def trim_regularly(self) -> None:
        room = StorageRoom(self._settings.retention, self._settings.data_dir)
        failed = ""
        while True:
            await asyncio.sleep(self._settings.trim_interval)
            try:
                kept = await self._trim()
                for text, severity in await asyncio.to_thread(room.news, kept):
                    self._tell("storage", text, severity)
                failed = ""
            except Exception as error:
                if str(error) != failed:
                    failed = str(error)
                    self._tell("storage", f"old activities could not be removed: {error}", "warning")

    async def _trim(self) -> Usage:
        """Drop what retention does not keep, step by step, so that commits get in between; what is kept then."""
        retention = self._settings.retention
        fruitless = 0
        while True:
            dropped, kept = await self._store.call(lambda store: (store.trim(time.time()), store.usage()))
            fruitless += not dropped
            if not dropped and (fruitless >= SCANS_MAX or not any(retention.excess(kept))):
                return kept
