"""The chronicle: what this node notes of the map as it changes, so that stories can be told of it.

Who cannot be reached any more, and who is back; whether that one went on in the same start, or its process had ended;
which links the tree leads over instead; who was at a server that is gone, and where they are now. It looks at what
other parts have found out, and decides nothing.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from typing import Final, NamedTuple

from core.node.kernel.context import Context
from core.node.map.topology import ServerRecord, Topology
from core.stories.lines import NAMES_MAX, LineKind, ServerName, TreeLink
from core.wire.names import ANONYMOUS

SPARE_FROM: Final = 10.0
"""Seconds that a link must have been known here to be called a spare one."""
MOVES_WITHIN: Final = 60.0
"""Seconds within which somebody who was at a server that is gone is taken to have moved from there."""
PEOPLE_MAX: Final = 2048
"""People whose move is awaited."""
GONE_MAX: Final = 4096
"""Servers that are gone of which it is remembered in which start they were."""
MET_MAX: Final = 8192
"""Servers of which it is remembered that they were there at some time."""
STARTS_AFTER: Final = 1.5
"""Seconds after which a server that is back has told in which start it is: the map shows it first as it was before."""
WHOLE_AFTER: Final = 2.0
"""Seconds for which nothing may have changed before the network is called whole."""
WHOLE_ASKED: Final = 60
"""How often it is looked whether it is, at most."""


class _Heard(NamedTuple):
    """What a server had said last when it was lost."""

    incarnation: int
    version: int


class Chronicle:
    """Notes what happens to the map, and to people by it."""

    def __init__(self, context: Context, topology: Topology, known: Iterable[str], has_all: Callable[[], bool]) -> None:
        """`known`: servers that were known before this start. `has_all`: whether nothing is missing here that is known
        to be somewhere."""
        self._context = context
        self._topology = topology
        self._has_all = has_all
        self._starts: OrderedDict[str, _Heard] = OrderedDict()
        """In which start each server was when it could not be reached any more."""
        self._known_since: dict[tuple[str, str], float] = {}
        """By links of the map: since when (monotonic) they are known here; those of the beginning are missing."""
        self._met = OrderedDict.fromkeys(known)
        """Servers that were there at some time; of very many the latest, as anybody can make some up."""
        self._people: OrderedDict[str, tuple[str, float]] = OrderedDict()
        """Who was at a server that is gone or leaves: which one, and until when they are awaited elsewhere."""
        self._returned: dict[str, _Heard] = {}
        """Servers that are back, and in which start they were before; it is not known yet in which they are."""
        self._told_dead: dict[str, None] = {}
        """Servers that are gone of which it was noted that nothing listens where they were."""
        self._looks = 0

    @property
    def remembered(self) -> int:
        """How many servers are remembered as having been there."""
        return len(self._met)

    def start(self, activities: int) -> None:
        """The node begins, with so many activities."""
        self._context.note("started", self._context.party(self._context.id), count=activities)
        self._look_soon()

    # --- who can be reached -------------------------------------------------------------------------------------------

    def observe(self, came: Sequence[str], gone: Sequence[str]) -> None:
        """These can be reached now, and these not any more."""
        context, records = self._context, self._topology.records
        for server in gone:
            record, before = records.get(server), self._returned.pop(server, None)
            if record is not None:
                self._starts[server] = _Heard(record.incarnation, record.version) if before is None else before
                self._await_people(server, record.users)
        while len(self._starts) > GONE_MAX:
            self._told_dead.pop(self._starts.popitem(last=False)[0], None)
        kinds: dict[LineKind, list[str]] = {}
        # Who has left on purpose is not lost.
        lost = [server for server in gone if not (records[server].left if server in records else False)]
        if lost:
            kinds["lost"] = lost
        for server in came:
            if server != context.id:
                kinds.setdefault(self._return_of(server), []).append(server)
        if came and self._people:
            # Whose server is back is awaited nowhere else.
            back = frozenset(came)
            for name in [name for name, (whence, _) in self._people.items() if whence in back]:
                del self._people[name]
        for kind, servers in kinds.items():
            named = tuple(context.party(server) for server in servers[:NAMES_MAX])
            context.note(kind, servers=named, count=len(servers))
        self._look_soon()

    def _return_of(self, server: str) -> LineKind:
        before = self._starts.pop(server, None)
        self._told_dead.pop(server, None)
        is_new = server not in self._met and before is None
        self._met[server] = None
        self._met.move_to_end(server)
        if len(self._met) > MET_MAX:
            self._met.popitem(last=False)
        if before is not None:
            self._returned[server] = before
            self._context.timers.set("starts", self._context.after(STARTS_AFTER), self._tell_starts)
        return "joined" if is_new else "reached"

    def _tell_starts(self) -> None:
        """Say of those that are back in which starts they are."""
        kinds: dict[LineKind, list[str]] = {}
        returned, self._returned = self._returned, {}
        for server, before in returned.items():
            record = self._topology.records.get(server)
            if record is not None:
                if record.incarnation != before.incarnation:
                    kinds.setdefault("back anew", []).append(server)
                elif record.version > before.version:
                    # What it said before it was lost proves nothing: others may not know yet that it has died.
                    kinds.setdefault("back", []).append(server)
        for kind, servers in kinds.items():
            named = tuple(self._context.party(server) for server in servers[:NAMES_MAX])
            self._context.note(kind, servers=named, count=len(servers))

    def nobody_there(self, server: str) -> None:
        """Nothing listens where a server was."""
        if server in self._starts and server not in self._told_dead:
            self._told_dead[server] = None
            self._context.note("nobody there", self._context.party(server))

    # --- the tree -----------------------------------------------------------------------------------------------------

    def look_at_tree(self) -> None:
        """Note what has changed in the spanning tree, if anything has. Asked after every event."""
        forest = self._topology.changed_forest
        if forest is None:
            return
        now = self._context.now.monotonic
        taken = tuple(
            self._link(a, b, spare=was_there and now - self._known_since.get((a, b), -SPARE_FROM) >= SPARE_FROM)
            for (a, b), was_there in list(forest.taken.items())[:NAMES_MAX]
        )
        gone = tuple(self._link(a, b, spare=stays) for (a, b), stays in list(forest.gone.items())[:NAMES_MAX])
        broke = not all(forest.gone.values())
        count = len(forest.taken) + len(forest.gone)
        for ends, is_there in forest.came.items():
            if is_there:
                self._known_since[ends] = now
            else:
                self._known_since.pop(ends, None)
        forest.forget_changes()
        if not count:
            return
        self._context.note("tree broke" if broke else "tree grew", taken=taken, gone=gone, count=count)
        self._look_soon()

    def _link(self, a: str, b: str, *, spare: bool) -> TreeLink:
        return TreeLink(self._context.party(a), self._context.party(b), spare)

    # --- other servers' records ---------------------------------------------------------------------------------------

    def record_merged(self, before: ServerRecord | None, record: ServerRecord) -> None:
        """Another server's record is new."""
        if before is None:
            return
        party = self._context.party(record.id, record.name)
        if record.draining and not before.draining and not record.left:
            self._context.note("leaving", party)
            self._await_people(record.id, record.users)
        if record.left and not before.left:
            self._await_people(record.id, before.users)
            heir = self._context.party(record.successor) if record.successor is not None else None
            self._context.note("left", party, other=heir)
        elif self._people and record.users != before.users:
            known = frozenset(before.users)
            for name in record.users:
                if name in self._people and name not in known:
                    self.is_at(name, party)

    # --- people -------------------------------------------------------------------------------------------------------

    def _await_people(self, server: str, names: Iterable[str]) -> None:
        until = self._context.after(MOVES_WITHIN)
        for name in names:
            if name != ANONYMOUS:
                self._people[name] = (server, until)
        while len(self._people) > PEOPLE_MAX:
            self._people.popitem(last=False)

    def is_at(self, name: str, party: ServerName) -> None:
        """Somebody is logged in at a server."""
        whence, until = self._people.get(name, ("", 0.0))
        if not whence or whence == party.id:
            return
        del self._people[name]
        if self._context.now.monotonic < until:
            self._context.note("moved", self._context.party(whence), other=party, person=name)

    def logged_in(self, name: str) -> None:
        """Somebody has logged in here."""
        if self._people:
            self.is_at(name, self._context.party(self._context.id))

    # --- the verdict --------------------------------------------------------------------------------------------------

    def _look_soon(self) -> None:
        self._looks = 0
        self._context.timers.set("whole", self._context.after(WHOLE_AFTER), self._look_whether_whole)

    def _look_whether_whole(self) -> None:
        """Say that nothing that others have is missing here, once each neighbour has told what it has."""
        context = self._context
        if context.draining:
            return
        if self._has_all():
            context.note("whole", count=len(self._topology.reachable))
            return
        self._looks += 1
        if self._looks < WHOLE_ASKED:
            context.timers.set("whole", context.after(WHOLE_AFTER), self._look_whether_whole)
