"""Asks whether a secret is an account's, for whoever is no connection of the protocol (SSH)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from core.engine.threads.passwords import Passwords


async def verified(
    passwords: Passwords, verifier_of: Callable[[str], str | None], name: str, secret: str, share: str
) -> bool | None:
    """Whether `secret` fits the verifier that `name` has; None when there is too much to do to look at it.

    `share` names whose turn it is. A verifier that changes meanwhile is looked at anew. When this is cancelled, what
    has not begun is dropped.
    """
    verifier = verifier_of(name)
    matches = await _matches(passwords, name, secret, verifier, share)
    while (now := verifier_of(name)) != verifier:
        verifier = now
        matches = await _matches(passwords, name, secret, verifier, share)
    return matches


async def _matches(passwords: Passwords, name: str, secret: str, verifier: str | None, share: str) -> bool | None:
    answer: asyncio.Future[bool | None] = asyncio.get_running_loop().create_future()

    def answered(matches: bool | None) -> None:
        if not answer.done():
            answer.set_result(matches)

    check = passwords.verify(secret, verifier, answered, host=share, account=name)
    try:
        return await answer
    finally:
        check.drop()
