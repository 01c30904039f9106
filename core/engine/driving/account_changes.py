"""Changed keys and secrets that somebody waits for: each is a question to the node, and has its answer in time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from core.node.interface.actions import KeyChanged, SecretChangeAnswered
from core.node.interface.events import Event, KeyChangeRequested, SecretChangeRequested

CHANGE_LIMIT: Final = 30.0
"""Seconds within which a changed key or secret must be durable."""


class AccountChanges:
    """`deliver` hands the node a question; its answer comes as an action."""

    def __init__(self, loop: asyncio.AbstractEventLoop, deliver: Callable[[Event], None]) -> None:
        self._loop = loop
        self._deliver = deliver
        self._waiting: dict[int, asyncio.Future[str | None]] = {}
        self._last = 0

    async def change_key(self, claim: str, text: str, comment: str, *, bound: bool) -> str | None:
        """Bind a key to an account or take it away; what kept it from being done, as a clause."""
        return await self._change(lambda token: KeyChangeRequested(token, claim, text, comment, bound))

    async def change_secret(self, claim: str, secret: str, new_secret: str) -> str | None:
        """Give an account another secret, for somebody who knows the present one; what kept it from being done."""
        return await self._change(lambda token: SecretChangeRequested(token, claim, secret, new_secret))

    def answered(self, action: KeyChanged | SecretChangeAnswered) -> None:
        """The node says what has become of a change."""
        answer = self._waiting.get(action.token)
        if answer is not None and not answer.done():
            answer.set_result(action.problem)

    def close(self) -> None:
        """The node answers nothing more."""
        for answer in self._waiting.values():
            if not answer.done():
                answer.set_result("the server has ended")

    async def _change(self, request: Callable[[int], Event]) -> str | None:
        self._last += 1
        token = self._last
        answer = self._waiting[token] = self._loop.create_future()
        self._deliver(request(token))
        try:
            return await asyncio.wait_for(answer, CHANGE_LIMIT)
        except TimeoutError:
            return f"it was not kept within {CHANGE_LIMIT:g} seconds; it may still be"
        finally:
            del self._waiting[token]
