"""How a fault is planted: between a node and whoever drives it, where all that it hears and wants done passes.

A node that a test has tampered with is the whole one, with some of what it is told kept from it or changed, or some of
what it wants done. Nothing inside of it is touched, so a fault stays planted however the node is built.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from core.node.interface.actions import Action, Broadcast, BroadcastAll, Persist, Send, SendAll
from core.node.interface.events import Event, MessageReceived, Now, PostsReceived
from core.node.interface.node_config import NodeConfig
from core.node.node import Node
from core.wire.codec import Frame
from core.wire.entries import Entry
from core.wire.entry_columns import EntryColumns
from core.wire.keepables import Keepable
from core.wire.messages import Message

Hear = Callable[[Node, Event, Now], Event | None]
"""What a node is told instead of something; None: nothing."""
Want = Callable[[Node, Event, list[Action]], list[Action]]
"""What is done instead of what a node wants done, having been told something."""


def as_it_is(node: Node, event: Event, now: Now) -> Event | None:
    return event


def as_it_wants(node: Node, event: Event, wanted: list[Action]) -> list[Action]:
    return wanted


def tamper(patch: pytest.MonkeyPatch, *, hear: Hear = as_it_is, want: Want = as_it_wants) -> None:
    """Change what every node is told, or what it wants done."""
    whole = Node.handle

    def handle(self: Node, event: Event, now: Now) -> list[Action]:
        wanted: list[Action] = []
        for one in _events_in(event):
            heard = hear(self, one, now)
            if heard is not None:
                wanted += want(self, heard, _sent_singly(whole(self, heard, now)))
        return wanted

    patch.setattr(Node, "handle", handle)


def _events_in(event: Event) -> list[Event]:
    """What was read at once as what it means."""
    if isinstance(event, PostsReceived):
        return [MessageReceived(event.conn, message) for message in event.messages]
    return [event]


def _sent_singly(wanted: list[Action]) -> list[Action]:
    return [
        one
        for action in wanted
        for one in ([Send(action.conn, frame) for frame in action.frames] if isinstance(action, SendAll) else [action])
    ]


def tamper_with_sending(patch: pytest.MonkeyPatch, change: Callable[[Node, Send], list[Action]]) -> None:
    """Change what every node says to one connection."""

    def want(node: Node, event: Event, wanted: list[Action]) -> list[Action]:
        return [one for action in wanted for one in (change(node, action) if isinstance(action, Send) else [action])]

    tamper(patch, want=want)


def tamper_with_handing_out(patch: pytest.MonkeyPatch, change: Callable[[Node, Broadcast], list[Action]]) -> None:
    """Change what every node says to all its clients."""

    def want(node: Node, event: Event, wanted: list[Action]) -> list[Action]:
        singly = [
            one
            for action in wanted
            for one in ([Broadcast(frame) for frame in action.frames] if isinstance(action, BroadcastAll) else [action])
        ]
        return [
            one for action in singly for one in (change(node, action) if isinstance(action, Broadcast) else [action])
        ]

    tamper(patch, want=want)


def tamper_with_settings(patch: pytest.MonkeyPatch, change: Callable[[NodeConfig], NodeConfig]) -> None:
    """Have every node go by other settings than those that it was given."""
    whole = Node.__init__

    def begin(self: Node, config: NodeConfig, *arguments: Any, **options: Any) -> None:
        whole(self, change(config), *arguments, **options)

    patch.setattr(Node, "__init__", begin)


def message_in(event: Event) -> Message | None:
    """What a node is told that somebody says."""
    return event.message if isinstance(event, MessageReceived) else None


def says(conn: int, message: Message) -> Send:
    return Send(conn, Frame(message))


def name_of(node: Node) -> str:
    return node.topology.own.name


def changes_what_is_written_second(patch: pytest.MonkeyPatch) -> None:
    """What somebody writes second is kept with a number changed."""

    def want(node: Node, event: Event, wanted: list[Action]) -> list[Action]:
        return [_changed(action) if isinstance(action, Persist) else action for action in wanted]

    def _changed(action: Persist) -> Persist:
        return Persist(action.batch, tuple(map(_other_of, action.keepables)))

    def _other_of(keepable: Keepable) -> Keepable:
        if isinstance(keepable, EntryColumns):
            return EntryColumns.of([*map(_other, keepable.entries)])
        return _other(keepable) if isinstance(keepable, Entry) else keepable

    def _other(entry: Entry) -> Entry:
        if b'"n":2,' not in entry.body:
            return entry
        return msgspec.structs.replace(entry, body=entry.body.replace(b'"precise":0.1', b'"precise":0.2'))

    tamper(patch, want=want)
