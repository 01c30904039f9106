"""Dialling base servers: which of them this node is to speak to, when it tries, and when it leaves one to another.

Base servers redial nobody. Which of them this node speaks to is on its disk: it looks for them again after a restart.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from core.node.base.kept_records import BASE_PREFIX
from core.node.base.ways import BaseWays
from core.node.kernel.connections import Link
from core.node.kernel.context import Context
from core.wire.address import Address
from core.wire.entries import PeerForgotten, PeerRecord
from core.wire.messages import AttachedServer

REWRITTEN_EVERY: Final = 1.0
"""Seconds after which the disk may be told again what a base server calls itself."""


class BaseDialling:
    """The base servers that this node is to speak to."""

    def __init__(
        self,
        context: Context,
        ways: BaseWays,
        keep: Callable[[PeerRecord | PeerForgotten], None],
        peers: Iterable[PeerRecord],
    ) -> None:
        self._context = context
        self._ways = ways
        self._keep = keep
        self._kept = {Address(peer.hostname, peer.port): peer for peer in peers if peer.id.startswith(BASE_PREFIX)}
        """What is on the disk: those to which this node speaks, or is to speak."""
        self.dial: Callable[[Address], None] = lambda address: None
        self._wanted: dict[Address, None] = {}
        """Those that this node is to speak to, and has no link with yet."""
        self._tries: dict[Address, int] = {}
        """How often each was dialled since it had a link that lasted."""
        self._was_anothers: dict[Address, None] = {}
        """Those of them to which another server has spoken since this one has, or may have."""

    def start(self) -> None:
        """Look again for those to which this node spoke before its restart; another may have taken its place."""
        for address in self._kept:
            self._was_anothers[address] = None
            self.redial(address)

    # --- which of them ------------------------------------------------------------------------------------------------

    def is_wanted(self, address: Address) -> bool:
        """Whether this node is to speak to the base server, and does not yet."""
        return address in self._wanted

    def was_anothers(self, address: Address) -> bool:
        """Whether another server has spoken to the base server since this one has, or may have."""
        return address in self._was_anothers

    def adopt(self, servers: Iterable[AttachedServer]) -> None:
        """Speak to base servers whose neighbour is gone."""
        for attached in servers:
            address = Address(attached.hostname, attached.port)
            if attached.direct and address not in self._wanted:
                self._was_anothers[address] = None
                self._remember(address, attached)
                self.redial(address)

    def unreached(self) -> list[AttachedServer]:
        """Base servers that this node is to speak to and has no link with."""
        return [self.kept(address) for address in self._wanted]

    # --- what is on the disk ------------------------------------------------------------------------------------------

    def kept(self, address: Address) -> AttachedServer:
        """What is kept of a base server to which this node speaks, or is to speak; its id is its address if it has told
        none."""
        peer = self._kept.get(address)
        if peer is None:
            return AttachedServer(str(address), *address, 0, direct=True)
        return AttachedServer(peer.name, *peer.addresses[-1], 0, direct=True)

    def refresh(self, oldest: float) -> None:
        """Have the disk know which are still there, and look no longer for those that have been gone since the
        wall-clock time `oldest`."""
        for address, peer in list(self._kept.items()):
            if address not in self._wanted:
                self._remember(address, self.kept(address))
            elif peer.seen_at < oldest:
                self._forget(address)

    def _remember(self, address: Address, attached: AttachedServer) -> None:
        """Keep that this node speaks to a base server: where it was dialled, what it calls itself, and where it says
        that it is."""
        says = (Address(attached.hostname, attached.port),)
        peer = PeerRecord(f"{BASE_PREFIX}{address}", *address, attached.id, self._context.now.wall, says)
        self._kept[address] = peer
        self._keep(peer)

    def _forget(self, address: Address) -> None:
        """It is not this node that speaks to the base server."""
        self._wanted.pop(address, None)
        self._tries.pop(address, None)
        self._was_anothers.pop(address, None)
        self._context.timers.cancel(("base", address))
        if self._kept.pop(address, None) is not None:
            self._keep(PeerForgotten(f"{BASE_PREFIX}{address}"))

    # --- trying -------------------------------------------------------------------------------------------------------

    def redial(self, address: Address) -> None:
        """Dial a base server, the later the oftener it has been tried."""
        tries = self._tries.get(address, 0) + 1
        self._tries[address] = tries
        self._wanted[address] = None
        self._dial_in(address, self._context.backoff(tries))

    def _look_later(self, address: Address) -> None:
        self._dial_in(address, self._context.config.redial_max * (0.5 + 0.5 * self._context.rng.random()))

    def _dial_in(self, address: Address, delay: float) -> None:
        self._context.timers.set(("base", address), self._context.after(delay), lambda: self._dial(address))

    def _dial(self, address: Address) -> None:
        if self._context.draining or address not in self._wanted:
            return
        if self._ways.is_spoken_to(address):
            self._forget(address)
        elif self._ways.to(address):
            self._look_later(address)
        else:
            self.dial(address)

    # --- what comes of it ---------------------------------------------------------------------------------------------

    def linked(self, address: Address) -> None:
        """This node speaks to a base server; until that has said where it is, nobody else knows."""
        self._wanted[address] = None
        self._was_anothers.pop(address, None)

    def announced(self, link: Link, attached: AttachedServer) -> None:
        """A base server to which this node speaks says where it is."""
        announced = Address(attached.hostname, attached.port)
        address = link.dialled or announced
        self._wanted.pop(address, None)
        self._wanted.pop(announced, None)
        kept = self.kept(address)
        if address not in self._kept:
            self._remember(address, attached)
        elif (kept.id, kept.hostname, kept.port) != (attached.id, *announced):
            # It was started anew. One that takes another name with each announcement is heard out: the disk is not.
            if abs(self._context.now.wall - self._kept[address].seen_at) >= REWRITTEN_EVERY:
                self._remember(address, attached)

    def unlinked(self, link: Link) -> None:
        """A link with a base server was lost."""
        address = link.dialled or Address(link.hostname, link.port)
        if link.dialled is not None or link.remote_id is not None:
            if self._context.now.monotonic - (link.established_at or 0.0) > self._context.config.redial_max:
                self._tries.pop(address, None)
            self.redial(address)

    def left_to_another(self, link: Link) -> None:
        """Another server of ours speaks to the base server, and may be out of reach: look again some time later."""
        address = link.dialled or Address(link.hostname, link.port)
        self._context.trace("base", conn=link.conn, step="left_to_another", peer=link.peer)
        if link.dialled is not None or link.remote_id is not None:
            self._was_anothers[address] = None
            self._wanted[address] = None
            self._look_later(address)
