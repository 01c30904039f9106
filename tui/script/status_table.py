"""The status of a network in lines for a terminal."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from rich.cells import cell_len

from core.node import ConnectionView, NodeSnapshot, ServerView
from core.wire import Address
from tui.model.network_tree import address_of, server_name, server_names
from tui.text import invitation
from tui.text.safe_text import neutralise, neutralise_name

USERS_SHOWN: Final = 20


def table(snapshot: NodeSnapshot) -> Iterator[str]:
    """The status in lines for a terminal."""
    names = server_names(snapshot.servers)
    here = sum(server.state in ("here", "reachable", "guest") for server in snapshot.servers)
    clients = sum(server.load for server in snapshot.servers if server.state in ("here", "reachable", "guest"))
    name = neutralise_name(snapshot.name) or snapshot.id[:8]
    registered = snapshot.users_total - sum(user.registered_at is None for user in snapshot.users)
    yield (
        f"{name} at {Address(neutralise(snapshot.hostname), snapshot.port)}: "
        f"{_count(here, 'server')}, {_count(clients, 'client')}, {_count(registered, 'registered user')}, "
        f"{_count(snapshot.activities, 'activity', 'activities')} kept"
    )
    if snapshot.network:
        yield f"network {neutralise(snapshot.network, 40)}"
    yield from _warnings(snapshot)
    if snapshot.read_through_at is not None:
        at = time.strftime("%Y-%m-%d %H:%M", time.localtime(snapshot.read_through_at))
        damaged = f"{_count(snapshot.damaged_then, 'place')} damaged" if snapshot.damaged_then else "nothing damaged"
        yield f"all data was last read through at {at}: {damaged}"
    if snapshot.unindexed is not None:
        left = f", {_count(snapshot.unindexed, 'activity', 'activities')} to go" if snapshot.unindexed else ""
        yield f"index of words: {snapshot.index_bytes / 1e6:,.1f} MB{left}"
    yield ""
    yield from _aligned(
        ("SERVER", "ADDRESS", "LOAD", "STATE", "TREE", "SPARE LINKS"),
        (_server_row(server, names) for server in snapshot.servers),
    )
    yield from _ssh_lines(snapshot)
    if snapshot.left_out:
        yield f"… and {snapshot.left_out:,} more, too many for one answer"
    if snapshot.connections:
        yield ""
        yield from _aligned(
            ("CONNECTION", "ROLE", "STATE", "WIRE", "PEER", "ROUND TRIP", "SINCE"),
            (_connection_row(connection) for connection in snapshot.connections),
        )
    if snapshot.users:
        yield ""
        yield from _aligned(("USER", "REGISTERED", "LOGGED IN AT"), _user_rows(snapshot, names))
        if snapshot.users_total > len(snapshot.users[:USERS_SHOWN]):
            yield f"… and {snapshot.users_total - len(snapshot.users[:USERS_SHOWN]):,} more; --json tells more"


def queue_table(queues: Mapping[str, int]) -> Iterator[str]:
    """What waits where in a server, in lines for a terminal, after the rest of its status."""
    yield ""
    yield from _aligned(("WAITING", "HOW MANY"), ((neutralise(name), f"{size:,}") for name, size in queues.items()))


def _warnings(snapshot: NodeSnapshot) -> Iterator[str]:
    if snapshot.draining:
        yield "! this server is about to leave"
    if snapshot.storage_error:
        yield f"! the disk fails, nothing new is accepted here: {neutralise(snapshot.storage_error)}"
    if snapshot.damaged:
        yield f"! {_count(snapshot.damaged, 'entry', 'entries')} damaged on the disk and not here again"
    if snapshot.secret_shown:
        where = ", ".join(map(neutralise, snapshot.secret_shown))
        yield f"! the network's secret has been sent in clear to {where}: whoever can listen on the way has it"
    if snapshot.base_servers:
        yield "! a base server is part of the network: secrets travel there in the clear when somebody registers"
    if in_clear := [one for one in snapshot.connections if one.role == "server" and not one.encrypted]:
        yield f"! {_count(len(in_clear), 'link')} in clear: whoever is on the way reads what all people write"
    if snapshot.clients_in_clear:
        clients = _count(snapshot.clients_in_clear, "client")
        yield f"! {clients} here in clear: whoever is on the way reads what they read and write, and their secrets"
    unsigned = sum(server.state == "reachable" and not server.key for server in snapshot.servers)
    if unsigned:
        yield f"! what {_count(unsigned, 'server')} of a version before keys says is not signed: anybody could say it"
    if snapshot.unreachable:
        moments = [one.since for one in snapshot.servers if one.since is not None]
        which = ", the latest" if len(moments) > 1 else ""
        since = f"{which} since {_moment(max(moments))}" if moments else ""
        yield f"! {_count(snapshot.unreachable, 'known server')} cannot be reached{since}"


def _ssh_lines(snapshot: NodeSnapshot) -> Iterator[str]:
    """How this server is reached over SSH, and known there. What a server says stands in a line for a file."""
    port, authority = snapshot.servers[0].ssh if snapshot.servers else 0, neutralise(snapshot.ssh_authority, 200)
    with contextlib.suppress(ValueError):
        host = neutralise(snapshot.hostname)
        if port:
            yield ""
            yield f"over SSH: {invitation.ssh_command(host, port, 'NAME')}"
        if port and authority:
            yield f"in ~/.ssh/known_hosts: {invitation.known_hosts_line([(host, port)], authority)}"


def _server_row(server: ServerView, names: dict[str, str]) -> tuple[str, ...]:
    state = server.state + (", leaving" if server.draining else "")
    if server.since is not None:
        state += f" since {_moment(server.since)}"
    if server.via:
        state += f" via {names.get(server.via, server.via[:8])}"
    return (
        server_name(server),
        address_of(server),
        str(server.load),
        state,
        _named(server.tree, names),
        _named(server.lazy, names),
    )


def _connection_row(connection: ConnectionView) -> tuple[str, ...]:
    name = neutralise_name(connection.name) if connection.name else f"#{connection.conn}"
    arrow = {"inbound": "from", "outbound": "to", "local": "local"}[connection.origin]
    trip = "" if connection.round_trip is None else f"{connection.round_trip * 1000:.1f} ms"
    return (
        name,
        f"{connection.role} {arrow}",
        neutralise(connection.state),
        "" if connection.origin == "local" else "TLS" if connection.encrypted else "in clear",
        neutralise(connection.peer),
        trip,
        _moment(connection.since),
    )


def _user_rows(snapshot: NodeSnapshot, names: dict[str, str]) -> Iterator[tuple[str, ...]]:
    for user in snapshot.users[:USERS_SHOWN]:
        renamed = f" (was {neutralise_name(user.renamed_from)})" if user.renamed_from else ""
        yield (neutralise_name(user.name) + renamed, _moment(user.registered_at), _named(user.servers, names))


def _named(ids: Sequence[str], names: dict[str, str]) -> str:
    shown = ", ".join(names.get(each, neutralise_name(each[:8])) for each in ids[:6])
    return shown + (f" +{len(ids) - 6}" if len(ids) > 6 else "")


def _moment(at: float | None) -> str:
    if not at:
        return ""
    try:
        return time.strftime("%Y-%m-%d %H:%M", time.localtime(at))
    except (ValueError, OverflowError, OSError):
        return "?"


def _count(number: int, one: str, many: str = "") -> str:
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def _aligned(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> Iterator[str]:
    lines = [head, *rows]
    used = [column for column in range(len(head)) if any(line[column] for line in lines[1:])]
    widths = {column: max(cell_len(line[column]) for line in lines) for column in used}
    for line in lines:
        yield "  ".join(line[column] + " " * (widths[column] - cell_len(line[column])) for column in used).rstrip()
