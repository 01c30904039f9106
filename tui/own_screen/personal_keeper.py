"""Keeps what stays of a person between two sessions, in a file on this machine."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
from pathlib import Path
from typing import Final

from tui.model.concerns import Concerns
from tui.remembered import personal_files

log = logging.getLogger(__name__)

INTERVAL: Final = 5.0
"""Seconds between two looks whether there is something to be kept."""


class PersonalFileKeeper:
    """The documents of the accounts that are used on this machine, in memory and in a file."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._documents: dict[str, bytes] = {}
        self._changed: dict[str, None] = {}
        self._in_file: dict[str, bytes] = {}
        """What the file had when it was read or written here last."""
        self._failed = False
        self._writing = threading.Lock()
        self._written: object = None
        self._elsewhere: dict[str, tuple[bytes, bytes | None]] = {}
        """What another application has written, and what was there before."""

    async def read(self) -> None:
        """Read the file. What cannot be read is not there."""
        self._documents = await asyncio.to_thread(personal_files.load, self._directory)
        self._in_file = dict(self._documents)

    def load(self, account: str) -> bytes | None:
        return self._documents.get(account)

    def keep(self, account: str, content: bytes) -> None:
        self._documents[account] = content
        self._changed[account] = None

    async def keep_up(self, concerns: Concerns) -> None:
        """Have the file say what there is, until it is cancelled; it says so then."""
        try:
            while True:
                await asyncio.sleep(INTERVAL)
                await self.bring_together(concerns)
        finally:
            concerns.keep()
            self._write()

    async def bring_together(self, concerns: Concerns) -> None:
        """Take what the file has from elsewhere, and write down what was changed here."""
        await asyncio.to_thread(self._look)
        self._hand_over(concerns)
        concerns.keep()
        await asyncio.to_thread(self._write)

    def _look(self) -> None:
        """Take what another application of this person has kept meanwhile."""
        written = personal_files.written(self._directory)
        if written != self._written:
            self._written = written
            kept = personal_files.load(self._directory)
            # What this application wrote itself is no news, whatever was changed here since.
            before = self._in_file
            self._elsewhere = {name: (one, before.get(name)) for name, one in kept.items() if one != before.get(name)}
            self._in_file = {**before, **kept}

    def _hand_over(self, concerns: Concerns) -> None:
        """Have it count here as well."""
        elsewhere, self._elsewhere = self._elsewhere, {}
        for account, (content, before) in elsewhere.items():
            if account == concerns.account:
                with contextlib.suppress(ValueError):
                    concerns.changed_elsewhere(content, before)
            else:
                self._documents[account] = content

    def _write(self) -> None:
        with self._writing:
            while self._changed:
                account, _ = self._changed.popitem()
                content = self._documents[account]
                try:
                    personal_files.keep(self._directory, account, content)
                    self._in_file[account] = content
                except OSError as error:
                    if not self._failed:
                        log.warning("where you stopped reading could not be kept: %s", error)
                    self._failed = True
