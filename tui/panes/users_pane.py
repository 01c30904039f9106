"""Who is registered in the network, and who is logged in where."""

from __future__ import annotations

from datetime import tzinfo
from typing import ClassVar

from core.node import NodeSnapshot, UserView
from tui.model.network_tree import server_names
from tui.text import figures
from tui.text.safe_text import neutralise_name
from tui.widgets.activity_lines import name_role
from tui.widgets.table_view import Column, Row, TableView


class UsersView(TableView):
    """A row a user: those who are here now first."""

    columns: ClassVar[tuple[Column, ...]] = (
        Column("User", most=24, least=8),
        Column("Logged in at", rank=1, most=40, least=10),
        Column("Registered", rank=2, most=11, least=10),
        Column("Was called", rank=3, most=20, least=8, optional=True),
    )

    def __init__(self, *, zone: tzinfo | None = None, empty: str = "", widget_id: str | None = None) -> None:
        super().__init__(empty=empty, widget_id=widget_id)
        self._zone = zone

    def show_snapshot(self, snapshot: NodeSnapshot, own_name: str | None) -> None:
        self.say_when_empty("Nobody is registered or logged in.")
        names = server_names(snapshot.servers)
        users = sorted(snapshot.users, key=lambda one: (not one.servers, one.name.casefold(), one.name))
        self.show([self._row(one, names, own_name) for one in users])

    def _row(self, one: UserView, names: dict[str, str], own_name: str | None) -> Row:
        name = neutralise_name(one.name)
        where = ", ".join(names.get(server, neutralise_name(server, 16)) for server in one.servers)
        online = f"\u25cf {where}" if where else "\u25cb away"
        registered = figures.moment(one.registered_at, self._zone)
        was = neutralise_name(one.renamed_from) if one.renamed_from else ""
        shown = f"{name} (you)" if one.name == own_name else name
        detail = "\n".join(
            f"{label:<14}{value}"
            for label, value in (
                ("user", name),
                ("logged in at", where or "nowhere"),
                ("registered", registered or "not here: anonymous, or a base server's user"),
                ("was called", was),
            )
            if value
        )
        return Row(
            one.name,
            (shown, online, registered.partition(" ")[0], was),
            ("own" if one.name == own_name else name_role(one.name), "good" if where else "dim", "dim", "warning"),
            (name.casefold(), online, one.registered_at, was or None),
            detail,
        )
