"""Own links: which of its native links a node announces."""

from __future__ import annotations

from collections.abc import Iterator

from core.node.kernel.connections import Link
from core.node.map.announcements import Announcements
from core.node.map.topology import Topology
from core.node.neighbours.neighbours import Neighbours


class OwnLinks:
    """The links in this node's own record."""

    def __init__(self, neighbours: Neighbours, topology: Topology, announcements: Announcements) -> None:
        self._neighbours = neighbours
        self._topology = topology
        self._announcements = announcements

    def up(self, link: Link) -> None:
        """A native link is up: everybody is to know, its other side at once."""
        self._topology.link_up(link.remote_id or "", link.stamp)
        self._announcements.introduce(link)
        self._announcements.structure_changed()

    def down(self, link: Link) -> None:
        """A native link is gone, or replaced. Harmless when repeated."""
        if self.has(link):
            self._topology.link_down(link.remote_id or "")
            self._announcements.structure_changed()

    def broken(self) -> Iterator[str]:
        """What does not hold of them."""
        announced, there = set(self._topology.own.links), {link.remote_id for link in self._neighbours}
        if not self._topology.own.left and announced != there:
            yield f"links with {sorted(announced)} are announced, and there are links with {sorted(map(str, there))}"

    def has(self, link: Link) -> bool:
        """Whether it is this link that this node announces: not one that was refused, or replaced."""
        remote = link.remote_id
        if remote is None or link.established_at is None or self._topology.own.links.get(remote) != link.stamp:
            return False
        return self._neighbours.find(remote) in (None, link)
