"""Type-ahead: what is typed while a screen comes or goes, or the focus moves, waits for it.

A screen takes some milliseconds to come and to go, and fast typists, pastes and slow links bring several keys in less.
Textual gives keys to a screen that has no parts yet, or opens a second one while the first is still being taken down;
both end the application.

A key that the focused widget does not take for itself goes up from it, message queue by message queue, and does what it
is bound to when it has arrived at the top. What was typed behind it would be given to whoever had the focus until then,
and be lost, or do what it is bound to there: behind Esc, an `i` and a word in one burst. An `Arrived` follows each such
key on its way; the next key is given to nobody before it is back, and before the focus has moved.

Seen in Textual 8.2.8; no report found.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Final

from textual import events
from textual.app import App
from textual.dom import DOMNode
from textual.message import Message
from textual.widgets import TextArea

LOOK_INTERVAL: Final = 0.01
"""Seconds between two looks whether the screens have settled."""
WAIT_LIMIT: Final = 1.0
"""Seconds after which a key is handed on however the screens stand, and wherever the key before it is."""
KEYS_MAX: Final = 2_000
"""Keys that wait; more are dropped."""
ENDING: Final = ("ctrl+c", "ctrl+q")
"""Keys that wait for no beginning: it may never come."""


class Arrived(Message, namespace="type_ahead"):
    """Follows a key from the widget that had the focus up to the application, where the key has been before it."""

    def __init__(self, start: DOMNode, rounds: int) -> None:
        super().__init__()
        self.start = start
        self.rounds = rounds


class TypeAheadApp(App[int]):
    """An application whose keys wait while its screens change, and for what the key before them does."""

    def __init__(self, **options: object) -> None:
        super().__init__(**options)  # type: ignore[arg-type]
        self._ahead: deque[events.Key | events.Paste] = deque(maxlen=KEYS_MAX)
        self._ahead_since = 0.0
        self._on_its_way: Arrived | None = None
        self._has_been_unsettled = False

    @property
    def has_keys_waiting(self) -> bool:
        """Whether keys have come that nobody has been given yet: no more should be brought."""
        return bool(self._ahead)

    async def on_event(self, event: events.Event) -> None:
        if isinstance(event, events.Key | events.Paste) and not event.is_forwarded:
            if not self.is_begun and isinstance(event, events.Key) and event.key in ENDING:
                await super().on_event(event)
            elif self._ahead:
                self._ahead.append(event)
            elif not self._may_hand_on():
                self._ahead.append(event)
                self._ahead_since = asyncio.get_running_loop().time()
                self._look_later()
            else:
                await self._hand_over(event)
            return
        await super().on_event(event)

    async def _hand_over(self, event: events.Key | events.Paste) -> None:
        receiver = self.focused or self.screen
        event = self._as_enter(event, receiver)
        if self.comes_too_soon(event):
            return
        await super().on_event(event)
        if isinstance(event, events.Key) and event.is_forwarded:
            if receiver.check_consume_key(event.key, event.character):
                # A letter in a field goes no further.
                return
            # Fields and buttons answer Enter with a message, which follows the key.
            self._follow(receiver, 2 if event.key == "enter" and not self.goes_on_after_enter(receiver) else 1)

    def _as_enter(self, event: events.Key | events.Paste, receiver: DOMNode) -> events.Key | events.Paste:
        """Enter, if it came as a line feed: the terminal's driver makes one of it until a program takes the terminal.

        Not where a text of several lines is written: somebody who typed ahead may have meant their shell.
        """
        if not isinstance(event, events.Key) or event.key != "ctrl+j" or isinstance(receiver, TextArea):
            return event
        if event.key in self.screen.active_bindings:
            return event
        enter = events.Key("enter", "\r")
        enter.time = event.time
        return enter

    def _follow(self, receiver: DOMNode, rounds: int) -> None:
        follower = Arrived(receiver, rounds)
        self._on_its_way = follower if receiver.post_message(follower) else None

    def on_type_ahead_arrived(self, arrived: Arrived) -> None:
        arrived.stop()
        # Once more round: `Widget.focus` leaves word with the application to move the focus.
        self.call_later(self._done, arrived)

    async def _done(self, arrived: Arrived) -> None:
        """All that a key did has been done."""
        if arrived is self._on_its_way:
            self._on_its_way = None
            if arrived.rounds > 1:
                self._follow(arrived.start, arrived.rounds - 1)
            await self._hand_on_what_may()

    def _may_hand_on(self) -> bool:
        if self._on_its_way is not None and not self._on_its_way.start.is_attached:
            # It was in the queue of a widget that is no more.
            self._on_its_way = None
        if not (self.is_begun and self._screens_have_settled()):
            self._has_been_unsettled = True
            return False
        if self._has_been_unsettled and self._on_its_way is None:
            self._has_been_unsettled = False
            # Whoever gets the focus has yet to hear of it: a field selects what it has then, and a key replaces that.
            self._follow(self.screen, 2)
        return self._on_its_way is None

    @property
    def is_begun(self) -> bool:
        """Whether what keys are for is on the screen: before that they wait, however long it takes."""
        return True

    def comes_too_soon(self, event: events.Key | events.Paste) -> bool:
        """Whether a key is not meant for the screen that has just come, and is dropped."""
        return False

    def goes_on_after_enter(self, receiver: DOMNode) -> bool:
        """Whether what is typed behind Enter belongs to the same widget, which does not answer with a message."""
        return False

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
        await self._hand_on_what_may()
        if self._ahead:
            self._look_later()

    async def _hand_on_what_may(self) -> None:
        now = asyncio.get_running_loop().time()
        if not self.is_begun:
            self._ahead_since = now
        while self._ahead and (self._may_hand_on() or now - self._ahead_since > WAIT_LIMIT):
            self._ahead_since = now
            await self._hand_over(self._ahead.popleft())
