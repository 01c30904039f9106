"""Somebody who reads what others say to each other, and answers."""

from __future__ import annotations

from typing import Any

from textual.pilot import Pilot

from tests.tui.conversing import Conversation
from tests.tui.driving import settled
from tests.tui.fakes import World
from tui.application.app import ActivityApp


class Reader:
    """Somebody at the application, with a conversation that comes to them."""

    def __init__(self, pilot: Pilot[Any], app: ActivityApp, world: World) -> None:
        self.pilot = pilot
        self.app = app
        self.world = world
        self.says = Conversation(world)

    @property
    def posted(self) -> dict[str, Any]:
        return dict(self.world.client.posted[-1][1])

    @property
    def told(self) -> str:
        return " ".join(one.message for one in self.app._notifications)

    async def press(self, *keys: str) -> None:
        await self.pilot.press(*keys)
        await settled(self.pilot)

    async def select(self, words: str) -> None:
        """Select the row in which these words stand."""
        await settled(self.pilot)
        feed = self.app.main.feed
        feed.focus()
        at = next(
            index
            for index in range(feed.row_count())
            if feed.together(index).start == index
            and words in "".join(strip.text for strip in feed.row_strips(index, 200))
        )
        feed.select(at)
        await settled(self.pilot)
