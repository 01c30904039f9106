"""Who is connected to this node: servers and clients, how they stand and what goes over the wire."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar, Final

from core.node import ConnectionView, NodeSnapshot
from tui.model.client_model import ClientModel
from tui.model.network_faces import LinkTraffic
from tui.model.network_tree import server_names
from tui.model.visitors import SessionView
from tui.text import figures
from tui.text.safe_text import neutralise, neutralise_name
from tui.user_actions.action_registry import bindings
from tui.widgets.activity_lines import name_role
from tui.widgets.table_view import Column, Row, TableView

_DIRECTIONS = {"inbound": "\u2190 in", "outbound": "\u2192 out", "local": "\u2302 here"}
_STATE_ROLES = {
    "eager": "good",
    "logged in": "good",
    "lazy": "dim",
    "closing": "warning",
    "connecting": "warning",
    "registering": "warning",
    "logging in": "warning",
}
_STATE_WORDS = {"eager": "tree link", "lazy": "spare link", "base": "base link", "quiet": "not introduced"}

ENCRYPTED: Final = "TLS"
IN_CLEAR: Final = "clear"
_WIRE_DETAILS: Final = {
    ENCRYPTED: "encrypted (TLS 1.3)",
    IN_CLEAR: "in clear: whoever is on the way can read and change what is said, secrets too",
    "": "within this machine",
}


class ConnectionsView(TableView):
    """A row a connection; servers first."""

    BINDINGS: ClassVar = bindings("connections")
    columns: ClassVar[tuple[Column, ...]] = (
        Column("Who", most=24, least=8),
        Column("Kind", rank=8, most=7, least=6),
        Column("State", rank=1, most=16, least=9),
        Column("Way", rank=2, most=6, least=5),
        Column("Wire", rank=10, most=5, least=5, optional=True),
        Column("Trip", rank=3, align="right", most=8, least=6, descending=True, optional=True),
        Column("Waiting", rank=4, align="right", most=8, least=7, descending=True, optional=True),
        Column("In", rank=5, align="right", most=8, least=6, descending=True, optional=True),
        Column("Out", rank=6, align="right", most=8, least=6, descending=True, optional=True),
        Column("Since", rank=7, align="right", most=6, least=5, descending=True),
        Column("From", rank=9, most=30, least=12),
    )

    def show_snapshot(
        self,
        snapshot: NodeSnapshot | None,
        traffic: Mapping[int, LinkTraffic],
        visitors: Sequence[SessionView] = (),
        own: ClientModel | None = None,
    ) -> None:
        """`visitors`: the sessions over SSH, below the connections. `own`: whose connection is not in the picture, and
        stands above everything."""
        above = [_own_row(own)] if own is not None else []
        if snapshot is None:
            self.show(above)
            return
        self.say_when_empty("Nobody is connected.")
        names = server_names(snapshot.servers)
        order = {"server": 0, "client": 1, "unknown": 2}
        connections = sorted(snapshot.connections, key=lambda one: (order.get(one.role, 3), one.name, one.conn))
        rows = [_row(one, traffic.get(one.conn), names, snapshot.at) for one in connections]
        self.show([*above, *rows, *(_visitor_row(one, snapshot.at) for one in visitors)])

    def connection_at(self, index: int) -> int | None:
        """The number of the connection in a row; None if it is a session over SSH."""
        key = self.rows[index].key
        return key if isinstance(key, int) else None

    def visitor_at(self, index: int) -> int | None:
        """The number of the session over SSH in a row; None if it is a connection."""
        key = self.rows[index].key
        return key[1] if isinstance(key, tuple) else None


def _row(one: ConnectionView, traffic: LinkTraffic | None, names: Mapping[str, str], now: float) -> Row:
    who = names.get(one.server or "", "") or neutralise_name(one.name) or "?"
    peer = neutralise_name(one.peer, 300)
    state = _STATE_WORDS.get(one.state, neutralise(one.state, 24))
    bytes_in, bytes_out, queued = (
        (traffic.bytes_in, traffic.bytes_out, traffic.queued_bytes) if traffic is not None else (None, None, None)
    )
    detail = "\n".join(
        f"{label:<12}{value}"
        for label, value in (
            ("who", who),
            ("kind", one.role),
            ("state", state),
            ("way", one.origin),
            ("wire", _WIRE_DETAILS[_wire(one)]),
            ("address", peer),
            ("round trip", figures.milliseconds(one.round_trip) or "not measured"),
            ("waiting", figures.size(queued) if queued is not None else "not known"),
            ("received", figures.size(bytes_in) if bytes_in is not None else "not known"),
            ("sent", figures.size(bytes_out) if bytes_out is not None else "not known"),
            ("for", figures.age(now - one.since)),
            ("speaks", neutralise(", ".join(one.features), 400) or "the base protocol"),
            ("server id", neutralise_name(one.server) if one.server else "-"),
        )
    )
    return Row(
        one.conn,
        (
            who,
            one.role,
            state,
            _DIRECTIONS.get(one.origin, one.origin),
            _wire(one),
            figures.milliseconds(one.round_trip),
            figures.size(queued) if queued is not None else "",
            figures.size(bytes_in) if bytes_in is not None else "",
            figures.size(bytes_out) if bytes_out is not None else "",
            figures.age(now - one.since) if one.since else "",
            peer,
        ),
        (
            "object" if one.role == "server" else name_role(one.name),
            "dim",
            _STATE_ROLES.get(one.state, "text"),
            "dim",
            "warning" if _wire(one) == IN_CLEAR else "dim",
            "text",
            "warning" if queued and queued > 1_000_000 else "text",
            "text",
            "text",
            "dim",
            "dim",
        ),
        (
            who.casefold(),
            one.role,
            state,
            one.origin,
            _wire(one),
            one.round_trip,
            queued,
            bytes_in,
            bytes_out,
            now - one.since if one.since else None,
            peer,
        ),
        detail,
    )


def _wire(one: ConnectionView) -> str:
    """How the connection is kept from others; nothing where it does not leave this machine's memory."""
    return "" if one.origin == "local" else ENCRYPTED if one.encrypted else IN_CLEAR


def _own_row(model: ClientModel) -> Row:
    """The connection of the person here to the server."""
    who = neutralise_name(model.username or (model.identity.username if model.identity is not None else ""))
    state = {"online": "logged in", "nobody": "not logged in", "gone": "given up"}.get(model.stage, model.stage)
    here = model.node is not None
    address = model.node.advertised if model.node is not None else model.server
    peer = neutralise(str(address or ""), 300)
    since = max(0.0, model.clock() - model.stage_since)
    wire = "" if here else ENCRYPTED if model.network else IN_CLEAR
    detail = "\n".join(
        f"{label:<12}{value}"
        for label, value in (
            ("who", f"{who} (you)" if who else "you"),
            ("kind", "client: your own connection"),
            ("state", neutralise(model.stage_words, 200)),
            ("wire", _WIRE_DETAILS[wire]),
            ("address", peer or "-"),
            ("for", figures.age(since)),
        )
    )
    role = {"online": "good", "gone": "error"}.get(model.stage, "warning")
    return Row(
        "own",
        (
            f"{who} (you)" if who else "you",
            "client",
            state,
            _DIRECTIONS["local" if here else "outbound"],
            wire,
            "",
            "",
            "",
            "",
            figures.age(since),
            peer,
        ),
        ("own", "dim", role, "dim", "warning" if wire == IN_CLEAR else "dim", *["text"] * 4, "dim", "dim"),
        (who.casefold(), "client", state, "outbound", wire, None, None, None, None, since, peer),
        detail,
    )


def _visitor_row(one: SessionView, now: float) -> Row:
    who, address = neutralise_name(one.user) or "?", neutralise_name(one.address, 300)
    columns, lines = one.size
    size = f"{columns}\u00d7{lines}" if columns else ""
    state = size or neutralise(one.command, 24) or "no terminal"
    client = neutralise(one.client, 60)
    detail = "\n".join(
        f"{label:<12}{value}"
        for label, value in (
            ("who", who),
            ("kind", "session over SSH"),
            ("address", address),
            ("client", client or "not told"),
            ("terminal", neutralise(one.terminal, 60) or "none"),
            ("size", size or "-"),
            ("runs", neutralise(one.command, 200) or "the application"),
            ("key to paint", figures.milliseconds(one.lag) if one.lag else "not measured"),
            ("received", figures.size(one.bytes_in)),
            ("sent", figures.size(one.bytes_out)),
            ("for", figures.age(now - one.since)),
        )
    )
    return Row(
        ("ssh", one.number),
        (
            who,
            "ssh",
            state,
            "\u2190 ssh",
            "SSH",
            figures.milliseconds(one.lag) if one.lag else "",
            "",
            figures.size(one.bytes_in),
            figures.size(one.bytes_out),
            figures.age(now - one.since),
            f"{address} {client}".rstrip(),
        ),
        (name_role(one.user), "dim", "good", "dim", "dim", "text", "text", "text", "text", "dim", "dim"),
        (
            who.casefold(),
            "ssh",
            state,
            "ssh",
            "SSH",
            one.lag or None,
            None,
            one.bytes_in,
            one.bytes_out,
            now - one.since,
            address,
        ),
        detail,
    )
