"""Stories of one witness: its lines, folded into incidents as they come.

Whatever comes, in whatever order, it is bounded: so many incidents, so many of them open, so much in each.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final

from core.stories.incidents import PARTS_MAX, Incident, Move, NotedVote, ServerPart, TakenLink
from core.stories.lines import LineKind, ServerName, StoryLine
from core.stories.story_rules import FORGOTTEN_AFTER, KEYS, RULES, IncidentKind

INCIDENTS_MAX: Final = 200
"""The oldest one goes when there are more."""
OPEN_MAX: Final = 64
MICROSECONDS: Final = 1_000_000


class Stories:
    """What a server has seen, as incidents."""

    def __init__(self, lines: Iterable[StoryLine] = (), *, most: int = INCIDENTS_MAX) -> None:
        self._all: deque[Incident] = deque(maxlen=most)
        self._open: list[Incident] = []
        self._offset = 0
        """What turns monotonic time of the witness's present start into moments."""
        self._tick = 0
        self._anchored = False
        self.begun = 0
        """How many incidents there ever were."""
        self.version = 0
        """Another number whenever something has changed."""
        for line in lines:
            self.take(line)

    def __len__(self) -> int:
        return len(self._all)

    def __iter__(self) -> Iterator[Incident]:
        """The oldest first."""
        return iter(tuple(self._all))

    def __getitem__(self, index: int) -> Incident:
        return self._all[index]

    def moment(self, tick: int) -> int:
        """The moment of a monotonic time of the witness's present start."""
        return self._offset + tick

    def take(self, line: StoryLine) -> Incident | None:
        """Fold a line in; the incident that it belongs to."""
        if not self._anchored or line.kind == "started" or line.tick < self._tick:
            # The spans of one start are those of its monotonic clock; between two starts the other clock tells.
            self._offset, self._anchored = line.stamp - line.tick, True
        self._tick = line.tick
        moment = self.moment(line.tick)
        self._settle(moment)
        if line.kind == "started":
            self._end_what_another_start_began()
        self.version += 1
        incident = self._of(line, moment)
        if incident is None:
            return None
        incident.note(line, moment)
        fold = _FOLDS.get(line.kind)
        if fold is not None:
            fold(incident, line, moment)
        if RULES[line.kind].ends:
            incident.cleanly = True
            if KEYS[incident.kind] != "network":
                self._end(incident)
        return incident

    # --- which one ----------------------------------------------------------------------------------------------------

    def _of(self, line: StoryLine, moment: int) -> Incident | None:
        rule = RULES[line.kind]
        for kind in rule.feeds:
            for incident in reversed(self._open):
                if incident.kind == kind and _belongs(incident, line, moment):
                    return incident
        if rule.opens is None:
            return None
        if rule.opens == "quit" and line.about is not None:
            found = self._only_of(line.about, moment)
            if found is not None:
                found.kind, found.key = "quit", line.about.id
                return found
        return self._begin(rule.opens, line, moment)

    def _only_of(self, party: ServerName, moment: int) -> Incident | None:
        """An outage that turns out to be one server's leaving: it has just begun, and is about nobody else."""
        for incident in reversed(self._open):
            if incident.kind == "outage" and not incident.is_quiet(moment) and set(incident.servers) <= {party.id}:
                if party.id in incident.servers or any(party.id in ends for ends in incident.gone):
                    return incident
        return None

    def _begin(self, kind: IncidentKind, line: StoryLine, moment: int) -> Incident:
        key = ""
        match KEYS[kind]:
            case "server":
                key = line.about.id if line.about is not None else ""
            case "claim":
                key = line.claim
            case _:
                pass
        self.begun += 1
        incident = Incident(kind, key, line.witness, line.stamp, self.begun, moment, moment)
        self._all.append(incident)
        self._open.append(incident)
        if len(self._open) > OPEN_MAX:
            self._end(self._open[0])
        return incident

    # --- ends ---------------------------------------------------------------------------------------------------------

    def _settle(self, moment: int) -> None:
        for incident in list(self._open):
            if (incident.is_complete and incident.is_quiet(moment)) or (
                moment - incident.last > FORGOTTEN_AFTER * MICROSECONDS
            ):
                self._end(incident)

    def _end(self, incident: Incident) -> None:
        incident.over = True
        self._open = [one for one in self._open if one is not incident]

    def _end_what_another_start_began(self) -> None:
        """Who has started anew knows nothing of what it was in the middle of."""
        for incident in list(self._open):
            incident.cut_short = incident.kind != "quit" or incident.key != incident.witness.id
            self._end(incident)


def _belongs(incident: Incident, line: StoryLine, moment: int) -> bool:
    """Whether a line goes into an incident of a kind that it may go into."""
    match KEYS[incident.kind]:
        case "claim":
            return line.claim == incident.key
        case "kind":
            return incident.kind == "disk" or not incident.is_quiet(moment)
        case "server":
            return _concerns_only(incident, line, moment)
        case _:
            return _concerns_network(incident, line, moment)


def _concerns_only(incident: Incident, line: StoryLine, moment: int) -> bool:
    key = incident.key
    if line.kind in ("tree broke", "tree grew"):
        touched = any(key in link.ends for link in (*line.gone, *line.taken))
        return touched or (line.kind == "tree grew" and not incident.is_quiet(moment))
    if line.servers:
        return {one.id for one in line.servers} == {key} and line.count <= 1
    if line.kind in ("linked", "caught up", "whole"):
        heir = incident.successor
        is_heirs = line.about is not None and heir is not None and line.about.id == heir.id
        return not incident.is_quiet(moment) and (is_heirs or line.kind != "linked")
    return line.about is not None and line.about.id == key


def _concerns_network(incident: Incident, line: StoryLine, moment: int) -> bool:
    if not incident.is_quiet(moment):
        # What begins together belongs together; but for somebody's move it must be known from where.
        return line.kind not in ("moved", "nobody there") or _names(incident, line)
    if line.kind == "reached":
        return incident.lost_unnamed > 0 or _names(incident, line, missing=True)
    if line.kind in ("back", "back anew"):
        return _names(incident, line)
    if line.kind == "link lost":
        return False
    if line.kind in ("caught up", "moved", "nobody there", "suspected", "answers", "lost", "linked"):
        return _names(incident, line, missing=line.kind != "moved")
    return False


def _names(incident: Incident, line: StoryLine, *, missing: bool = False) -> bool:
    named = [one.id for one in (*line.servers, *((line.about,) if line.about is not None else ()))]
    found = [incident.servers[one] for one in named if one in incident.servers]
    return any(part.is_missing for part in found) if missing else bool(found)


# --- what a line changes ----------------------------------------------------------------------------------------------


def _part(incident: Incident, line: StoryLine) -> ServerPart | None:
    return incident.part(line.about) if line.about is not None else None


def _started(incident: Incident, line: StoryLine, moment: int) -> None:
    incident.held_then = line.count


def _stood_still(incident: Incident, line: StoryLine, moment: int) -> None:
    incident.stood_still += line.count


def _link_lost(incident: Incident, line: StoryLine, moment: int) -> None:
    part = _part(incident, line)
    if part is not None:
        part.link_lost, part.why, part.suspected = True, line.why, False


def _suspected(incident: Incident, line: StoryLine, moment: int) -> None:
    part = _part(incident, line)
    if part is not None:
        part.suspected = True


def _linked(incident: Incident, line: StoryLine, moment: int) -> None:
    part = incident.servers.get(line.about.id) if line.about is not None else None
    if part is not None:
        part.suspected = False


def _nobody_there(incident: Incident, line: StoryLine, moment: int) -> None:
    part = _part(incident, line)
    if part is not None:
        part.nobody_there = True


def _tree_changed(incident: Incident, line: StoryLine, moment: int) -> None:
    incident.changed = moment
    incident.reach = None
    incident.links_unnamed += max(0, line.count - len(line.taken) - len(line.gone))
    for link in line.gone:
        incident.taken.pop(link.ends, None)
        if not link.spare and len(incident.gone) < PARTS_MAX:
            incident.gone[link.ends] = link
    for link in line.taken:
        incident.gone.pop(link.ends, None)
        if len(incident.taken) < PARTS_MAX:
            incident.taken[link.ends] = TakenLink(link, moment)
        else:
            incident.links_unnamed += 1


def _lost(incident: Incident, line: StoryLine, moment: int) -> None:
    incident.changed = moment
    incident.reach = None
    incident.lost_unnamed += max(0, line.count - len(line.servers))
    for party in line.servers:
        part = incident.part(party)
        if part is None:
            incident.lost_unnamed += 1
        elif not part.is_missing:
            part.lost_at, part.back_at, part.anew, part.nobody_there = moment, None, None, False


def _back(incident: Incident, line: StoryLine, moment: int) -> None:
    anew = None if line.kind == "reached" else line.kind == "back anew"
    if line.kind == "reached":
        incident.changed = moment
        incident.reach = None
        incident.lost_unnamed -= max(0, line.count - len(line.servers))
    for party in line.servers:
        known = party.id in incident.servers
        part = incident.part(party) if known or incident.lost_unnamed <= 0 else None
        if part is None:
            incident.lost_unnamed -= line.kind == "reached"
            continue
        if part.is_missing or part.back_at is None:
            part.back_at = incident.changed = moment
        part.anew, part.suspected = anew, False
    incident.lost_unnamed = max(0, incident.lost_unnamed)


def _joined(incident: Incident, line: StoryLine, moment: int) -> None:
    incident.changed = moment
    for party in line.servers:
        part = incident.part(party)
        if part is not None:
            part.back_at = moment


def _leaving(incident: Incident, line: StoryLine, moment: int) -> None:
    part = _part(incident, line)
    if part is not None:
        part.leaving = True
    incident.successor = line.other or incident.successor


def _left(incident: Incident, line: StoryLine, moment: int) -> None:
    part = _part(incident, line)
    if part is not None:
        part.leaving, part.left_at = True, moment
    incident.successor = line.other or incident.successor
    incident.cleanly = True


def _whole(incident: Incident, line: StoryLine, moment: int) -> None:
    incident.reach, incident.whole_at = line.count, moment


def _moved(incident: Incident, line: StoryLine, moment: int) -> None:
    if line.other is None or len(incident.moves) >= PARTS_MAX:
        incident.moves_unnamed += 1
        return
    incident.moves = [one for one in incident.moves if one.person != line.person]
    incident.moves.append(Move(line.person, line.about, line.other, moment))


def _redirected(incident: Incident, line: StoryLine, moment: int) -> None:
    incident.loads = incident.loads or line.loads
    incident.moves_unnamed += line.unnoted
    _moved(incident, line, moment)


def _caught_up(incident: Incident, line: StoryLine, moment: int) -> None:
    incident.caught_up += line.count
    if line.about is not None and len(incident.caught_up_from) < PARTS_MAX:
        incident.caught_up_from[line.about.id] = line.about


def _asked(incident: Incident, line: StoryLine, moment: int) -> None:
    incident.person, incident.asked_by = line.person, line.about
    incident.asked_neighbours = max(incident.asked_neighbours, line.count)


def _vote(incident: Incident, line: StoryLine, moment: int) -> None:
    incident.person = incident.person or line.person
    voter = line.about or line.witness
    if len(incident.votes) < PARTS_MAX:
        incident.votes.append(NotedVote(voter, line.why == "allowed", line.count, moment))


def _outcome(incident: Incident, line: StoryLine, moment: int) -> None:
    incident.why = line.why
    incident.reach = line.count if line.kind == "registered" else None
    incident.messages = line.messages


def _gave_way(incident: Incident, line: StoryLine, moment: int) -> None:
    if len(incident.renamed) < PARTS_MAX and (line.person, line.after) not in incident.renamed:
        incident.renamed.append((line.person, line.after))


def _why(incident: Incident, line: StoryLine, moment: int) -> None:
    incident.why, incident.person = line.why, line.person
    if line.about is not None:
        incident.part(line.about)


def _cut(incident: Incident, line: StoryLine, moment: int) -> None:
    if incident.kind == "refusal":
        _why(incident, line, moment)


def _clock(incident: Incident, line: StoryLine, moment: int) -> None:
    incident.offset = line.count
    _part(incident, line)


_FOLDS: Final[Mapping[LineKind, Callable[[Incident, StoryLine, int], None]]] = {
    "started": _started,
    "stood still": _stood_still,
    "linked": _linked,
    "answers": _linked,
    "link lost": _link_lost,
    "suspected": _suspected,
    "nobody there": _nobody_there,
    "tree broke": _tree_changed,
    "tree grew": _tree_changed,
    "lost": _lost,
    "back": _back,
    "back anew": _back,
    "reached": _back,
    "joined": _joined,
    "leaving": _leaving,
    "left": _left,
    "whole": _whole,
    "moved": _moved,
    "redirected": _redirected,
    "caught up": _caught_up,
    "asked": _asked,
    "vote": _vote,
    "registered": _outcome,
    "not registered": _outcome,
    "gave way": _gave_way,
    "reader cut": _why,
    "refused": _why,
    "link cut": _cut,
    "expelled": _why,
    "clock off": _clock,
    "clock right": _clock,
}
