"""The protocol as a pure state machine: `Node.handle(event, now) -> actions`.

Each name loads its own module and no other: whoever only shows a `NodeSnapshot` loads no machine.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from core.lazy_face import lazy

if TYPE_CHECKING:
    from core.node.interface import actions, events
    from core.node.interface.events import Now
    from core.node.interface.node_config import NodeConfig, lan, local, wan
    from core.node.interface.notices import Notice, NoticeKind, Severity, noted
    from core.node.interface.snapshot import ConnectionView, NodeSnapshot, ServerView, UserView, without_clients
    from core.node.node import Node

__all__ = [
    "ConnectionView",
    "Node",
    "NodeConfig",
    "NodeSnapshot",
    "Notice",
    "NoticeKind",
    "Now",
    "ServerView",
    "Severity",
    "UserView",
    "actions",
    "events",
    "lan",
    "local",
    "noted",
    "wan",
    "without_clients",
]

if not TYPE_CHECKING:
    # A checker that sees it takes every name for one of the package's.
    __getattr__ = lazy(
        __name__,
        {
            "interface": (
                "actions",
                "events",
            ),
            "interface.events": ("Now",),
            "interface.node_config": (
                "NodeConfig",
                "lan",
                "local",
                "wan",
            ),
            "interface.notices": (
                "Notice",
                "NoticeKind",
                "Severity",
                "noted",
            ),
            "interface.snapshot": (
                "ConnectionView",
                "NodeSnapshot",
                "ServerView",
                "UserView",
                "without_clients",
            ),
            "node": ("Node",),
        },
    )
