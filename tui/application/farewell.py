"""What becomes of everybody when the node here leaves, in words, for who is about to do that."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from core.node import NodeSnapshot
from tui.model.network_tree import server_names
from tui.text import figures
from tui.text.safe_text import neutralise, neutralise_name

NAMED_MAX: Final = 3
"""Possible successors that are named; more are counted."""


@dataclass(frozen=True, slots=True)
class Farewell:
    """Who is here, and where they go."""

    people: int = 0
    """Clients over the network; the person at this screen is none of them."""
    visitors: int = 0
    """People here over SSH, whose sessions end."""
    servers: int = 0
    """Linked servers, the one that takes over included."""
    heirs: tuple[str, ...] = ()
    """Names of the servers of which one takes over."""
    heir_is_base: bool = False
    storage_error: str = ""

    @property
    def others(self) -> str:
        """Who is connected here, in words; empty if nobody."""
        found = [figures.count(self.people, "person", "people")] if self.people else []
        found += [figures.count(self.servers, "server")] if self.servers else []
        found += [f"{figures.count(self.visitors, 'person', 'people')} over SSH"] if self.visitors else []
        return _listed(found, "and")

    def sentences(self) -> str:
        """What happens to whom, line by line."""
        lines = []
        if self.heirs:
            lines.append(self._handover())
        elif self.people:
            people, verb = figures.count(self.people, "person", "people"), "loses" if self.people == 1 else "lose"
            lines.append(f"{people} {verb} the connection: no other server takes over.")
        else:
            lines.append(f"{self._alone()}No other server takes over: the network stops with this one.")
        if self.visitors:
            verb = "is" if self.visitors == 1 else "are"
            lines.append(f"{figures.count(self.visitors, 'person', 'people')} over SSH {verb} disconnected.")
        if self.storage_error:
            lines.append(f"The disk here fails ({self.storage_error}): what it has not taken goes with whoever has it.")
        elif self.heirs:
            lines.append("Nothing that was accepted is lost.")
        else:
            lines.append("Everything that was accepted is kept on the disk for the next start.")
        return "\n".join(lines)

    def _alone(self) -> str:
        return "" if self.visitors else "Nobody else is connected here. "

    def _handover(self) -> str:
        moving = self.servers - 1
        found = [figures.count(self.people, "person", "people")] if self.people else []
        found += [figures.count(moving, "server")] if moving else []
        many = len(self.heirs) > NAMED_MAX
        heir = f"one of {len(self.heirs)} neighbours" if many else _listed(self.heirs, "or")
        if self.heir_is_base:
            heir += ", a base server"
        if not found:
            return f"{self._alone()}The network goes on at {heir}."
        verb = "goes" if self.people + moving == 1 else "go"
        return f"{_listed(found, 'and')} {verb} to {heir}."


def farewell(snapshot: NodeSnapshot | None, visitors: int = 0) -> Farewell:
    """What leaving would do now, by the rules of `core.node.servers.drain`. `visitors`: people here over SSH."""
    if snapshot is None:
        return Farewell(visitors=visitors)
    names = server_names(snapshot.servers)
    leaving = {one.id for one in snapshot.servers if one.draining}
    links = [
        one for one in snapshot.connections if one.role == "server" and one.state in ("eager", "lazy", "base", "quiet")
    ]
    here = sum(1 for one in snapshot.connections if one.role == "client" and one.origin != "local")
    at_home = sum(1 for one in snapshot.connections if one.role == "client" and one.origin == "local")
    staying = [one for one in links if one.state in ("eager", "lazy") and one.server not in leaving]
    base = [one for one in links if one.state == "base" and one.server is not None]
    heirs = [one for one in staying if one.state == "eager"] or staying or base
    return Farewell(
        # A picture of the node has a limited number of connections in it; how many people there are, it knows.
        people=max(here, snapshot.load - at_home) if len(snapshot.connections) >= _PICTURED else here,
        visitors=visitors,
        servers=sum(1 for one in links if one.state != "quiet"),
        heirs=tuple(names.get(one.server or "", "") or neutralise_name(one.name) or one.peer for one in heirs),
        heir_is_base=bool(heirs) and heirs[0].state == "base",
        storage_error=neutralise(snapshot.storage_error or "", 80),
    )


_PICTURED: Final = 1000
"""From so many connections on, not all of them may be in a picture of the node."""


def left_words(who: str, where: str, others: int, *, took_node: bool) -> str:
    """What is told behind the screen: who somebody was, and what goes on without them. `others`: servers that are part
    of the network beside the one where they were; `took_node`: which has left with them."""
    you = f"you were {neutralise_name(who)}" if who else "you were not logged in"
    at = f" {'on' if took_node else 'at'} {where}" if where else ""
    if not took_node:
        return f"{you}{at}, where the network goes on with {figures.count(others + 1, 'server')}"
    if others:
        return f"{you}{at}, and the network goes on with {figures.count(others, 'other server')}"
    return f"{you}{at}, and no other server is there: the network stops until it is started again"


def _listed(found: Sequence[str], last: str) -> str:
    return f" {last} ".join(found) if len(found) < 3 else f"{', '.join(found[:-1])} {last} {found[-1]}"
