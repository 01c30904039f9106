"""Type-ahead: what is typed while a screen comes or goes waits for it.

A screen takes some milliseconds to come and to go, and fast typists, pastes and slow links bring several keys in less.
Textual gives keys to a screen that has no parts yet, or opens a second one while the first is still being taken down;
both end the application.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Final

from textual import events
from textual.app import App

from tui.screens.dialog import UnhurriedScreen

LOOK_INTERVAL: Final = 0.01
"""Seconds between two looks whether the screens have settled."""
WAIT_LIMIT: Final = 1.0
"""Seconds after which a key is handed on however the screens stand."""
KEYS_MAX: Final = 2_000
"""Keys that wait; more are dropped."""


class TypeAheadApp(App[int]):
    """An application whose keys wait while its screens change."""

    def __init__(self, **options: object) -> None:
        super().__init__(**options)  # type: ignore[arg-type]
        self._ahead: deque[events.Key | events.Paste] = deque(maxlen=KEYS_MAX)
        self._ahead_since = 0.0

    async def on_event(self, event: events.Event) -> None:
        if isinstance(event, events.Key | events.Paste) and not event.is_forwarded:
            if self._ahead:
                self._ahead.append(event)
                return
            if not self._screens_have_settled():
                self._ahead.append(event)
                self._ahead_since = asyncio.get_running_loop().time()
                self._look_later()
                return
            if self._answers_unread(event):
                return
        await super().on_event(event)

    def _answers_unread(self, event: events.Key | events.Paste) -> bool:
        screen = self.screen
        return isinstance(screen, UnhurriedScreen) and screen.comes_too_soon(event)

    def is_about(self, screen_id: str) -> bool:
        """Whether there is a screen of that name, be it one that is still being taken down: there can be but one."""
        return any(node.id == screen_id for node in self._nodes)

    def action_command_palette(self) -> None:
        if not self.is_about("--command-palette"):
            super().action_command_palette()

    def _screens_have_settled(self) -> bool:
        """Whether the topmost screen is whole, and no other one is still being taken down."""
        stack = self.screen_stack
        return bool(stack) and stack[-1].is_mounted and all(node in stack for node in self._nodes)

    def _look_later(self) -> None:
        asyncio.get_running_loop().call_later(LOOK_INTERVAL, self.call_later, self._hand_on)

    async def _hand_on(self) -> None:
        now = asyncio.get_running_loop().time()
        while self._ahead and (self._screens_have_settled() or now - self._ahead_since > WAIT_LIMIT):
            self._ahead_since = now
            event = self._ahead.popleft()
            if not self._answers_unread(event):
                await super().on_event(event)
        if self._ahead:
            self._look_later()
