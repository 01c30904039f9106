"""The network in one line: its servers, each with a sign for how it stands and how many people are there."""

from __future__ import annotations

from typing import Final

from rich.cells import cell_len

from core.node import NodeSnapshot, ServerView
from tui.model.network_tree import SIGNS, server_names, suspects
from tui.panes.overview import StyledText
from tui.text.fitting import fit

NAME_CELLS: Final = 16
_GAP: Final = "  "
_DIM: Final = "$foreground 70%"


def network_strip(snapshot: NodeSnapshot, room: int) -> list[StyledText]:
    """The servers with the one here first, then those about which something is wrong, in so many cells; of those that
    have no room it is told how many there are. Signs and words say what colours say, too."""
    names, suspected = server_names(snapshot.servers), suspects(snapshot)
    servers = sorted(snapshot.servers, key=lambda one: (_rank(one, suspected), names[one.id], one.id))
    parts: list[StyledText] = []
    used = 0
    for place, server in enumerate(servers):
        sign, words, style = _said(server, suspected)
        name = names[server.id]
        name = fit(name, NAME_CELLS) if cell_len(name) > NAME_CELLS else name
        text = f"{sign} {name}{words}"
        gap = _GAP if place else ""
        left = len(servers) - place - 1
        kept = cell_len(f"{_GAP}and {left} more") if left else 0
        if used + cell_len(gap + text) + kept > room:
            parts.append((f"{gap}and {left + 1} more", _DIM))
            break
        parts.append((gap + text, style))
        used += cell_len(gap + text)
    return parts


def _rank(server: ServerView, suspected: frozenset[str]) -> int:
    if server.state == "here":
        return 0
    if server.state == "unreachable":
        return 2
    return 1 if server.id in suspected or server.draining else 3


def _said(server: ServerView, suspected: frozenset[str]) -> tuple[str, str, str]:
    """A server's sign, the words behind its name, and the style of all of it."""
    if server.state == "unreachable":
        return SIGNS["unreachable"], " unreachable", "$text-error"
    if server.id in suspected:
        return SIGNS["suspected"], f" {server.load}, no answer", "$text-warning bold"
    if server.draining:
        return SIGNS["leaving"], f" {server.load}, leaving", "$text-warning"
    return SIGNS[server.state], f" {server.load}", "bold" if server.state == "here" else ""
