"""Asking the store about sums, for a neighbour: what follows when it answers."""

from __future__ import annotations

from collections.abc import Callable

from core.node.interface.actions import AskSummary
from core.node.kernel.connections import Link
from core.node.kernel.context import Context
from core.node.neighbours.neighbours import Neighbours
from core.reconciliation.summary_queries import SummaryAnswer, SummaryQuery

Then = Callable[[SummaryAnswer | None], None]
"""Is called with the answer; None: the store could not be read."""


class SummaryAccess:
    """Questions to the store's summary that are not answered yet."""

    def __init__(self, context: Context, neighbours: Neighbours) -> None:
        self._context = context
        self._neighbours = neighbours
        self._asked: dict[int, tuple[Link, Then]] = {}

    def __len__(self) -> int:
        return len(self._asked)

    def ask(self, link: Link, query: SummaryQuery, then: Then) -> None:
        """Ask, and go on with `then` if the neighbour is still there."""
        token = self._context.token()
        self._asked[token] = (link, then)
        self._context.actions.append(AskSummary(token, query))

    def answered(self, token: int, answer: SummaryAnswer | None) -> None:
        """The answer to an AskSummary."""
        link, then = self._asked.pop(token)
        if self._neighbours.is_neighbour(link):
            then(answer)
