"""The node as guests see it: one picture of it a second for all of them together.

Where people come from, who failed to log in, and where files are, concerns the operator: guests are not told.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final

from core.engine import Server
from core.node.node import without_clients
from core.node.notices import Notice, NoticeKind
from core.node.snapshot import NodeSnapshot
from core.wire.address import Address
from tui.session import Traffic

PICTURE_AGE_MAX: Final = 1.0
"""Seconds for which a picture of the node serves everybody who looks."""


PUBLIC: Final[frozenset[NoticeKind]] = frozenset(
    ("joined", "linked", "unlinked", "lost", "alone", "healed", "quit", "registered", "renamed", "synchronised")
)
"""Kinds of notices that are about the network, and not about the node's own people and files."""
COMING_AND_GOING: Final[Mapping[NoticeKind, str]] = {"login": "logged in", "logout": "left"}


def for_guests(notice: Notice) -> Notice | None:
    """A notice as guests are told it; None when it is not for them."""
    if notice.kind in COMING_AND_GOING and notice.user is not None:
        return replace(notice, text=f"{notice.user} {COMING_AND_GOING[notice.kind]}")
    return notice if notice.kind in PUBLIC else None


class GuestNode:
    """What an application needs of the node, for people who do not own it: they look, and change nothing."""

    def __init__(self, node: Server, clock: Callable[[], float] = time.monotonic) -> None:
        self._node = node
        self._clock = clock
        self._taken_at = -PICTURE_AGE_MAX
        self._snapshot: NodeSnapshot | None = None
        self._traffic: Mapping[int, Traffic] = {}

    @property
    def address(self) -> Address:
        return self._node.address

    @property
    def advertised(self) -> Address:
        return self._node.advertised

    @property
    def secret(self) -> str:
        """The network's secret is not for guests."""
        return ""

    def _look(self) -> NodeSnapshot:
        now = self._clock()
        if self._snapshot is None or now - self._taken_at >= PICTURE_AGE_MAX:
            self._taken_at = now
            self._snapshot, self._traffic = without_clients(self._node.snapshot()), self._node.traffic()
        return self._snapshot

    def snapshot(self) -> NodeSnapshot:
        return self._look()

    def traffic(self) -> Mapping[int, Traffic]:
        self._look()
        return self._traffic

    def join(self, address: Address) -> None:
        raise PermissionError("only the operator of this server lets it join others")

    def disconnect(self, conn: int, reason: str) -> None:
        raise PermissionError("only the operator of this server ends connections")

    def request_drain(self, reason: str = "") -> None:
        raise PermissionError("only the operator of this server ends it")

    async def wait_closed(self) -> Any:
        return await self._node.wait_closed()

    async def backup_now(self) -> Any:
        raise PermissionError("only the operator of this server makes backups")
