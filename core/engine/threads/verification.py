"""Asks whose account a secret opens, for whoever is no connection of the protocol (SSH)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from core.engine.engine_errors import TooBusy
from core.engine.threads.passwords import Passwords
from core.wire.entries import AccountFact


async def account_opened(
    passwords: Passwords, accounts_called: Callable[[str], Sequence[AccountFact]], name: str, secret: str, share: str
) -> AccountFact | None:
    """Of the accounts that somebody giving a name may mean the first that `secret` opens; None: it opens none of them.

    `accounts_called` tells them as they are now, with the verifiers of their present secrets: one that changes
    meanwhile is looked at anew. `share` names whose turn it is. It takes as long where there is no such account. When
    this is cancelled, what has not begun is dropped. Raises TooBusy.
    """
    tried: dict[tuple[str, str], None] = {}
    while True:
        untried = [one for one in accounts_called(name) if (one.claim, one.verifier) not in tried]
        if not untried and tried:
            return None
        if not untried:
            await _matches(passwords, name, secret, None, share)
            return None
        looked_at = untried[0]
        tried[looked_at.claim, looked_at.verifier] = None
        if await _matches(passwords, name, secret, looked_at.verifier, share):
            found = [one for one in accounts_called(name) if one.claim == looked_at.claim]
            if found and found[0].verifier == looked_at.verifier:
                return found[0]


async def _matches(passwords: Passwords, name: str, secret: str, verifier: str | None, share: str) -> bool:
    answer: asyncio.Future[bool | None] = asyncio.get_running_loop().create_future()

    def answered(matches: bool | None) -> None:
        if not answer.done():
            answer.set_result(matches)

    check = passwords.verify(secret, verifier, answered, host=share, account=name)
    try:
        matches = await answer
    finally:
        check.drop()
    if matches is None:
        raise TooBusy("there is too much to do to look at a secret now; try again in a moment")
    return matches
