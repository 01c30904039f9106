"""An activity in full: facts about it, its object as a tree whose values open and close, and the object as it came."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import ClassVar, Final

from textual.actions import SkipAction
from textual.message import Message
from textual.strip import Strip

from tui.feed.activities import set_apart
from tui.feed.object_tree import ObjectTree, TreeNode
from tui.text.safe_text import ELLIPSIS
from tui.user_actions.action_registry import bindings
from tui.widgets.roles import Piece, look_of
from tui.widgets.row_view import RowView
from tui.widgets.wrapping import wrap

LINES_MAX: Final = 400
"""Lines of one row."""
AS_IT_CAME: Final = "as it came"

ObjectRow = TreeNode | str | tuple[Piece, ...]
"""A value, the line over the object as it came, or a line of text."""


class ObjectView(RowView):
    """Facts, a tree, and a text that is closed at first."""

    BINDINGS: ClassVar = bindings("tree")

    class Turned(Message):
        """A value was opened or closed: there are more lines, or fewer."""

    def __init__(
        self, facts: Sequence[tuple[str, str]], tree: ObjectTree, came: Sequence[str], *, widget_id: str | None = None
    ) -> None:
        """`facts`: labels and safe texts. `came`: the object as it came, in safe lines."""
        super().__init__(widget_id=widget_id)
        self._facts = facts
        self._tree = tree
        self._came = came
        self._shows_came = False
        self._rows: list[ObjectRow] = []
        self._gather()

    def show(self, facts: Sequence[tuple[str, str]], tree: ObjectTree, came: Sequence[str]) -> None:
        """Other facts, and perhaps another object: what is known of it has changed."""
        self._facts, self._tree, self._came = facts, tree, came
        self._gather()
        self.changed()
        self.post_message(self.Turned())

    def _gather(self) -> None:
        facts: list[ObjectRow] = [((f"{label:<10}", "dim"), (text, "text")) for label, text in self._facts]
        came: list[ObjectRow] = [((line, "text"),) for line in self._came] if self._shows_came else []
        self._rows = [*facts, (("", "text"),), *self._tree.rows(), (("", "text"),), AS_IT_CAME, *came]

    # --- RowView ---------------------------------------------------------------------------------------------------

    def row_count(self) -> int:
        return len(self._rows)

    def row_key(self, index: int) -> Hashable:
        row = self._rows[index]
        return id(row) if isinstance(row, TreeNode) else index

    def row_index(self, key: Hashable) -> int | None:
        if isinstance(key, int) and key < len(self._rows):
            return key
        return next((place for place, row in enumerate(self._rows) if id(row) == key), None)

    def row_version(self, index: int) -> Hashable:
        row = self._rows[index]
        return (row.is_open if isinstance(row, TreeNode) else self._shows_came, row if isinstance(row, tuple) else None)

    def row_strips(self, index: int, width: int) -> Sequence[Strip]:
        row = self._rows[index]
        if isinstance(row, str):
            return [self.strip_of([(_mark(self._shows_came), "dim"), (row, "header")])]
        if isinstance(row, TreeNode):
            pieces, indent = self._node(row)
        else:
            pieces, indent = list(row), 10 if len(row) > 1 else 0
        indent = indent if width >= 2 * indent else 2
        lines = wrap(pieces, width, LINES_MAX, indent)
        return [
            self.strip_of(line if place == 0 else [(" " * indent, "text"), *line]) for place, line in enumerate(lines)
        ]

    def _node(self, node: TreeNode) -> tuple[list[Piece], int]:
        lead = "  " * node.depth + (_mark(node.is_open) if node.is_container else "  ")
        left_out = f", of which {node.left_out} are not shown{ELLIPSIS}" if node.is_open and node.left_out else ""
        pieces: list[Piece] = [(lead, "dim"), (node.key, "object"), (": ", "dim")]
        if node.is_text:
            pieces += map(look_of, set_apart(node.words, "good"))
        else:
            pieces.append((node.words + left_out, "dim" if node.is_container else "name-0"))
        return pieces, len(lead) + 2

    def lines_at(self, width: int, limit: int) -> int:
        """How many lines there are at a width; some number from `limit` on when they are that many."""
        lines = 0
        for index in range(len(self._rows)):
            if lines >= limit:
                break
            lines += len(self.row_strips(index, max(1, width)))
        return lines

    # --- actions ---------------------------------------------------------------------------------------------------

    def action_inspect(self) -> None:
        """Open or close what is selected."""
        self._turn(None)

    def action_open_value(self) -> None:
        self._turn(True)

    def action_close_value(self) -> None:
        selected = self.selected
        row = self._rows[selected] if selected is not None else None
        if isinstance(row, TreeNode) and not row.is_open and row.depth > 0 and selected is not None:
            # What is closed already: up to what it stands in.
            above = range(selected - 1, -1, -1)
            self.select(
                next(at for at in above if isinstance(one := self._rows[at], TreeNode) and one.depth < row.depth)
            )
            return
        self._turn(False)

    def _turn(self, wanted: bool | None) -> None:
        selected = self.selected
        row = self._rows[selected] if selected is not None else None
        if isinstance(row, str):
            self._shows_came = not self._shows_came if wanted is None else wanted
        elif isinstance(row, TreeNode) and row.is_container:
            row.is_open = not row.is_open if wanted is None else wanted
        else:
            return
        self._gather()
        self.changed()
        self.post_message(self.Turned())
        self.call_after_refresh(self._show_opened)

    def _show_opened(self) -> None:
        """Something of what was opened is to be seen, also where it begins below the view."""
        selected = self.selected
        if selected is not None and selected + 1 < self.row_count() and self.is_laid_out:
            self._bring_into_view(selected + 1)
            self.changed()

    def action_copy_row(self) -> None:
        # The whole activity is copied, by the screen.
        raise SkipAction


def _mark(is_open: bool) -> str:
    return "\N{BLACK DOWN-POINTING SMALL TRIANGLE} " if is_open else "\N{BLACK RIGHT-POINTING SMALL TRIANGLE} "
