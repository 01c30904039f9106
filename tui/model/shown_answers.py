"""What was said since of the activities on the screen, where the feed does not have it: an edit, a removal, a like may
stand far behind the page of the past that somebody reads."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Final

from core.answers import Reference
from core.client import NotConnected, OutcomeUnknown, PastNotShown, PastUnreadable
from tui.feed.feed_answers import reference_of
from tui.feed.feed_item import FeedItem
from tui.feed.past_answers import asked_about
from tui.model.client_model import ClientModel

LOOKED_UP_MAX: Final = 2_000
"""So many activities are remembered that were looked up, the latest."""
AGAIN: Final = 10.0
"""Seconds until it is looked again, where a server could not look, or where something was forgotten here since."""


class ShownAnswers:
    """Looks up what is on the screen, each activity once."""

    def __init__(self, model: ClientModel, clock: Callable[[], float] = time.monotonic) -> None:
        """`clock`: seconds, of any beginning."""
        self._model = model
        self._clock = clock
        self._looked_up: OrderedDict[Reference, None] = OrderedDict()
        self._forgotten = 0
        self._not_before = float("-inf")
        self._is_looking = False

    def wanted(self, shown: Sequence[FeedItem]) -> list[FeedItem]:
        """Of what is shown that of which it is not known what was said since."""
        table = self._model.feed.answers.table
        # Up to the present the feed has been told all that was said, as long as none of it had to be forgotten.
        if self._is_looking or (self._model.feed.attached and not table.forgotten) or not self._model.searches_past:
            return []
        if self._clock() < self._not_before:
            return []
        if self._forgotten != table.forgotten:
            self._forgotten = table.forgotten
            self._not_before = self._clock() + AGAIN
            self._looked_up.clear()
        return [
            item
            for item in shown
            if (reference := reference_of(item)) is not None and table.name(reference) not in self._looked_up
        ]

    async def look(self, items: Sequence[FeedItem]) -> None:
        """Look these up, if the server can now."""
        self._is_looking = True
        answers = self._model.feed.answers
        try:
            await self._model.look_up(asked for item in items for asked in asked_about(item, answers))
        except (NotConnected, OutcomeUnknown, PastNotShown, PastUnreadable):
            self._not_before = self._clock() + AGAIN
        else:
            for item in items:
                if (reference := reference_of(item)) is not None:
                    self._looked_up[answers.table.name(reference)] = None
            while len(self._looked_up) > LOOKED_UP_MAX:
                self._looked_up.popitem(last=False)
        finally:
            self._is_looking = False
