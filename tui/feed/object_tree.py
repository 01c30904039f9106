"""An activity as a tree that opens and closes: each value spelt as it came, and read no deeper than it is opened."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import msgspec

from tui.text.safe_text import ELLIPSIS, neutralise

KEY_CHARACTERS_MAX: Final = 200
VALUE_CHARACTERS_MAX: Final = 2_000
"""Characters of one value that a row shows; the object as it came has all of them."""
CHILDREN_MAX: Final = 1_000
"""Members of one value that are shown."""
OPEN_AT_FIRST: Final = 3
"""Levels that are open when one begins, in objects that are not large."""
LARGE: Final = 60
"""Values in an object that is large: of those the first level is open."""

_members = msgspec.json.Decoder(dict[str, msgspec.Raw])
_elements = msgspec.json.Decoder(list[msgspec.Raw])


class TreeNode:
    """One value. `key` is its name in the object, or its number in the list, that it stands in; safe to paint."""

    __slots__ = ("_children", "_raw", "depth", "is_open", "key", "left_out")

    def __init__(self, key: str, raw: bytes, depth: int) -> None:
        self.key = key
        self.depth = depth
        self.is_open = False
        self.left_out = 0
        """How many of its members are not shown."""
        self._raw = raw.strip()
        self._children: list[TreeNode] | None = None

    @property
    def is_container(self) -> bool:
        return self._raw[:1] in (b"{", b"[")

    @property
    def children(self) -> list[TreeNode]:
        """The members; none where it has none, or cannot be read."""
        if self._children is None:
            self._children = list(self._read()) if self.is_container else []
        return self._children

    def _read(self) -> Iterator[TreeNode]:
        try:
            if self._raw.startswith(b"{"):
                found = list(_members.decode(self._raw).items())
            else:
                found = [(str(number), one) for number, one in enumerate(_elements.decode(self._raw))]
        except (msgspec.DecodeError, RecursionError, UnicodeError):
            return
        self.left_out = max(0, len(found) - CHILDREN_MAX)
        for key, value in found[:CHILDREN_MAX]:
            yield TreeNode(neutralise(key, KEY_CHARACTERS_MAX), bytes(value), self.depth + 1)

    @property
    def words(self) -> str:
        """The value as it is spelt; of one with members how many there are, and the first ones while it is closed."""
        if not self.is_container:
            return neutralise(self._raw.decode("utf-8", "replace"), VALUE_CHARACTERS_MAX)
        count = len(self.children) + self.left_out
        what = "member" if self._raw.startswith(b"{") else "element"
        size = f"{count} {what}{'' if count == 1 else 's'}"
        if self.is_open or not count:
            return size
        keys = ", ".join(child.key for child in self.children[:6]) if what == "member" else ""
        return f"{size}{': ' + keys if keys else ''}{f', {ELLIPSIS}' if keys and count > 6 else ''}"

    @property
    def is_text(self) -> bool:
        return self._raw.startswith(b'"')


class ObjectTree:
    """The members of one object, as the rows that are to be seen of them."""

    def __init__(self, body: bytes) -> None:
        self.root = TreeNode("", body, -1)
        self.root.is_open = True
        levels = OPEN_AT_FIRST if sum(1 for _ in _under(self.root, OPEN_AT_FIRST)) <= LARGE else 1
        for node in _under(self.root, levels - 1):
            node.is_open = node.is_container

    def rows(self) -> list[TreeNode]:
        """The values that are to be seen, from the top."""
        return list(_seen(self.root))


def _under(node: TreeNode, levels: int) -> Iterator[TreeNode]:
    """What is in a value, so many levels deep."""
    if levels > 0:
        for child in node.children:
            yield child
            yield from _under(child, levels - 1)


def _seen(node: TreeNode) -> Iterator[TreeNode]:
    for child in node.children:
        yield child
        if child.is_open:
            yield from _seen(child)
