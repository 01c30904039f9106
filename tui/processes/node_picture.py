"""The node, as another process is told of it: a picture now and then, and what happens meanwhile."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import msgspec

from core.node import NodeSnapshot, Notice
from core.wire import Address
from tui.model.network_faces import LinkTraffic


class NodePicture(msgspec.Struct, frozen=True, tag=True):
    """The node, as those at the other end may see it."""

    snapshot: NodeSnapshot
    # By connection: bytes in, bytes out, bytes that wait.
    traffic: dict[int, tuple[int, int, int]]


class NodeNotice(msgspec.Struct, frozen=True, tag=True):
    """Something happened at the node."""

    notice: Notice


@dataclass(frozen=True, slots=True)
class ReportedTraffic:
    """What went over one connection of the node's."""

    bytes_in: int
    bytes_out: int
    queued_bytes: int


class NodeReplica:
    """The node as it was last told of."""

    def __init__(self, address: Address, advertised: Address) -> None:
        self.address = address
        self.advertised = advertised
        self._picture: NodePicture | None = None

    def show(self, picture: NodePicture) -> None:
        self._picture = picture

    def snapshot(self) -> NodeSnapshot:
        assert self._picture is not None
        return self._picture.snapshot

    def traffic(self) -> Mapping[int, LinkTraffic]:
        assert self._picture is not None
        return {conn: ReportedTraffic(*values) for conn, values in self._picture.traffic.items()}
