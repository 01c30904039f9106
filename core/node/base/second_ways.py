"""Second ways: of two ways to one base server exactly one is cut, as it recognises nothing twice.

The map shows them, or the base server itself does, which passes on announcements.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from core.node.base.base_dialling import BaseDialling
from core.node.base.base_side import base_side
from core.node.base.telling import BaseTelling
from core.node.kernel.connections import Link
from core.node.kernel.context import Context
from core.node.kernel.states import ConnectionState
from core.node.map.topology import ServerRecord, Topology

RIVAL_MEMORY: Final = 2.5
"""Intervals for which it is remembered that a server of ours was announced over a base link."""


class SecondWays:
    """Finds second ways to base servers, and cuts this node's or leaves it to another server to cut its own."""

    def __init__(self, context: Context, topology: Topology, dialling: BaseDialling, telling: BaseTelling) -> None:
        self._context = context
        self._topology = topology
        self._dialling = dialling
        self._telling = telling
        self.on_doubt_over: Callable[[Link], None] = lambda link: None
        """Told of each base link over which another server of ours was announced, once that one has given way."""

    # --- as the map shows them ----------------------------------------------------------------------------------------

    def record_merged(self, before: ServerRecord | None, record: ServerRecord) -> None:
        """Another server of ours says to whom it speaks: there may be a second way."""
        if record.attached and (before is None or before.attached != record.attached):
            self.look()

    def look(self) -> None:
        """Look whether the map now shows second ways to base servers."""
        for link in self._context.connections.links(ConnectionState.BASE):
            for server in list(base_side(link).attached):
                self.check(link, server)

    def check(self, link: Link, server: str) -> None:
        """Base servers recognise no duplicates: of two ways to one of them, exactly one is cut."""
        side = base_side(link)
        context = self._context
        if link.state is ConnectionState.CLOSING:
            return
        if server == context.id:
            cut = any(other.conn < link.conn for other in context.connections.links(ConnectionState.BASE))
        else:
            seen_here = set(side.attached) | {server}
            cut = any(
                host < context.id
                and any(attached.id in seen_here for attached in self._topology.records[host].attached)
                for host in self._topology.reachable
            ) or any(
                other.conn < link.conn and server in base_side(other).attached
                for other in context.connections.links(ConnectionState.BASE)
            )
        if cut:
            self._cut(link)
            self._dialling.left_to_another(link)

    def _cut(self, link: Link) -> None:
        self._context.notify(
            "unlinked",
            f"the link to base server {link.peer} was closed: the network reaches it another way, and it would have"
            " received everything twice",
            "warning",
            server=link.remote_id,
        )
        link.clean = True
        self._context.close(link, "this network reaches you another way")

    # --- as the base server shows them --------------------------------------------------------------------------------

    def is_there_a_rival(self, link: Link) -> bool:
        """Whether another server of ours was announced over a base link lately, so that one of the two has to go."""
        lately = self._context.now.monotonic - RIVAL_MEMORY * self._context.config.announce_interval
        return any(at > lately for at in base_side(link).rivals.values())

    def hear_of_ours(self, link: Link, server: str) -> None:
        """Another server of ours is announced over a base link to which this node speaks: there is a second way.

        It has dialled there just now, and gives way once it hears the answer. If the answer cannot reach it in time it
        speaks there as well, and what the base server has said since is that one's; then it is announced once more, and
        of the two parts of the network the one with the smallest id keeps its link.
        """
        side = base_side(link)
        context = self._context
        side.announced[server] = None  # the base server waits for its answers to registrations as well
        self.check(link, server)
        if link.state is not ConnectionState.BASE or server == context.id:
            return
        now = context.now.monotonic
        oldest = now - RIVAL_MEMORY * context.config.announce_interval
        side.rivals[server] = now
        if now >= side.suspect_until:
            side.suspect_until = context.after(context.config.listen)
            context.timers.set(("doubt", link.conn), side.suspect_until, lambda: self.on_doubt_over(link))
            self._telling.tell_of_this_server(link)
            return
        side.suspect_until = now
        side.held.clear()
        context.timers.cancel(("doubt", link.conn))
        side.rivals = {one: at for one, at in side.rivals.items() if at >= oldest}
        reachable = self._topology.reachable
        if min((one for one in side.rivals if one not in reachable), default="~") < min(reachable):
            self._cut(link)
            self._dialling.left_to_another(link)
        else:
            # It hears that only now, and has taken in what was said until it does.
            side.shared_until = context.after(context.config.listen)
            self._telling.tell_all(link)
