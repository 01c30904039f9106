"""The protocol as a pure state machine: `Node.handle(event, now) -> actions`."""

from core.node.interface import actions, events
from core.node.interface.events import Now
from core.node.interface.node_config import NodeConfig, lan, local, wan
from core.node.interface.notices import Notice
from core.node.interface.snapshot import ConnectionView, NodeSnapshot, ServerView, UserView
from core.node.node import Node

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
