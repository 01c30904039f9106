"""The network as a tree of text: the spanning tree rooted at this node, and what hangs beside it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

import msgspec

from core.node import NodeSnapshot, ServerView
from core.wire import Address
from tui.text.clock_times import since_words
from tui.text.safe_text import neutralise_name

SIGNS: Final[Mapping[str, str]] = {
    "here": "\u25c9",
    "reachable": "\u25cf",
    "guest": "\u25c7",
    "unreachable": "\u2717",
    "suspected": "?",
    "leaving": "!",
}
"""How a server stands. `guest` is a base server; one is `suspected` that leaves pings over its link here unanswered."""
LOAD_BAR_MAX: Final = 10
LOAD_BAR_LEAST: Final = 1
DEPTH_MAX: Final = 60
"""Branches deeper than this are drawn at the margin; a chain of so many servers leaves every screen."""


class Branch(msgspec.Struct, frozen=True):
    """One server's line. `lead` are the strokes before it; all texts are safe."""

    id: str
    lead: str
    symbol: str
    name: str
    address: str
    load: int
    words: str
    """What is special about it."""
    role: str


def server_name(server: ServerView) -> str:
    """What to call a server: its name, else where it is."""
    return neutralise_name(server.name, 32) or address_of(server)


def address_of(server: ServerView) -> str:
    """Where a server is; the host alone where no way to it from here is known."""
    host = neutralise_name(server.hostname, 253)
    return str(Address(host, server.port)) if server.port else host


def server_names(servers: Iterable[ServerView]) -> dict[str, str]:
    """Names by id; where two servers share a name, the address tells them apart."""
    servers = tuple(servers)
    counts: dict[str, int] = {}
    for server in servers:
        counts[server_name(server)] = counts.get(server_name(server), 0) + 1
    return {
        server.id: server_name(server)
        if counts[server_name(server)] == 1
        else f"{server_name(server)} ({address_of(server)})"
        for server in servers
    }


def suspects(snapshot: NodeSnapshot) -> frozenset[str]:
    """The ids of the servers that do not answer over their links here, and are not given up yet."""
    return frozenset(one.server for one in snapshot.connections if one.suspected and one.server is not None)


def load_bar_cells(width: int, room: int) -> int:
    """How long bars are in lines of a width that have so much room beside all else: before words are cut, bars are."""
    wanted = LOAD_BAR_MAX if width >= 60 else LOAD_BAR_MAX // 2
    return min(wanted, max(LOAD_BAR_LEAST, room))


def load_bar(load: int, most: int, cells: int = LOAD_BAR_MAX) -> str:
    """A bar for a load, in proportion to the largest one, of at most `cells` cells."""
    if load <= 0:
        return ""
    return "\N{LOWER THREE QUARTERS BLOCK}" * max(1, min(cells, round(cells * load / max(most, 5))))


def draw(snapshot: NodeSnapshot) -> list[Branch]:
    """The servers from this one outwards; then the ones that nobody's tree leads to."""
    by_id = {server.id: server for server in snapshot.servers}
    names = server_names(snapshot.servers)
    attached: dict[str, list[ServerView]] = {}
    for server in snapshot.servers:
        if server.state == "guest" and server.via is not None:
            attached.setdefault(server.via, []).append(server)
    drawn: dict[str, None] = {}
    branches: list[Branch] = []
    suspected = suspects(snapshot)

    def neighbours(server: ServerView) -> list[ServerView]:
        near = [by_id[one] for one in server.tree if one in by_id and by_id[one].state != "unreachable"]
        near += attached.get(server.id, [])
        near.sort(key=lambda one: (server_name(one), one.id))
        return near

    # A stack instead of recursion: what a peer announces may be a chain of thousands.
    stack: list[tuple[ServerView, str, str, int]] = []
    here = by_id.get(snapshot.id)
    if here is not None:
        stack.append((here, "", "", 0))
        drawn[here.id] = None
    while stack:
        server, lead, below, depth = stack.pop()
        branches.append(_branch(server, lead, names, suspected, snapshot.at))
        children = [child for child in neighbours(server) if child.id not in drawn]
        for child in children:
            drawn[child.id] = None
        if depth >= DEPTH_MAX:
            below = ""
            depth = 0
        for place, child in reversed(list(enumerate(children))):
            last = place == len(children) - 1
            stack.append(
                (
                    child,
                    below + ("\u2514\u2500 " if last else "\u251c\u2500 "),
                    below + ("   " if last else "\u2502  "),
                    depth + 1,
                )
            )
    branches.extend(
        _branch(server, "", names, suspected, snapshot.at) for server in snapshot.servers if server.id not in drawn
    )
    return branches


def _branch(server: ServerView, lead: str, names: dict[str, str], suspected: frozenset[str], now: float) -> Branch:
    words, role = {
        "here": ("here", "own"),
        "reachable": ("", "text"),
        "guest": ("base", "text"),
        "unreachable": ("unreachable", "error"),
    }[server.state]
    symbol = SIGNS[server.state]
    notes = [words] if words else []
    if server.since is not None:
        notes.append(f"since {since_words(server.since, now, None)}")
    if server.draining:
        notes.append("is leaving")
        symbol, role = SIGNS["leaving"] if server.state == "reachable" else symbol, "warning"
    if server.id in suspected:
        notes.append("does not answer")
        symbol, role = SIGNS["suspected"], "warning"
    if server.lazy and server.state != "unreachable":
        others = ", ".join(names.get(one, neutralise_name(one, 16)) for one in server.lazy[:4])
        more = len(server.lazy) - 4
        notes.append(f"\u21e2 {others}" + (f" and {more} more" if more > 0 else ""))
    return Branch(server.id, lead, symbol, names[server.id], address_of(server), server.load, " ".join(notes), role)
