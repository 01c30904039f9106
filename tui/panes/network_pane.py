"""The servers with their loads, drawn as the tree that carries the activities, rooted here."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import ClassVar

from rich.cells import cell_len
from textual.strip import Strip

from core.node import NodeSnapshot
from tui.model.network_tree import Branch, draw, load_bar, load_bar_cells, server_names
from tui.text.clock_times import clock_time
from tui.text.fitting import fit
from tui.text.safe_text import neutralise_name
from tui.widgets.roles import Piece
from tui.widgets.row_view import RowView

LEAD_CELLS_MAX = 40
ADDRESS_CELLS = 22
"""What an address takes, with the blank behind it."""
WORDS_CELLS = 20
"""What the words behind it have to have, if there are so many: addresses are left out for them."""


class NetworkView(RowView):
    """A line a server."""

    follows: ClassVar[bool] = False

    def __init__(self, *, empty: str = "", widget_id: str | None = None) -> None:
        super().__init__(widget_id=widget_id)
        self._branches: list[Branch] = []
        self._places: dict[str, int] = {}
        self._snapshot: NodeSnapshot | None = None
        self._name_cells = 0
        self._words_cells = 0
        self._most = 0
        self._empty = empty

    def say_when_empty(self, words: str) -> None:
        """What stands there while there are no rows."""
        if words != self._empty:
            self._empty = words
            self.changed()

    def show_snapshot(self, snapshot: NodeSnapshot) -> None:
        self._snapshot = snapshot
        branches = draw(snapshot)
        if branches == self._branches:
            return
        self._branches = branches
        self._places = {branch.id: place for place, branch in enumerate(branches)}
        self._name_cells = max(
            (min(LEAD_CELLS_MAX, cell_len(branch.lead)) + 2 + cell_len(branch.name) for branch in branches), default=0
        )
        self._words_cells = max((cell_len(branch.words) for branch in branches), default=0)
        self._most = max((branch.load for branch in branches), default=0)
        self.changed()

    def row_count(self) -> int:
        return len(self._branches)

    def row_key(self, index: int) -> Hashable:
        return self._branches[index].id

    def row_index(self, key: Hashable) -> int | None:
        assert isinstance(key, str)
        return self._places.get(key)

    def row_version(self, index: int) -> Hashable:
        return self._branches[index], self._name_cells, self._words_cells, self._most

    def row_strips(self, index: int, width: int) -> Sequence[Strip]:
        branch = self._branches[index]
        lead = branch.lead[-LEAD_CELLS_MAX:]
        name_cells = min(self._name_cells, max(12, width // 2))
        pieces: list[Piece] = [(lead, "dim"), (branch.symbol + " ", _SYMBOL_ROLES.get(branch.role, "good"))]
        pieces.append((fit(branch.name, max(4, name_cells - cell_len(lead) - 2)) + " ", branch.role))
        bar = load_bar_cells(width, width - name_cells - 7 - self._words_cells)
        gone = branch.role in ("error", "dim")
        pieces.append(("     " if gone else f"{branch.load:>4} ", "text"))
        pieces.append((fit("" if gone else load_bar(branch.load, self._most, bar), bar) + " ", "name-0"))
        room = width - name_cells - bar - 7
        if room >= ADDRESS_CELLS + min(self._words_cells, WORDS_CELLS):
            pieces.append((fit(branch.address, ADDRESS_CELLS - 1) + " ", "dim"))
            room -= ADDRESS_CELLS
        if branch.words and room > 0:
            pieces.append((fit(branch.words, room), branch.role if branch.role != "own" else "dim"))
        return [self.strip_of(pieces).crop(0, width)]

    def row_detail(self, index: int) -> str:
        """Everything known of a server, safe, over several lines."""
        branch = self._branches[index]
        snapshot = self._snapshot
        assert snapshot is not None
        server = next((one for one in snapshot.servers if one.id == branch.id), None)
        if server is None:
            return branch.name
        names = server_names(snapshot.servers)

        def known(ids: tuple[str, ...]) -> str:
            return ", ".join(names.get(one, neutralise_name(one, 32)) for one in ids) or "-"

        users = ", ".join(neutralise_name(name) for name in server.users) or "-"
        return "\n".join(
            f"{label:<14}{value}"
            for label, value in (
                ("server", branch.name),
                ("address", branch.address + ("" if server.port else ", to which no way from here is known")),
                ("state", server.state + (", is leaving" if server.draining else "")),
                ("last there", "now" if server.since is None else clock_time(server.since, None, "%a %d %b %Y, %H:%M")),
                ("people", str(server.load)),
                ("logged in", users),
                ("tree links", known(server.tree)),
                ("spare links", known(server.lazy)),
                ("by way of", known((server.via,)) if server.via else "-"),
                ("start number", str(server.incarnation)),
                ("id", neutralise_name(server.id, 256)),
                ("key", server.key or ("-" if server.state == "unreachable" else "none: what it says is not signed")),
            )
        )

    def row_copy(self, index: int) -> str | None:
        return self.row_detail(index)

    def empty_words(self) -> str:
        return self._empty


_SYMBOL_ROLES = {"own": "good", "text": "good", "warning": "warning", "error": "error", "dim": "dim"}
