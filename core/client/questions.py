"""Questions to a server that somebody waits for: its status, its queues, another secret."""

from __future__ import annotations

import asyncio
from typing import Any, Final, TypeVar

STATUS_LIMIT: Final = 10.0
SECRET_LIMIT: Final = 30.0
"""Seconds within which a changed secret has its answer, a lost connection included."""

_T = TypeVar("_T")


class NotConnected(Exception):
    """There is no server that can be asked now."""


class QueuesRefused(Exception):
    """The server does not tell its queues; the text is a clause that says why."""


class SecretRefused(Exception):
    """The secret is what it was; the text is a clause that says why."""


class OutcomeUnknown(Exception):
    """Nobody can tell whether the secret was changed; the text is a clause that says why."""


class Questions:
    """Who waits for which answer. Each is asked before it is waited for."""

    def __init__(self) -> None:
        self._status: list[asyncio.Future[dict[str, object]]] = []
        self._queues: list[asyncio.Future[dict[str, int]]] = []
        self._secret: asyncio.Future[None] | None = None

    def status(self) -> asyncio.Future[dict[str, object]]:
        """The server was asked for its status."""
        return _entered(self._status)

    def queues(self) -> asyncio.Future[dict[str, int]]:
        """The server was asked for its queues."""
        return _entered(self._queues)

    def secret(self) -> asyncio.Future[None]:
        """The server was asked for another secret."""
        self._secret = asyncio.get_running_loop().create_future()
        return self._secret

    async def status_told(self, answer: asyncio.Future[dict[str, object]]) -> dict[str, object]:
        """Raises NotConnected when the connection ends, TimeoutError when there is no answer in time."""
        return await _in_time(answer, self._status)

    async def queues_told(self, answer: asyncio.Future[dict[str, int]]) -> dict[str, int]:
        """Raises QueuesRefused, and what `status_told` does."""
        return await _in_time(answer, self._queues)

    async def secret_changed(self, answer: asyncio.Future[None]) -> None:
        """Raises SecretRefused and OutcomeUnknown."""
        try:
            await asyncio.wait_for(answer, SECRET_LIMIT)
        except TimeoutError:
            raise OutcomeUnknown(f"there was no answer within {SECRET_LIMIT:g} seconds") from None
        finally:
            if self._secret is answer:
                self._secret = None

    def status_arrived(self, status: dict[str, object], queues: dict[str, int] | None, info: str | None) -> None:
        for waiting in self._status:
            if not waiting.done():
                waiting.set_result(status)
        for asked in self._queues:
            if not asked.done() and queues is not None:
                asked.set_result(queues)
            elif not asked.done() and info is not None:
                asked.set_exception(QueuesRefused(info))

    def secret_answered(self, problem: Exception | None) -> None:
        answer, self._secret = self._secret, None
        if answer is not None and not answer.done():
            if problem is None:
                answer.set_result(None)
            else:
                answer.set_exception(problem)

    def connection_lost(self) -> None:
        """The connection that would have brought status and queues is gone."""
        asked: list[asyncio.Future[Any]] = [*self._status, *self._queues]
        for waiting in asked:
            if not waiting.done():
                waiting.set_exception(NotConnected("the connection ended before the server told its status"))


def _entered(waiting: list[asyncio.Future[_T]]) -> asyncio.Future[_T]:
    answer: asyncio.Future[_T] = asyncio.get_running_loop().create_future()
    waiting.append(answer)
    return answer


async def _in_time(answer: asyncio.Future[_T], waiting: list[asyncio.Future[_T]]) -> _T:
    try:
        return await asyncio.wait_for(answer, STATUS_LIMIT)
    finally:
        if answer in waiting:
            waiting.remove(answer)
