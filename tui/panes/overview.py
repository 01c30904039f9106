"""The lines around the panes, as words: who and where one is, how others join, what the panes hold."""

from __future__ import annotations

from collections import Counter
from datetime import tzinfo
from typing import Final

from rich.cells import cell_len

from core.node import NodeSnapshot, ServerView
from core.wire import Address, Scope, scope_of
from tui.model.client_model import ClientModel
from tui.text import figures, invitation
from tui.text.clock_times import clock_time, same_day
from tui.text.safe_text import neutralise, neutralise_name

StyledText = tuple[str, str]
"""Safe text and a Textual style."""

_DIM: Final = "$foreground 70%"


def present(snapshot: NodeSnapshot) -> list[ServerView]:
    """The servers that are part of the network now."""
    return [one for one in snapshot.servers if one.state != "unreachable"]


def people_online(snapshot: NodeSnapshot) -> int:
    """How many people there are: somebody who is logged in at several servers, or here several times, is one of them.

    Who is logged in several times at another server is counted as often: it tells how many logins it has, and whose.
    """
    logins = sum(one.load for one in present(snapshot))
    again = sum(len(user.servers) - 1 for user in snapshot.users if user.servers)
    here = Counter(one.name for one in snapshot.connections if one.role == "client" and one.state == "logged in")
    return max(0, logins - again - sum(times - 1 for times in here.values()))


def unread(model: ClientModel) -> str:
    """What is new to the person, in few characters: `+12 @3`; empty when there is nothing."""
    concerns = model.concerns
    to_them = f" @{concerns.unread_mentions}" if concerns.unread_mentions else ""
    return f"+{concerns.unread}{to_them}" if concerns.unread else ""


def title(model: ClientModel) -> str:
    """What the terminal's title says: what is new, who one is, and where."""
    snapshot = model.snapshot
    where = neutralise_name(snapshot.name) if snapshot is not None else ""
    who = neutralise_name(model.username or "") if model.online else neutralise(model.stage_words, 40)
    place = f"{who} on {where}" if where else who
    return " \u00b7 ".join(part for part in (unread(model), place, "activity-tui") if part)


def address_for_others(model: ClientModel) -> Address | None:
    """Where others find this node, or the server that one has come to; None while that is not known."""
    if model.node is not None:
        return model.node.advertised
    address, snapshot = model.server, model.snapshot
    if address is not None and snapshot is not None and scope_of(address.host) is not Scope.ANYWHERE:
        # What leads there from here says nothing to others; the server knows what does.
        return Address(neutralise(snapshot.hostname, 253), snapshot.port)
    return address


def is_alone(snapshot: NodeSnapshot) -> bool:
    """Whether nobody has joined: there is one server, and at most one person."""
    return len(present(snapshot)) <= 1 and people_online(snapshot) <= 1


def invite_line(model: ClientModel, room: int) -> str:
    """How people join; where a command would be cut, how to see it."""
    address = address_for_others(model)
    if address is None:
        return ""
    whole = f"Invite (F8): {invitation.client_command(address)}"
    return whole if cell_len(whole) <= room else "Invite others: F8 shows how"


def empty_feed(model: ClientModel) -> str:
    """What the feed says while it has no rows."""
    match model.stage:
        case "online" if model.past.above == "unknown":
            return "Reading the past\N{HORIZONTAL ELLIPSIS}"
        case "online":
            return "Nothing here yet. Write the first line below."
        case "connecting" | "waiting":
            return "Connecting\N{HORIZONTAL ELLIPSIS}"
        case _:
            return "Log in to see what people write: /login (anonymous will do)"


def unseen(model: ClientModel) -> str:
    """What stands where the network would be while there is no picture of it: what is missing, or what is needed."""
    if model.node is not None:
        return "One moment\N{HORIZONTAL ELLIPSIS}"
    match model.stage:
        case "nobody":
            return "Log in to see this: /login (anonymous will do)"
        case "gone":
            return f"Not connected: {neutralise(model.stage_words, 120)}. /login tries again."
        case "online" if model.silent:
            return "This server tells nothing of its network: it speaks the base protocol only."
        case "online":
            return "Waiting for the first look at the network\N{HORIZONTAL ELLIPSIS}"
        case _:
            return f"Not connected yet: {neutralise(model.stage_words, 120)}"


def feed_note(model: ClientModel, at: float | None, share: float | None, zone: tzinfo | None, problem: str) -> str:
    """Where one reads in the feed, by the time of that activity, and how far that is on the way from the first
    one (0) to the present (1), if that is known; nothing while one follows. `problem`: why no more can be read, as a
    clause."""
    if at is None:
        return ""
    today = same_day(at, model.clock(), zone)
    when = clock_time(at, zone, "%H:%M" if today else "%a %d %b %Y, %H:%M")
    state = "reading more\N{HORIZONTAL ELLIPSIS}" if model.past.loading else problem and neutralise(problem, 120)
    where = f" \u00b7 {round(100 * share)} % of the past" if share is not None else ""
    return f"reading {when}{where} \u00b7 {state or 'End follows'}"


def looked_back(model: ClientModel, zone: tzinfo | None) -> str:
    """How far back a filter has looked; nothing where that is all of the past."""
    oldest = model.feed.by_serial(model.feed.first_serial)
    if oldest is None or model.past.above != "more":
        return ""
    today = same_day(oldest.at, model.clock(), zone)
    return f" \u00b7 back to {clock_time(oldest.at, zone, '%H:%M' if today else '%d %b %Y')}"


STALE: Final = "as it was: not connected now"
"""What stands under a picture of the network whose teller cannot be reached."""


def connections_note(snapshot: NodeSnapshot, *, own: bool = True) -> str:
    """`own`: whether the picture has the node's clients in it; whoever only looks at it sees no other's."""
    if not own:
        linked = sum(1 for one in snapshot.connections if one.role == "server")
        return f"{figures.count(linked, 'server')} and you" if linked else "you"
    servers = sum(1 for one in snapshot.connections if one.role == "server")
    clients = sum(1 for one in snapshot.connections if one.role == "client")
    return f"{figures.count(servers, 'server')}, {figures.count(clients, 'client')}"


def users_note(snapshot: NodeSnapshot) -> str:
    here = sum(1 for one in snapshot.users if one.servers)
    shown = f", {len(snapshot.users)} shown" if len(snapshot.users) < snapshot.users_total else ""
    return f"{here} logged in of {snapshot.users_total}{shown}"


def network_note(snapshot: NodeSnapshot) -> str:
    note = figures.count(len(present(snapshot)), "server")
    if any(one.lazy for one in snapshot.servers):
        note += " \u00b7 \u21e2 spare link"
    if any(one.state == "guest" for one in snapshot.servers):
        note += " \u00b7 \u25c7 base server"
    return note
