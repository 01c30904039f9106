"""The protocol as a pure state machine: `Node.handle(event, now) -> actions`."""

from core.node import actions, events
from core.node.config import NodeConfig, lan, local, wan
from core.node.events import Now
from core.node.node import Node
from core.node.notices import Notice
from core.node.snapshot import ConnectionView, NodeSnapshot, ServerView, UserView

__all__ = [
    "ConnectionView",
    "Node",
    "NodeConfig",
    "NodeSnapshot",
    "Notice",
    "Now",
    "ServerView",
    "UserView",
    "actions",
    "events",
    "lan",
    "local",
    "wan",
]
