"""Stories as text: in the events, in the page that Enter opens, and as commands print them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from datetime import tzinfo
from typing import Any, Final, Literal

import msgspec

from core.stories import Incident, Stories, StoryLine, claims_of, line_text, sentences_of
from tui.text.clock_times import clock_time
from tui.text.safe_text import neutralise

StoryMood = Literal["info", "good", "warning", "error"]
SENTENCE_CHARACTERS_MAX: Final = 600
WHEN: Final = "%Y-%m-%d %H:%M:%S"
KINDS: Final = {
    "outage": "what could not be reached, and how it came back",
    "quit": "a server that leaves on purpose",
    "start": "a server that starts",
    "return": "servers that are back",
    "arrival": "a server that is new in the network",
    "registration": "somebody who wants a name",
    "redirect": "people who are sent on to another server",
    "disk": "the disk of this server",
    "reader": "somebody who could not follow",
    "clock": "the clocks of servers",
    "refusal": "a link that was refused",
    "expulsion": "a server that operators have expelled",
}
_TROUBLE: Final = frozenset(("outage", "disk", "expulsion"))
_ASIDE: Final = frozenset(("reader", "clock", "refusal"))


def moment_at(seconds: float) -> int:
    """A time in seconds since 1970 as a moment of stories."""
    return int(seconds * 1_000_000)


def told(incident: Incident, seconds: float) -> list[str]:
    """An incident in sentences that are safe to show, as it is known at a time."""
    return [neutralise(text, SENTENCE_CHARACTERS_MAX) for text in sentences_of(incident, moment_at(seconds))]


def mood_of(incident: Incident, seconds: float) -> StoryMood:
    """How bad it is now."""
    kinds = {claim.kind for claim in claims_of(incident, moment_at(seconds))}
    if incident.kind in _TROUBLE:
        if kinds & {"whole", "disk works"}:
            return "good"
        return "warning" if kinds & {"whole without", "suspected", "link broke", "tree link broke"} else "error"
    if incident.kind in _ASIDE:
        return "warning"
    if incident.kind == "registration":
        return "good" if "registered" in kinds else "warning" if "not registered" in kinds else "info"
    return "info"


def page_of(incident: Incident, seconds: float, zone: tzinfo | None, width: int) -> str:
    """Everything about an incident: its sentences, the ladder of what went on, and each line with time and witness."""
    parts = ["\n".join(told(incident, seconds))]
    parts.append(
        f"Began  {clock_time(incident.stamp / 1_000_000, zone, WHEN)}\nAbout  {KINDS[incident.kind]}\n"
        f"Seen   by {neutralise(incident.witness.name, 64)}, in {incident.lines_seen:,}"
        f" line{'' if incident.lines_seen == 1 else 's'}"
    )
    # Only now: of a thousand stories the page of one may be opened.
    from tui.text.ladder import ladder

    rungs = ladder(incident.lines, width)
    if rungs:
        parts.append("\n".join(rungs))
    parts.append("\n".join(_lines_of(incident, zone)))
    return "\n\n".join(parts)


def _lines_of(incident: Incident, zone: tzinfo | None) -> Iterator[str]:
    for place, line in enumerate(incident.lines):
        if place == len(incident.first_lines) and incident.lines_left_out:
            yield f"({incident.lines_left_out:,} lines are left out)"
        when = clock_time(line.seconds, zone, "%H:%M:%S") + f".{line.stamp // 1000 % 1000:03}"
        yield f"{when}  {neutralise(line.witness.name, 32)}: {neutralise(line_text(line), 400)}"


def stories_since(lines: Iterable[StoryLine], since: float | None) -> list[Incident]:
    """The incidents that lines make, those that went on at a time (seconds since 1970) or began later."""
    return [one for one in Stories(lines) if since is None or one.last >= moment_at(since)]


def report(incidents: Iterable[Incident], seconds: float, zone: tzinfo | None) -> Iterator[str]:
    """Incidents as a command prints them, each as one line."""
    for incident in incidents:
        yield f"{clock_time(incident.stamp / 1_000_000, zone, WHEN)} {' '.join(told(incident, seconds))}"


def as_json(incidents: Iterable[Incident], seconds: float) -> Iterator[str]:
    """The same as objects, one a line: what is claimed, and the lines that it is made of. Safe for a terminal."""
    for incident in incidents:
        whole: dict[str, Any] = {
            "at": incident.stamp / 1_000_000,
            "kind": incident.kind,
            "witness": incident.witness,
            "over": incident.over,
            "sentences": sentences_of(incident, moment_at(seconds)),
            "claims": claims_of(incident, moment_at(seconds)),
            "lines": incident.lines,
            "lines_left_out": incident.lines_left_out,
        }
        # In ASCII: names are hostile, and so no control character in one comes out as such.
        yield json.dumps(msgspec.to_builtins(whole), separators=(",", ":"))
