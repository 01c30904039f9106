"""Ways: how servers of this network reach base servers, as the map shows it."""

from __future__ import annotations

from core.node.kernel.context import Context
from core.node.map.topology import Topology
from core.node.map.whereabouts import Whereabouts
from core.wire.address import Address
from core.wire.messages import AttachedServer


class BaseWays:
    """Who reaches which base server."""

    def __init__(self, context: Context, topology: Topology, whereabouts: Whereabouts) -> None:
        self._context = context
        self._topology = topology
        self._whereabouts = whereabouts

    def to(self, address: Address) -> list[AttachedServer]:
        """How servers that can be reached, and stay, reach the base server."""
        return [
            attached
            for server in self._topology.reachable
            for attached in self._topology.records[server].attached
            if (attached.hostname, attached.port) == address
            and not self._topology.records[server].draining
            and self._whereabouts.may_dial_attached(attached, server)
        ]

    def is_spoken_to(self, address: Address) -> bool:
        """Whether a server that can be reached, and stays, speaks to the base server."""
        return any(attached.direct for attached in self.to(address))

    def is_reached_by_another(self, base_server: str) -> bool:
        """Whether another server that can be reached, and stays, reaches the base server of this id."""
        records = self._topology.records
        return any(
            attached.id == base_server
            for host in self._topology.reachable
            if host != self._context.id and not records[host].draining
            for attached in records[host].attached
        )

    def spoken_to(self, addresses: set[Address]) -> set[Address]:
        """Those of some base servers to which one that can be reached, and stays, speaks."""
        return {
            Address(attached.hostname, attached.port)
            for server in (self._topology.reachable if addresses else ())
            if not self._topology.records[server].draining
            for attached in self._topology.records[server].attached
            if attached.direct
            and (attached.hostname, attached.port) in addresses
            and self._whereabouts.may_dial_attached(attached, server)
        }
