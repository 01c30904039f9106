"""Operators' questions to a server: one at a time, each with one answer."""

from __future__ import annotations

import asyncio
from typing import Final, TypeAlias

from core.client.questions import NotConnected, OutcomeUnknown
from core.wire.messages import GiveOrder, OrderDraft, OrderDrafted, OrderList, OrderRefused, OrdersRequest, OrderTaken

ANSWER_LIMIT: Final = 30.0
"""Seconds within which there is an answer."""

OrderQuestion: TypeAlias = OrdersRequest | OrderDraft | GiveOrder
OrderAnswer: TypeAlias = OrderList | OrderDrafted | OrderTaken | OrderRefused


class OperatorQuestions:
    """Who waits for the answer, and who waits for their turn to ask."""

    def __init__(self) -> None:
        self.turn = asyncio.Lock()
        self._answer: asyncio.Future[OrderAnswer] | None = None

    async def answered(self) -> OrderAnswer:
        """The answer to what has just been asked. Raises NotConnected when the connection ends before it, and
        OutcomeUnknown when none comes."""
        self._answer = asyncio.get_running_loop().create_future()
        try:
            return await asyncio.wait_for(self._answer, ANSWER_LIMIT)
        except TimeoutError:
            raise OutcomeUnknown(f"there was no answer within {ANSWER_LIMIT:g} seconds") from None
        finally:
            self._answer = None

    def arrived(self, answer: OrderAnswer) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_result(answer)

    def connection_lost(self) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(NotConnected("the connection ended before the server answered"))
