"""What an operator does over a client that is logged in: look at the orders, and give some, signed with their key."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Protocol

import msgspec

from core.client.draft_checks import draft_problem
from core.client.operator_questions import OrderAnswer, OrderQuestion
from core.client.questions import NotConnected
from core.wire.messages import GiveOrder, OrderDraft, OrderDrafted, OrderList, OrderRefused, OrdersRequest, OrderTaken
from core.wire.network_orders import approved
from core.wire.signed_orders import shown_key_digest, sign_order
from core.wire.signing import Signer


class OrderNotTaken(Exception):
    """The server does not do what was asked for; the text is a clause that says why."""


class AskingClient(Protocol):
    """The client, as an operator needs it."""

    @property
    def username(self) -> str: ...

    async def request_status(self) -> dict[str, object]: ...

    async def ask_about_orders(self, question: OrderQuestion) -> OrderAnswer: ...


class OperatorSeat:
    """An operator at a client. All methods raise OrderNotTaken, NotConnected and OutcomeUnknown."""

    def __init__(self, client: AskingClient, signer: Signer) -> None:
        self._client = client
        self._signer = signer

    async def orders(self) -> OrderList:
        """All orders that are heeded, the latest first. The first account of a network becomes its operator by this."""
        status = await self._client.request_status()
        server, at = status.get("id"), status.get("at")
        if not isinstance(server, str) or not isinstance(at, int | float):
            raise NotConnected("this server does not tell who it is")
        moment = int(at * 1000)
        key = self._signer.key
        proof = self._signer.sign(shown_key_digest(server, moment, key))
        found: OrderList | None = None
        while True:
            last = found.orders[-1] if found is not None and found.orders else None
            behind = (last.order.stamp, last.id) if last is not None else None
            page = await self._client.ask_about_orders(OrdersRequest(key, moment, proof, behind))
            if not isinstance(page, OrderList):
                raise _refusal(page)
            if found is None:
                found = page
            else:
                names = {**found.accounts, **page.accounts}
                found = msgspec.structs.replace(page, orders=[*found.orders, *page.orders], accounts=names)
            if not page.more or not page.orders:
                return found

    async def draft(self, kind: str, target: str, words: Sequence[str] = (), because: str = "") -> OrderDrafted:
        """How an order is written, to be looked at; it is about what was asked for, as far as that can be seen."""
        asked = OrderDraft(self._signer.key, kind, target, list(words), because)
        drafted = await self._client.ask_about_orders(asked)
        if not isinstance(drafted, OrderDrafted):
            raise _refusal(drafted)
        problem = draft_problem(asked, drafted.order, time.time(), self._client.username)
        if problem is not None:
            raise OrderNotTaken(f"the server has drafted an order that is not to be signed: {problem}")
        return drafted

    async def give(self, drafted: OrderDrafted) -> str:
        """Sign an order, and have the server keep it; its id."""
        try:
            signed = sign_order(approved(drafted.order, self._signer), self._signer)
        except ValueError as error:
            raise OrderNotTaken(str(error)) from None
        answer = await self._client.ask_about_orders(GiveOrder(signed))
        if not isinstance(answer, OrderTaken):
            raise _refusal(answer)
        return answer.id


def _refusal(answer: OrderAnswer) -> OrderNotTaken:
    return OrderNotTaken(answer.info if isinstance(answer, OrderRefused) else "the server has answered something else")
