"""What a person can do with the network: have others join it, link it, decide as its operator."""

from __future__ import annotations

from typing import Final

from tui.user_actions.user_action import UserAction

NETWORK_ACTIONS: Final[tuple[UserAction, ...]] = (
    UserAction(
        "network.share",
        "f8,s",
        "How others join",
        "Show and copy the command with which a person joins; with a server here, invite another one.",
        "Network",
        "share",
        footer="Invite",
    ),
    UserAction(
        "network.invite_server",
        "",
        "Invite a server\N{HORIZONTAL ELLIPSIS}",
        "Make the command with which a server joins: good once, or as often and as long as you say.",
        "Network",
        "invite_server",
        node_only=True,
    ),
    UserAction(
        "network.join",
        "",
        "Join a network\N{HORIZONTAL ELLIPSIS}",
        "Link this node to a server of another network.",
        "Network",
        "ask_join",
        node_only=True,
    ),
    UserAction(
        "network.disconnect",
        "x,delete",
        "Disconnect",
        "End the selected connection, after asking.",
        "Network",
        "screen.disconnect",
        scope="connections",
        node_only=True,
        footer="Disconnect",
    ),
    UserAction(
        "network.order",
        "d",
        "Decide about the selected row",
        "As an operator: begin an order about the selected activity, user, connection or server.",
        "Network",
        "order",
    ),
    UserAction(
        "network.backup",
        "",
        "Back up now",
        "Write a backup of everything this node keeps.",
        "Network",
        "backup",
        node_only=True,
    ),
)
