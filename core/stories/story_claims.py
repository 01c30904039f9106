"""What a story claims: each thing that it says, as data, so that it can be compared with what really happened.

A claim says no more than what its witness has evidence for. That a server crashed is claimed where nothing listens at
its address any more, or where it has come back in another start; that it was cut off or stood still, where it has come
back in the same one. Before that its silence may be either, and that is what is said.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal

import msgspec

from core.stories.incidents import Incident, ServerPart
from core.stories.lines import ServerName, Why

ClaimKind = Literal[
    "crashed",  # the processes of these servers ended without a farewell
    "apart",  # this one went on in the same start, and could not be reached for `seconds`
    "nobody else",  # those that are missing are all that was out of reach
    "unreachable",  # these cannot be reached, and nobody here knows why
    "returned",  # these can be reached, and nobody here knows what they were doing meanwhile
    "suspected",  # these have not answered for a moment
    "link broke",  # the witness's link with these broke
    "all stayed",  # these, whose links broke, and everybody else stayed in reach
    "tree link broke",  # a link between others did
    "stood still",  # the witness itself did, for `seconds`
    "took over",  # a link leads on in the place of what is gone, `seconds` after the beginning
    "many took over",  # so many links that nobody here knows which ones lead on
    "moved",  # somebody who was at the first server is at the second
    "others moved",  # `count` more have
    "caught up",  # `count` entries that were missed have come
    "gave way",  # the account of `person` is called `after` now
    "whole",  # all servers that were in reach are again, `seconds` after the beginning
    "whole without",  # all but `servers` are
    "alone",  # the witness reaches nobody
    "agreed",  # nothing that any of `count` servers has is missing here
    "leaves",  # a server leaves on purpose; `other` is to take its place
    "left",  # it has left, `seconds` later
    "ended early",  # it was gone before it had said that it had left
    "started",  # the witness has started, with `count` activities
    "reaches",  # it reaches these
    "arrived",  # these came for the first time
    "asks",  # `person` asks for a name at a server
    "allowed",  # a server, and others behind it, `count` in all, allowed that after `seconds`
    "denied",
    "registered",  # `seconds` after the beginning; `count`: servers that allowed it, as far as that is known here
    "not registered",
    "undecided",  # what became of it nobody here knows
    "sent",  # `person` was sent to `other`
    "sent on",  # `count` people were sent to other servers
    "disk fails",
    "disk works",  # after `seconds`
    "reader cut",
    "clock off",  # by `seconds`; negative: it is behind
    "clock right",
    "refused",
    "expelled",
    "cut short",  # the witness itself ended in the middle of it
    "going on",  # something may still come of it
]

MICROSECONDS = 1_000_000


class StoryClaim(msgspec.Struct, frozen=True, omit_defaults=True):
    """One thing that a story says. Its sentence is made of these, and of nothing else."""

    kind: ClaimKind
    servers: tuple[ServerName, ...] = ()
    more: int = 0
    """Servers beside those that are named."""
    other: ServerName | None = None
    person: str = ""
    after: str = ""
    seconds: float | None = None
    count: int = 0
    messages: int = 0
    spare: bool = False
    why: Why = ""
    evidence: Literal["", "nobody there", "anew"] = ""
    loads: tuple[int, int] | None = None
    at: int = 0
    """The moment that it is about, in microseconds; 0: the beginning."""


def claims_of(incident: Incident, moment: int) -> list[StoryClaim]:
    """What an incident claims at a moment, in the order in which it is told."""
    match incident.kind:
        case "outage":
            told = [*_causes(incident, moment), *_repair(incident), *_people(incident), *_verdict(incident, moment)]
        case "quit":
            told = [*_leaving(incident), *_repair(incident), *_people(incident), *_verdict(incident, moment)]
        case "start":
            told = [_started(incident), *_returned(incident), *_people(incident), *_verdict(incident, moment)]
        case "return" | "arrival":
            told = [*_returned(incident), *_people(incident), *_verdict(incident, moment)]
        case "registration":
            told = [*_registration(incident)]
        case _:
            told = [*_single(incident)]
    return told


def _seconds(incident: Incident, moment: int) -> float:
    return max(0, moment - incident.opened) / MICROSECONDS


def _group(kind: ClaimKind, parts: Sequence[ServerPart], **more: object) -> Iterator[StoryClaim]:
    if parts:
        yield msgspec.structs.replace(StoryClaim(kind, tuple(part.party for part in parts)), **more)


# --- what broke -------------------------------------------------------------------------------------------------------


def _causes(incident: Incident, moment: int) -> Iterator[StoryClaim]:
    if incident.stood_still:
        yield StoryClaim("stood still", (incident.witness,), seconds=incident.stood_still / 1000)
    parts = [part for part in incident.servers.values() if part.lost_at is not None and part.left_at is None]
    yield from _group("crashed", [part for part in parts if part.anew], evidence="anew")
    missing = [part for part in parts if part.is_missing]
    gone = [part for part in missing if part.nobody_there]
    yield from _group("crashed", gone, evidence="nobody there")
    unknown = [part for part in missing if not part.nobody_there]
    why: Why = next((part.why for part in unknown if part.why), "")
    if unknown or incident.lost_unnamed > 0:
        named = tuple(part.party for part in unknown)
        yield StoryClaim("unreachable", named, more=max(0, incident.lost_unnamed), why=why)
    for part in parts:
        if part.anew is False and part.back_at is not None:
            out = max(0, part.back_at - (part.lost_at or 0)) / MICROSECONDS
            yield StoryClaim("apart", (part.party,), seconds=out, at=part.back_at)
    yield from _group("returned", [part for part in parts if part.back_at is not None and part.anew is None])
    others = [part for part in incident.servers.values() if part.lost_at is None]
    broken = [part for part in others if part.link_lost]
    for part in broken if incident.lost_unnamed <= 0 else ():
        yield StoryClaim("link broke", (part.party,), why=part.why)
    yield from _group("suspected", [part for part in others if part.suspected and not part.link_lost])
    if not parts and not broken:
        for link in list(incident.gone.values())[:2]:
            yield StoryClaim("tree link broke", (link.a, link.b))


def _repair(incident: Incident) -> Iterator[StoryClaim]:
    if incident.links_unnamed:
        yield StoryClaim("many took over")
        return
    # What leads to a server that is back leads on to nobody else.
    no_way = {
        part.party.id
        for part in incident.servers.values()
        if part.is_missing or part.leaving or (part.back_at is not None and part.anew is not False)
    }
    for taken in incident.taken.values():
        if not no_way.intersection(taken.link.ends):
            yield StoryClaim(
                "took over",
                (taken.link.a, taken.link.b),
                spare=taken.link.spare,
                seconds=_seconds(incident, taken.at),
                at=taken.at,
            )


def _people(incident: Incident) -> Iterator[StoryClaim]:
    for move in incident.moves:
        whence = (move.whence,) if move.whence is not None else ()
        yield StoryClaim("moved", whence, other=move.to, person=move.person, at=move.at)
    if incident.moves_unnamed:
        yield StoryClaim("others moved", count=incident.moves_unnamed)
    if incident.caught_up:
        yield StoryClaim("caught up", tuple(incident.caught_up_from.values()), count=incident.caught_up)
    for before, after in incident.renamed:
        yield StoryClaim("gave way", person=before, after=after)


def _verdict(incident: Incident, moment: int) -> Iterator[StoryClaim]:
    if incident.cut_short and incident.reach is None:
        yield StoryClaim("cut short", (incident.witness,))
        return
    if not incident.over and not incident.is_quiet(moment) and incident.reach is None:
        yield StoryClaim("going on")
        return
    if incident.reach == 1 and incident.missing_count:
        yield StoryClaim("alone", (incident.witness,))
        return
    if incident.kind == "outage" and not incident.lost_unnamed and (incident.over or incident.is_quiet(moment)):
        # Before that others may not have noticed either that a server answers nothing.
        parts = incident.servers.values()
        broken = tuple(part.party for part in parts if part.link_lost)
        if (broken or incident.gone) and all(part.lost_at is None for part in parts):
            yield StoryClaim("all stayed", broken, at=incident.whole_at)
    if incident.reach is not None and incident.changed:
        took = _seconds(incident, incident.changed)
        missing = incident.missing
        if incident.missing_count:
            named = tuple(part.party for part in missing)
            if not incident.taken and all(part.back_at is None for part in incident.servers.values()):
                yield StoryClaim("nobody else", named)
            yield StoryClaim(
                "whole without", named, more=max(0, incident.lost_unnamed), seconds=took, at=incident.changed
            )
        elif incident.kind == "outage":
            yield StoryClaim("whole", seconds=took, at=incident.changed)
    if incident.reach is not None and incident.reach > 1:
        yield StoryClaim("agreed", count=incident.reach, at=incident.whole_at)


# --- what was meant ---------------------------------------------------------------------------------------------------


def _leaving(incident: Incident) -> Iterator[StoryClaim]:
    part = incident.servers.get(incident.key)
    if part is None:
        return
    yield StoryClaim("leaves", (part.party,), other=incident.successor)
    if part.left_at is not None:
        yield StoryClaim("left", (part.party,), seconds=_seconds(incident, part.left_at), at=part.left_at)
    elif part.lost_at is not None and part.back_at is None:
        yield StoryClaim("ended early", (part.party,), at=part.lost_at)


def _started(incident: Incident) -> StoryClaim:
    return StoryClaim("started", (incident.witness,), count=incident.held_then)


def _returned(incident: Incident) -> Iterator[StoryClaim]:
    came = [part for part in incident.servers.values() if part.back_at is not None and not part.is_missing]
    if incident.kind == "arrival":
        yield from _group("arrived", came)
        return
    yield from _group("crashed", [part for part in came if part.anew], evidence="anew")
    yield from _group("reaches", [part for part in came if not part.anew])


def _registration(incident: Incident) -> Iterator[StoryClaim]:
    if incident.asked_by is not None:
        yield StoryClaim("asks", (incident.asked_by,), person=incident.person)
    for vote in incident.votes:
        kind: ClaimKind = "allowed" if vote.allowed else "denied"
        yield StoryClaim(kind, (vote.voter,), count=vote.count, seconds=_seconds(incident, vote.at), at=vote.at)
    if incident.cleanly:
        took = _seconds(incident, incident.last)
        if incident.reach is not None:
            yield StoryClaim(
                "registered", person=incident.person, count=incident.reach, messages=incident.messages, seconds=took
            )
        else:
            yield StoryClaim("not registered", person=incident.person, why=incident.why, seconds=took)
    else:
        yield StoryClaim("undecided" if incident.over else "going on", person=incident.person)


def _single(incident: Incident) -> Iterator[StoryClaim]:
    parties = tuple(part.party for part in incident.servers.values())
    match incident.kind:
        case "redirect":
            total = len(incident.moves) + incident.moves_unnamed
            yield StoryClaim("sent on", (incident.witness,), count=total, loads=incident.loads)
            for move in incident.moves:
                yield StoryClaim("sent", (incident.witness,), other=move.to, person=move.person, at=move.at)
        case "disk":
            yield StoryClaim("disk fails", (incident.witness,))
            if incident.cleanly:
                yield StoryClaim("disk works", (incident.witness,), seconds=_seconds(incident, incident.last))
        case "reader":
            yield StoryClaim("reader cut", (incident.witness,), person=incident.person, why=incident.why)
        case "clock":
            yield StoryClaim("clock off", parties, seconds=incident.offset / 1000)
            if incident.cleanly:
                yield StoryClaim("clock right", parties)
        case "refusal":
            yield StoryClaim("refused", parties, why=incident.why)
        case _:
            yield StoryClaim("expelled", parties)
