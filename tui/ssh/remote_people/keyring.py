"""Public keys that open accounts: what a person sees and says of them, over the keys that the network keeps."""

from __future__ import annotations

import base64
import binascii
import hashlib
from dataclasses import dataclass
from typing import Protocol

from core.engine import NotChanged, NotRunning
from core.wire import KeyChange
from tui.text.safe_text import neutralise

COMMENT_MAX = 80


@dataclass(frozen=True, slots=True)
class Key:
    """A public key: its OpenSSH text (type and base 64), its owner's comment, and when it was bound (since 1970)."""

    text: str
    comment: str
    added_at: float = 0.0

    @property
    def fingerprint(self) -> str:
        """As `ssh-keygen -l` shows it."""
        try:
            blob = base64.b64decode(self.text.partition(" ")[2], validate=True)
        except (binascii.Error, ValueError):
            blob = b""
        return "SHA256:" + base64.b64encode(hashlib.sha256(blob).digest()).decode().rstrip("=")


class CannotChangeKeys(Exception):
    """The keys are as they were; the text says why."""


class KeyKeeper(Protocol):
    """What keeps the network's keys; `core.engine.Server` is one."""

    def account_keys(self, claim: str) -> tuple[KeyChange, ...]: ...

    async def change_key(self, claim: str, text: str, comment: str = "", *, bound: bool) -> None: ...


class KeyRing:
    """The keys of all accounts. A change is made in the whole network."""

    def __init__(self, keeper: KeyKeeper, keys_max: int) -> None:
        """`keys_max`: how many keys an account may have for another one to be bound to it here."""
        self._keeper = keeper
        self._keys_max = keys_max

    def keys(self, claim: str) -> list[Key]:
        """The keys of an account, the oldest first; none when the server has ended."""
        try:
            found = self._keeper.account_keys(claim)
        except NotRunning:
            return []
        # The comment may have come from another server.
        return [Key(one.text, neutralise(one.comment, COMMENT_MAX), one.stamp / 1_000_000) for one in found]

    def has(self, claim: str, text: str) -> bool:
        return any(key.text == text for key in self.keys(claim))

    async def bind(self, claim: str, key: Key) -> bool:
        """Bind a key to an account; whether it was new. Raises CannotChangeKeys."""
        if self.has(claim, key.text):
            return False
        if len(self.keys(claim)) >= self._keys_max:
            raise CannotChangeKeys(f"an account has at most {self._keys_max} keys; remove one first")
        await self._change(claim, key, bound=True)
        return True

    async def remove(self, claim: str, which: str) -> Key | None:
        """Remove the key with this fingerprint, text, comment or place in the list (from 1); None when there is none.

        Raises CannotChangeKeys, also when several have that comment.
        """
        keys = self.keys(claim)
        found = [key for key in keys if which in (key.fingerprint, key.text)]
        found = found or [key for key in keys if which == key.comment]
        if len(found) > 1:
            raise CannotChangeKeys("several keys are called so; name one by its number or fingerprint")
        # Not as a number: Python refuses to read one of thousands of digits.
        found = found or [key for place, key in enumerate(keys, 1) if str(place) == which]
        if not found:
            return None
        await self._change(claim, found[0], bound=False)
        return found[0]

    async def _change(self, claim: str, key: Key, *, bound: bool) -> None:
        try:
            await self._keeper.change_key(claim, key.text, key.comment, bound=bound)
        except (NotChanged, NotRunning) as error:
            raise CannotChangeKeys(str(error)) from None
