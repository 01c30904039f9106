"""A minimum spanning forest that follows its graph edge by edge.

Computing the forest afresh takes time in proportion to the graph, and in a large network that loses many nodes at once
there is news for every one of them. Here an edge that comes or goes costs what it touches: a redundant one next to
nothing, one of the forest the smaller of the two parts that it joined. With edges that all differ there is one minimum
spanning forest, so the result does not depend on the order of the changes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

ONE_BY_ONE_MAX: Final = 32
"""With more changes at once the forest is computed afresh: with 1,000 nodes and 1,800 edges that takes as long as about
40 edges that come and go one by one."""


class Edge(NamedTuple):
    """A link that both ends name; edges compare by age."""

    stamp: int
    a: str
    b: str


def edge_between(one: str, other: str, stamp: int) -> Edge:
    return Edge(stamp, one, other) if one < other else Edge(stamp, other, one)


class Forest:
    """A graph and its minimum spanning forest."""

    __slots__ = ("_around", "_lists", "_members", "_part", "_parts", "_tree", "_youngest", "came", "gone", "taken")

    def __init__(self) -> None:
        self._around: dict[str, dict[str, int]] = {}
        """The graph: node to neighbours and the stamps of their edges."""
        self._tree: dict[str, dict[str, int]] = {}
        """The same of the forest."""
        self._part: dict[str, int] = {}
        self._members: dict[int, dict[str, None]] = {}
        self._parts = 0
        self._youngest: Edge | None = None
        """No edge of the forest is younger than this one, which may be gone."""
        self._lists: dict[str, list[str]] = {}
        self.taken: dict[tuple[str, str], bool] = {}
        """Edges that the forest has taken up since somebody looked, by their ends; whether each was there before."""
        self.gone: dict[tuple[str, str], bool] = {}
        """Edges that have left the forest since then; whether each is still in the graph."""

        self.came: dict[tuple[str, str], bool] = {}
        """Edges that have come into the graph since then, or left it (False)."""

    def forget_changes(self) -> None:
        """Somebody has looked at them."""
        self.taken, self.gone, self.came = {}, {}, {}

    def copy(self) -> Forest:
        """A forest of its own; what is around a node is shared until it changes."""
        twin = Forest()
        twin._around = dict(self._around)
        twin._tree = dict(self._tree)
        twin._part = dict(self._part)
        twin._members = {part: dict(members) for part, members in self._members.items()}
        twin._parts = self._parts
        twin._youngest = self._youngest
        twin._lists = dict(self._lists)
        return twin

    def members(self, node: str) -> list[str]:
        """All nodes that can be reached from one, itself included, sorted."""
        part = self._part.get(node)
        if part is None:
            return [node]
        found = sorted(self._members[part])
        # Kept in order, so that sorting it again after a small change takes little.
        self._members[part] = dict.fromkeys(found)
        return found

    def neighbours(self, node: str) -> list[str]:
        """A node's neighbours in the forest, sorted; the same list until they change."""
        found = self._lists.get(node)
        if found is None:
            found = self._lists[node] = sorted(self._tree.get(node, ()))
        return found

    def around(self, node: str) -> Mapping[str, int]:
        """A node's neighbours in the graph, and the stamps of the edges."""
        return self._around.get(node, {})

    def has_in_tree(self, a: str, b: str) -> bool:
        """Whether the edge between two nodes is one of the forest."""
        return b in self._tree.get(a, ())

    # --- changes ------------------------------------------------------------------------------------------------------

    def __contains__(self, edge: Edge) -> bool:
        """Whether the graph has this edge."""
        stamp, a, b = edge
        around = self._around.get(a)
        return around is not None and around.get(b) == stamp

    def update(self, gone: Sequence[Edge], come: Sequence[Edge]) -> None:
        """Edges have gone and come, all at once: many of them cost no more than computing the forest afresh."""
        if len(gone) + len(come) <= ONE_BY_ONE_MAX:
            for edge in gone:
                self.remove(edge)
            for edge in come:
                self.add(edge)
            return
        self.came.update(((a, b), False) for _, a, b in gone)
        self.came.update(((a, b), True) for _, a, b in come)
        for _, a, b in gone:
            _drop(self._around, a, b)
            _drop(self._around, b, a)
        for stamp, a, b in come:
            _put(self._around, a, b, stamp)
            _put(self._around, b, a, stamp)
        self._rebuild()

    def _rebuild(self) -> None:
        """Kruskal's algorithm; the smaller part always takes the larger one's number."""
        edges = [
            (stamp, node, neighbour)
            for node, around in self._around.items()
            for neighbour, stamp in around.items()
            if node < neighbour
        ]
        edges.sort()
        tree: dict[str, dict[str, int]] = {node: {} for node in self._around}
        part: dict[str, int] = {node: number for number, node in enumerate(self._around, self._parts + 1)}
        members: dict[int, dict[str, None]] = {number: {node: None} for node, number in part.items()}
        self._parts += len(part)
        youngest: tuple[int, str, str] | None = None
        for edge in edges:
            stamp, a, b = edge
            first, second = part[a], part[b]
            if first != second:
                tree[a][b] = tree[b][a] = stamp
                youngest = edge
                if len(members[first]) < len(members[second]):
                    first, second = second, first
                into = members[first]
                for node in members.pop(second):
                    part[node] = first
                    into[node] = None
        self._lists = {node: found for node, found in self._lists.items() if sorted(tree.get(node, ())) == found}
        self._note_rebuilt(self._tree, tree)
        self._tree, self._part, self._members = tree, part, members
        self._youngest = Edge(*youngest) if youngest is not None else None

    def _note_rebuilt(self, before: dict[str, dict[str, int]], after: dict[str, dict[str, int]]) -> None:
        for node, ends in before.items():
            for neighbour in ends:
                if node < neighbour and neighbour not in after.get(node, ()):
                    self._note_gone(node, neighbour, stays=neighbour in self._around.get(node, ()))
        for node, ends in after.items():
            known = before.get(node, {})
            for neighbour in ends:
                if node < neighbour and neighbour not in known:
                    self._note_taken(node, neighbour, spare=node in before)

    def _note_taken(self, a: str, b: str, *, spare: bool) -> None:
        if (a, b) in self.gone:
            # Another link in the place of one between the same two.
            del self.gone[a, b]
        else:
            self.taken[a, b] = spare

    def _note_gone(self, a: str, b: str, *, stays: bool = False) -> None:
        if (a, b) in self.taken:
            del self.taken[a, b]
        else:
            self.gone[a, b] = stays

    def add(self, edge: Edge) -> None:
        """An edge has come; between its ends there is none yet."""
        stamp, a, b = edge
        self.came[a, b] = True
        _put(self._around, a, b, stamp)
        _put(self._around, b, a, stamp)
        first, second = self._part_or_new(a), self._part_or_new(b)
        if first != second:
            self._take_up(edge)
            self._note_taken(a, b, spare=False)
            if len(self._members[first]) < len(self._members[second]):
                first, second = second, first
            self._relabel(self._members.pop(second), first)
            return
        if self._youngest is not None and edge < self._youngest:
            youngest = max(self._way(a, b))
            if edge < youngest:
                self._give_up(youngest)
                self._note_gone(youngest.a, youngest.b, stays=True)
                self._take_up(edge)
                self._note_taken(a, b, spare=False)

    def remove(self, edge: Edge) -> None:
        """An edge has gone."""
        _, a, b = edge
        self.came[a, b] = False
        _drop(self._around, a, b)
        _drop(self._around, b, a)
        if b not in self._tree.get(a, {}):
            return
        self._give_up(edge)
        self._note_gone(a, b)
        cut_off = self._smaller_side(a, b)
        instead = self._oldest_out_of(cut_off)
        if instead is not None:
            self._take_up(instead)
            self._note_taken(instead.a, instead.b, spare=True)
            return
        self._parts += 1
        self._members[self._parts] = {}
        before = self._members[self._part[a]]
        for node in cut_off:
            del before[node]
        self._relabel(cut_off, self._parts)

    def _part_or_new(self, node: str) -> int:
        part = self._part.get(node)
        if part is None:
            self._parts += 1
            part = self._part[node] = self._parts
            self._members[part] = {node: None}
        return part

    def _relabel(self, nodes: dict[str, None], part: int) -> None:
        members = self._members[part]
        for node in nodes:
            self._part[node] = part
            members[node] = None

    def _take_up(self, edge: Edge) -> None:
        stamp, a, b = edge
        _put(self._tree, a, b, stamp)
        _put(self._tree, b, a, stamp)
        self._lists.pop(a, None)
        self._lists.pop(b, None)
        if self._youngest is None or edge > self._youngest:
            self._youngest = edge

    def _give_up(self, edge: Edge) -> None:
        _, a, b = edge
        _drop(self._tree, a, b)
        _drop(self._tree, b, a)
        self._lists.pop(a, None)
        self._lists.pop(b, None)

    # --- searches -----------------------------------------------------------------------------------------------------

    def _way(self, start: str, end: str) -> list[Edge]:
        """The edges of the forest between two nodes of one part."""
        came_from = {start: start}
        frontier = [start]
        while end not in came_from:
            node = frontier.pop()
            for neighbour in self._tree[node]:
                if neighbour not in came_from:
                    came_from[neighbour] = node
                    frontier.append(neighbour)
        way = []
        node = end
        while node != start:
            before = came_from[node]
            way.append(edge_between(before, node, self._tree[before][node]))
            node = before
        return way

    def _smaller_side(self, a: str, b: str) -> dict[str, None]:
        """Of the two trees that two nodes are in, the smaller one: both are searched in turn until one is through."""
        sides = [({a: None}, [a]), ({b: None}, [b])]
        while True:
            for found, frontier in sides:
                if not frontier:
                    return found
                for neighbour in self._tree[frontier.pop()]:
                    if neighbour not in found:
                        found[neighbour] = None
                        frontier.append(neighbour)

    def _oldest_out_of(self, nodes: dict[str, None]) -> Edge | None:
        """The oldest edge that leads from these nodes to others."""
        oldest: Edge | None = None
        for node in nodes:
            for neighbour, stamp in self._around[node].items():
                if neighbour not in nodes:
                    edge = edge_between(node, neighbour, stamp)
                    if oldest is None or edge < oldest:
                        oldest = edge
        return oldest


def _put(ends: dict[str, dict[str, int]], node: str, neighbour: str, stamp: int) -> None:
    ends[node] = {**ends.get(node, {}), neighbour: stamp}


def _drop(ends: dict[str, dict[str, int]], node: str, neighbour: str) -> None:
    ends[node] = {one: stamp for one, stamp in ends[node].items() if one != neighbour}
