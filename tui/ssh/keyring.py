"""Public keys that are bound to accounts.

A key belongs to an account, not to a name: after a conflict a name can pass to another account, and whoever had it must
not come in as its new owner. The keys are in `ssh-keys.json` in the data directory, readable by its owner alone.
"""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Final

import msgspec

FILE: Final = "ssh-keys.json"


class Key(msgspec.Struct, frozen=True):
    """A public key: its OpenSSH text (type and base-64), its owner's comment, and when it was bound (since 1970)."""

    text: str
    comment: str
    fingerprint: str
    added_at: float


class TooManyKeys(Exception):
    """The account has as many keys as it may have."""


class KeyRing:
    """The keys of all accounts on this server. `load` it before use."""

    def __init__(self, data_dir: Path, keys_max: int) -> None:
        self._file = data_dir / FILE
        self._keys_max = keys_max
        self._keys: dict[str, list[Key]] = {}
        self._saving = asyncio.Lock()

    async def load(self) -> None:
        """Read the file. Raises OSError, or ValueError when it is damaged."""
        try:
            data = await asyncio.to_thread(self._file.read_bytes)
        except FileNotFoundError:
            return
        try:
            self._keys = msgspec.json.decode(data, type=dict[str, list[Key]])
        except msgspec.MsgspecError as error:
            raise ValueError(f"{self._file} is damaged: {error}; move it away to start without keys") from None

    def keys(self, claim: str) -> list[Key]:
        """The keys of an account."""
        return list(self._keys.get(claim, ()))

    def has(self, claim: str, text: str) -> bool:
        return any(key.text == text for key in self._keys.get(claim, ()))

    async def bind(self, claim: str, key: Key) -> bool:
        """Bind a key to an account; whether it was new. Raises TooManyKeys, or OSError when it cannot be kept."""
        if self.has(claim, key.text):
            return False
        keys = self._keys.setdefault(claim, [])
        if len(keys) >= self._keys_max:
            raise TooManyKeys(f"an account has at most {self._keys_max} keys here; remove one first")
        keys.append(key)
        await self._save()
        return True

    async def remove(self, claim: str, which: str) -> Key | None:
        """Remove the key with this fingerprint, comment or place in the list (from 1); None when there is none."""
        keys = self._keys.get(claim, [])
        found = next((key for key in keys if which in (key.fingerprint, key.comment, key.text)), None)
        if found is None and which.isascii() and which.isdigit() and 1 <= int(which) <= len(keys):
            found = keys[int(which) - 1]
        if found is None:
            return None
        keys.remove(found)
        await self._save()
        return found

    async def _save(self) -> None:
        async with self._saving:
            data = msgspec.json.format(msgspec.json.encode(self._keys), indent=1)
            await asyncio.to_thread(write_private, self._file, data)


def write_private(file: Path, data: bytes) -> None:
    """Write a file for its owner alone, whole or not at all. Raises OSError."""
    draft = file.with_name(f".{file.name}.{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        draft.replace(file)
    finally:
        draft.unlink(missing_ok=True)
