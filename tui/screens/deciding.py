"""How an order about the selected row begins, or why none can be given about it."""

from __future__ import annotations

from core.node import ConnectionView, NodeSnapshot
from core.wire import ANONYMOUS, parse_address
from tui.feed.feed_item import FeedItem
from tui.text.order_words import order_line

WHERE = "select an activity (F2), a connection (F3), a user (F4) or a server (F6)"


class NothingToDecide(Exception):
    """No order is about that row; the text is a sentence that says why."""


def about_activity(entry: FeedItem | None) -> str:
    """Raises NothingToDecide."""
    if entry is None:
        raise NothingToDecide("Nobody has written anything here yet.")
    if entry.state == "mark":
        raise NothingToDecide("Nobody wrote that line: it is the application's own. Select an activity.")
    if entry.state != "arrived":
        raise NothingToDecide("No server has taken that line yet: there is nothing to remove.")
    if entry.id is None:
        raise NothingToDecide(
            "This server does not tell which activity that is, so it cannot be removed from here: another one does."
        )
    return order_line("remove", entry.id)


def about_user(name: str | None) -> str:
    """Raises NothingToDecide."""
    if name is None:
        raise NothingToDecide("Nobody is registered or logged in.")
    if name == ANONYMOUS:
        raise NothingToDecide("anonymous is nobody's account. An address can be banned, on its row in the connections.")
    return order_line("silence", name)


def about_connection(one: ConnectionView | None, visitor: str = "") -> str:
    """`visitor`: where somebody comes from over SSH, if that is the row. Raises NothingToDecide."""
    if visitor:
        return order_line("ban", host_of(visitor))
    if one is None:
        raise NothingToDecide("Nobody is connected there.")
    if one.role == "server" and one.server:
        return order_line("expel", one.server, "--since", "0")
    if one.origin == "local":
        raise NothingToDecide("That connection comes from the server itself. Decide about its user (F4).")
    if one.origin == "outbound":
        raise NothingToDecide("That server is none of the network's own: x ends the connection.")
    return order_line("ban", host_of(one.peer))


def about_server(server: str | None, snapshot: NodeSnapshot | None) -> str:
    """Raises NothingToDecide."""
    found = next((one for one in snapshot.servers if one.id == server), None) if snapshot is not None else None
    if snapshot is None or found is None:
        raise NothingToDecide("There is no server there.")
    if found.state == "guest":
        raise NothingToDecide("A base server is no member, and cannot be expelled. Its address can be banned.")
    if found.id == snapshot.id:
        raise NothingToDecide("That is the server that you are at: it is expelled from another one.")
    return order_line("expel", found.id, "--since", "0")


def host_of(peer: str) -> str:
    """The host of an address as connections show it."""
    try:
        return parse_address(peer).host
    except ValueError:
        return peer
