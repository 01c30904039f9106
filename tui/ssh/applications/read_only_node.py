"""The node as people over SSH see it: at most one picture of it a second, for all of them together.

Where people come from, who failed to log in, and where files are, concerns the operator: others are not told.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec
from msgspec.structs import replace

from core.engine import Server
from core.node import NodeSnapshot, Notice, NoticeKind, noted, without_clients
from core.stories import public
from core.wire import Address, Invited
from tui.model.network_faces import LinkTraffic

PICTURE_AGE_MAX: Final = 1.0
"""Seconds for which a picture of the node serves everybody who looks."""
FIGURES_AGE_MAX: Final = 10.0
"""The same when nothing has changed but ages, round trips, counts of bytes and how far work in the background has come:
they are not worth a frame."""


PUBLIC: Final[frozenset[NoticeKind]] = frozenset(
    ("joined", "linked", "unlinked", "lost", "alone", "healed", "quit", "registered", "renamed", "synchronised")
)
"""Kinds of notices that are about the network, and not about the node's own people and files."""
COMING_AND_GOING: Final[Mapping[NoticeKind, str]] = {"login": "logged in", "logout": "left"}


def public_notice(notice: Notice) -> Notice | None:
    """A notice as people over SSH are told it; None when it concerns the operator alone."""
    if notice.line is not None:
        return noted(public(notice.line))
    if notice.kind in COMING_AND_GOING and notice.user is not None:
        return replace(notice, text=f"{notice.user} {COMING_AND_GOING[notice.kind]}")
    return notice if notice.kind in PUBLIC else None


def without_figures(snapshot: NodeSnapshot) -> NodeSnapshot:
    """What of a picture is worth a new frame."""
    connections = tuple(msgspec.structs.replace(one, round_trip=None) for one in snapshot.connections)
    return msgspec.structs.replace(
        snapshot, at=0.0, connections=connections, unindexed=None, index_bytes=0, read_through_at=None
    )


class ReadOnlyNode:
    """What an application needs of the node, for people who do not own it: they look, and change nothing."""

    def __init__(
        self,
        node: Server,
        clock: Callable[[], float] = time.monotonic,
        *,
        age_max: float = PICTURE_AGE_MAX,
        figures_age_max: float = FIGURES_AGE_MAX,
    ) -> None:
        """`age_max`, `figures_age_max`: seconds for which a picture serves everybody, and one with the same in it."""
        self._node = node
        self._clock = clock
        self._age_max = age_max
        self._figures_age_max = figures_age_max
        self._looked_at = self._taken_at = -math.inf
        self._raw: NodeSnapshot | None = None
        self._lasting: NodeSnapshot | None = None
        self._snapshot: NodeSnapshot | None = None
        self._traffic: Mapping[int, LinkTraffic] = {}
        self._version = 0

    @property
    def address(self) -> Address:
        return self._node.address

    @property
    def advertised(self) -> Address:
        return self._node.advertised

    @property
    def secret(self) -> str:
        """The network's secret is the operator's."""
        return ""

    def _look(self) -> NodeSnapshot:
        now = self._clock()
        if self._snapshot is not None and now - self._looked_at < self._age_max:
            return self._snapshot
        self._looked_at = now
        raw = self._node.snapshot()
        if self._snapshot is not None and raw is self._raw:
            return self._snapshot
        self._raw = raw
        found = without_clients(raw)
        lasting = without_figures(found)
        if lasting != self._lasting:
            self._version += 1
        elif self._snapshot is not None and now - self._taken_at < self._figures_age_max:
            return self._snapshot
        self._taken_at = now
        self._lasting, self._snapshot, self._traffic = lasting, found, self._node.traffic()
        return self._snapshot

    def version(self) -> int:
        """Another number whenever the picture has changed in more than ages, round trips and counts of bytes."""
        self._look()
        return self._version

    def snapshot(self) -> NodeSnapshot:
        return self._look()

    def traffic(self) -> Mapping[int, LinkTraffic]:
        self._look()
        return self._traffic

    def join(self, address: Address, invited: Invited | None = None) -> None:
        raise PermissionError("only the operator of this server lets it join others")

    def disconnect(self, conn: int, reason: str) -> None:
        raise PermissionError("only the operator of this server ends connections")

    def request_drain(self, reason: str = "") -> None:
        raise PermissionError("only the operator of this server ends it")

    async def wait_closed(self) -> Any:
        return await self._node.wait_closed()

    async def backup_now(self) -> Any:
        raise PermissionError("only the operator of this server makes backups")

    async def invite(self, uses: int, seconds: float) -> Invited:
        raise PermissionError("only who runs a server invites others to join with one")
