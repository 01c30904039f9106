"""What stories say, in words for somebody who was not there: one text for each claim, in one table.

Texts hold names that others have chosen; whoever shows them makes them harmless.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import groupby
from typing import Final

from core.stories.incidents import Incident
from core.stories.lines import LineKind, ServerName, StoryLine, Why
from core.stories.story_claims import ClaimKind, StoryClaim, claims_of

NAMED_MAX: Final = 4
"""Servers that a sentence names; of more it says how many there are."""
MOVES_NAMED_MAX: Final = 6


_TOLD_TOGETHER: Final[Mapping[ClaimKind, str]] = {
    "apart": "apart",
    "moved": "moves",
    "others moved": "moves",
    "sent on": "sent",
    "sent": "sent",
}
"""Claims of which several in a row make one sentence."""


def sentences_of(incident: Incident, moment: int) -> list[str]:
    """An incident in sentences, as it is known at a moment: the cause, the repair, who moved, the verdict."""
    told: list[str] = []
    for kind, claims in groupby(claims_of(incident, moment), lambda claim: _TOLD_TOGETHER.get(claim.kind, claim)):
        if kind == "moves":
            told.append(_moves(list(claims)))
        elif kind == "apart":
            told.append(_apart(list(claims)))
        elif kind == "sent":
            told.append(_sent_on(list(claims)))
        else:
            told += [TEXTS[claim.kind](claim) for claim in claims]
    return [text for text in told if text]


def names(parties: Sequence[ServerName], more: int = 0) -> str:
    """Servers by name, the first ones and how many more."""
    shown = [party.name for party in parties[:NAMED_MAX]]
    more += len(parties) - len(shown)
    if more:
        others = "1 other server" if more == 1 else f"{more:,} other servers"
        return f"{', '.join(shown)} and {others}" if shown else others.replace("other ", "")
    return ", ".join(shown[:-1]) + f" and {shown[-1]}" if len(shown) > 1 else "".join(shown)


def span(seconds: float | None) -> str:
    """A span of time as people say it."""
    if seconds is None:
        return "a while"
    if seconds < 0.0995:
        return f"{max(1, round(seconds * 1000))} ms"
    if seconds < 119.5:
        return f"{seconds:.1f} s" if seconds < 9.95 else f"{seconds:.0f} s"
    minutes = seconds / 60
    return f"{minutes:.0f} min" if minutes < 119.5 else f"{minutes / 60:.0f} h"


def _count(number: int, one: str, several: str = "") -> str:
    return f"{number:,} {one if number == 1 else several or one + 's'}"


def _activities(number: int) -> str:
    return _count(number, "activity", "activities") if number else "no activities yet"


def _is(claim: StoryClaim, one: str = "is", several: str = "are") -> str:
    return one if len(claim.servers) + claim.more == 1 else several


def _ways(claims: Sequence[StoryClaim]) -> str:
    """Who went where: the first ones by name."""
    named = [one for one in claims if one.person]
    shown = [f"{one.person} to {one.other.name if one.other is not None else '?'}" for one in named[:MOVES_NAMED_MAX]]
    more = len(named) - len(shown) + sum(one.count for one in claims if one.kind == "others moved")
    return ", ".join(shown) + (f" and {more:,} more" if more and shown else "")


def _moves(claims: Sequence[StoryClaim]) -> str:
    total = sum(one.count if one.kind == "others moved" else 1 for one in claims)
    ways = _ways(claims)
    return f"{_count(total, 'person', 'people')} moved{f': {ways}' if ways else ''}."


_BROKEN: Final[Mapping[Why, str]] = {
    "closed": "the connection broke",
    "silent": "no answer came any more",
}


def _crashed(claim: StoryClaim) -> str:
    evidence = {
        "anew": f"{_is(claim, 'it has', 'they have')} come back in another start",
        "nobody there": f"{_is(claim, 'its', 'their')} connection broke, and nothing listens there any more",
    }
    return f"{names(claim.servers)} crashed ({evidence.get(claim.evidence, 'as far as anybody here knows')})."


def _unreachable(claim: StoryClaim) -> str:
    how = {"closed": ": the connection broke", "silent": ": no answer comes"}.get(claim.why, "")
    who, it, are = names(claim.servers, claim.more), _is(claim, "it", "they"), _is(claim)
    unknown = f"Whether {it} crashed or {are} cut off is not known here: it shows when {it} {are} back."
    return f"{who} cannot be reached{how}. {unknown}"


def _apart(claims: Sequence[StoryClaim]) -> str:
    who = names([party for claim in claims for party in claim.servers])
    spans = [span(claim.seconds) for claim in sorted(claims, key=lambda claim: claim.seconds or 0.0)]
    most = f"up to {spans[-1]}" if spans[0] != spans[-1] else spans[-1]
    return f"{who} could not be reached for {most} and went on in the same start: cut off from here, or standing still."


def _took_over(claim: StoryClaim) -> str:
    a, b = (party.name for party in claim.servers)
    if claim.spare:
        return f"The spare link {a}\N{EN DASH}{b} took over after {span(claim.seconds)}."
    return f"The link {a}\N{EN DASH}{b} closed the gap after {span(claim.seconds)}."


def _started(claim: StoryClaim) -> str:
    return f"{names(claim.servers)} started with {_activities(claim.count)}."


def _leaves(claim: StoryClaim) -> str:
    heir = f"; {claim.other.name} takes its place" if claim.other is not None else ""
    return f"{names(claim.servers)} leaves on purpose{heir}."


def _vote(claim: StoryClaim, word: str) -> str:
    behind = claim.count - 1
    more = f" and {_count(behind, 'server')} behind it" if behind > 0 else ""
    return f"{names(claim.servers)}{more} {word} it after {span(claim.seconds)}."


def _registered(claim: StoryClaim) -> str:
    servers = claim.count
    by = ""
    if servers > 1:
        by = f": all {servers:,} servers allowed it"
    if claim.messages:
        by += f", with {claim.messages:,} messages"
    return f"The name {claim.person} is registered after {span(claim.seconds)}{by}."


_FAILED: Final[Mapping[Why, str]] = {
    "denied": "somebody has it already, or was earlier",
    "too late": "not every server answered in time",
    "given up": "whoever asked gave it up, or was not heard of again",
}


def _not_registered(claim: StoryClaim) -> str:
    why = f": {_FAILED[claim.why]}" if claim.why in _FAILED else ""
    return f"The name {claim.person} was not registered{why}."


def _sent_on(claims: Sequence[StoryClaim]) -> str:
    claim, *sent = claims
    loads = claim.loads
    had = f": this server had {_count(loads[0], 'client')}, the other one {loads[1]:,}" if loads is not None else ""
    ways = _ways(sent)
    people = _count(claim.count, "person was", "people were")
    return f"{people} sent on to a server with less to do{had}{f'. {ways}' if ways else ''}."


def _reader_cut(claim: StoryClaim) -> str:
    why = {"nothing taken": "took nothing for too long", "too much": "was too slow for what came"}
    how = why.get(claim.why, "could not follow what came")
    return f"{claim.person or 'Somebody'} {how} and was cut off; the client comes back by itself."


def _clock_off(claim: StoryClaim) -> str:
    way = "ahead of" if (claim.seconds or 0.0) > 0 else "behind"
    return (
        f"The clock of {names(claim.servers)} is {span(abs(claim.seconds or 0.0))} {way} the one here: set one of them."
    )


TEXTS: Final[Mapping[ClaimKind, Callable[[StoryClaim], str]]] = {
    "crashed": _crashed,
    "apart": lambda claim: _apart([claim]),
    "nobody else": lambda claim: "Nobody else was out of reach.",
    "unreachable": _unreachable,
    "returned": lambda claim: f"{names(claim.servers)} can be reached again.",
    "suspected": lambda claim: f"{names(claim.servers)} {_is(claim, 'does', 'do')} not answer at the moment.",
    "link broke": lambda claim: (
        f"The link with {names(claim.servers)} broke{': ' + _BROKEN[claim.why] if claim.why in _BROKEN else ''}."
    ),
    "tree link broke": lambda claim: f"The link {claim.servers[0].name}\N{EN DASH}{claim.servers[1].name} broke.",
    "all stayed": lambda claim: "Everybody stayed in reach.",
    "stood still": lambda claim: (
        f"This server stood still for {span(claim.seconds)}: it was stopped, or its machine slept or was overloaded."
    ),
    "took over": _took_over,
    "many took over": lambda claim: "Other links have taken the places of those that were lost.",
    "moved": lambda claim: _moves([claim]),
    "others moved": lambda claim: _moves([claim]),
    "caught up": lambda claim: (
        f"{_count(claim.count, 'missed entry', 'missed entries')} came from {names(claim.servers)}."
    ),
    "gave way": lambda claim: f"{claim.person} was registered twice: the later account is called {claim.after} now.",
    "whole": lambda claim: f"Whole again after {span(claim.seconds)}.",
    "whole without": lambda claim: (
        f"Whole again without {names(claim.servers, claim.more)} after {span(claim.seconds)}."
        f" What only {_is(claim, 'it has', 'they have')} comes when {_is(claim, 'it is', 'they are')} back."
    ),
    "alone": lambda claim: "This server reaches nobody, and goes on looking.",
    "agreed": lambda claim: f"Nothing that the {_count(claim.count, 'server')} in reach have is missing here.",
    "leaves": _leaves,
    "left": lambda claim: f"It has left after {span(claim.seconds)}.",
    "ended early": lambda claim: "It was gone before it had said that it had left.",
    "started": _started,
    "reaches": lambda claim: f"It reaches {names(claim.servers)}.",
    "arrived": lambda claim: f"{names(claim.servers)} joined the network.",
    "asks": lambda claim: f"{claim.person} asks for the name at {names(claim.servers)}.",
    "allowed": lambda claim: _vote(claim, "allowed"),
    "denied": lambda claim: _vote(claim, "denied"),
    "registered": _registered,
    "not registered": _not_registered,
    "undecided": lambda claim: "What became of it nobody here has heard.",
    "sent": lambda claim: f"{_ways([claim])}.",
    "sent on": lambda claim: _sent_on([claim]),
    "disk fails": lambda claim: "The disk of this server takes no writes: new activities are refused here.",
    "disk works": lambda claim: f"It takes them again after {span(claim.seconds)}.",
    "reader cut": _reader_cut,
    "clock off": _clock_off,
    "clock right": lambda claim: "They agree again.",
    "refused": lambda claim: (
        f"This server ended the link with {names(claim.servers)}, because of what came over it."
        if claim.why == "ended here"
        else f"A link with {names(claim.servers) or 'a server'} was refused."
    ),
    "expelled": lambda claim: f"Operators have expelled {names(claim.servers)}.",
    "cut short": lambda claim: "Then this server itself ended: what came of it here nobody saw.",
    "going on": lambda claim: "It is going on.",
}


def _of(line: StoryLine) -> str:
    if line.servers:
        return names(line.servers, max(0, line.count - len(line.servers)))
    return line.about.name if line.about is not None else "a server"


def _links(line: StoryLine) -> str:
    gone = [f"{one.a.name}\N{EN DASH}{one.b.name}{' (a spare now)' if one.spare else ''}" for one in line.gone]
    taken = [f"{'spare ' if one.spare else ''}{one.a.name}\N{EN DASH}{one.b.name}" for one in line.taken]
    parts = ([f"gone: {', '.join(gone)}"] if gone else []) + ([f"taken: {', '.join(taken)}"] if taken else [])
    return f"tree: {'; '.join(parts) or 'many links changed'}"


_LINE_TEXTS: Final[Mapping[LineKind, Callable[[StoryLine], str]]] = {
    "started": lambda line: f"started with {_activities(line.count)}",
    "stood still": lambda line: f"stood still for {span(line.count / 1000)}",
    "linked": lambda line: f"link with {_of(line)} is up",
    "unlinked": lambda line: f"link with {_of(line)} ended",
    "link lost": lambda line: f"link with {_of(line)} lost: {_BROKEN.get(line.why, 'it broke')}",
    "link cut": lambda line: f"this server ended the link with {_of(line)}",
    "suspected": lambda line: f"{_of(line)} has not answered a ping",
    "answers": lambda line: f"{_of(line)} answers again",
    "nobody there": lambda line: f"nothing listens where {_of(line)} was",
    "tree broke": _links,
    "tree grew": _links,
    "lost": lambda line: f"out of reach: {_of(line)}",
    "back": lambda line: f"still in the same start: {_of(line)}",
    "back anew": lambda line: f"in another start: {_of(line)}",
    "reached": lambda line: f"in reach: {_of(line)}",
    "joined": lambda line: f"new in the network: {_of(line)}",
    "leaving": lambda line: f"{_of(line)} leaves" + (f" in favour of {line.other.name}" if line.other else ""),
    "left": lambda line: f"{_of(line)} has left",
    "whole": lambda line: f"whole: {_count(line.count, 'server')} in reach, nothing missing",
    "moved": lambda line: f"{line.person}: {_of(line)} \N{RIGHTWARDS ARROW} {line.other.name if line.other else '?'}",
    "caught up": lambda line: f"{_count(line.count, 'missed entry', 'missed entries')} from {_of(line)}",
    "asked": lambda line: f"{_of(line)} asks for the name {line.person}",
    "vote": lambda line: f"{_of(line)} {line.why}" + (f" ({_count(line.count, 'server')})" if line.count > 1 else ""),
    "registered": lambda line: f"{line.person} is registered",
    "not registered": lambda line: f"{line.person} is not registered: {_FAILED.get(line.why, 'given up')}",
    "gave way": lambda line: f"{line.person} is called {line.after} now",
    "redirected": lambda line: f"{line.person} sent to {line.other.name if line.other else '?'}",
    "disk fails": lambda line: "the disk takes no writes",
    "disk works": lambda line: "the disk takes writes",
    "reader cut": lambda line: f"{line.person or 'somebody'} cut off: too slow",
    "clock off": lambda line: f"clock of {_of(line)} is off by {span(abs(line.count) / 1000)}",
    "clock right": lambda line: f"clock of {_of(line)} agrees",
    "refused": lambda line: f"link with {_of(line)} refused",
    "expelled": lambda line: f"{_of(line)} expelled",
}


def line_text(line: StoryLine) -> str:
    """A line in a few words."""
    more = f" (and {line.unnoted:,} more before)" if line.unnoted else ""
    return _LINE_TEXTS[line.kind](line) + (f": {line.remark}" if line.remark else "") + more
