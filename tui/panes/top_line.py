"""The first line of the screen: who one is, where, in how large a network, and what is wrong with it.

What is wrong is always in it: where there is no room for all of it, what is usual gives way, piece by piece.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import tzinfo
from typing import Final, NamedTuple

from rich.cells import cell_len

from core.node import NodeSnapshot
from tui.model.client_model import ClientModel, ClientStage
from tui.panes.overview import StyledText, people_online, present
from tui.text import figures
from tui.text.clock_times import clock_time, since_words
from tui.text.fitting import fit
from tui.text.safe_text import neutralise, neutralise_name

_DIM: Final = "$foreground 70%"
_DOTS: Final[dict[ClientStage, StyledText]] = {
    "online": ("\u25cf ", "$text-success"),
    "connecting": ("\u25cc ", "$text-warning"),
    "waiting": ("\u25cc ", "$text-warning"),
    "gone": ("\u2717 ", "$text-error"),
    "nobody": ("\u25cb ", _DIM),
}
_NAME_CELLS: Final = 12
"""Of a name, where not even the short words leave room for all of it."""


class Wordiness(NamedTuple):
    """How much is said in the line."""

    online: bool = True
    """Whether people are said to be online."""
    size: bool = True
    """Whether the network's size is told."""
    who: bool = True
    """Whether a name stands in words."""
    whole: bool = True
    """Whether what is wrong is told in whole clauses."""
    why: bool = True
    """Whether it is told why no server is reached, and when that is tried again."""
    names: bool = True
    """Whether names stand in full."""
    where: bool = True
    """Whether the server is named."""


_STEPS: Final = (
    Wordiness(),
    Wordiness(online=False),
    Wordiness(online=False, size=False),
    Wordiness(online=False, size=False, who=False),
    Wordiness(online=False, size=False, who=False, whole=False),
    Wordiness(online=False, size=False, who=False, whole=False, where=False),
    Wordiness(online=False, size=False, who=False, whole=False, why=False),
    Wordiness(online=False, size=False, who=False, whole=False, why=False, names=False),
    Wordiness(online=False, size=False, who=False, whole=False, why=False, names=False, where=False),
)


def top_line(model: ClientModel, room: int, zone: tzinfo | None = None) -> list[StyledText]:
    """As much of it as `room` cells take. Where even the shortest is too long for them, the end is to be cut."""
    parts: list[StyledText] = []
    for step in _STEPS:
        parts = _said(model, step, zone)
        if sum(cell_len(text) for text, _ in parts) <= room:
            break
    return parts


def _said(model: ClientModel, step: Wordiness, zone: tzinfo | None) -> list[StyledText]:
    def name_of(text: str) -> str:
        return text if step.names else fit(text, min(cell_len(text), _NAME_CELLS))

    parts = [_DOTS["waiting" if model.unheard_since is not None else model.stage]]
    if model.stage == "online" and model.unheard_since is not None:
        parts.append((f"no answer since {clock_time(model.unheard_since, zone, '%H:%M:%S')}: ", "$text-warning bold"))
    concerns = model.concerns
    if concerns.unread:
        to_them = concerns.unread_mentions
        if step.who:
            words = f"{concerns.unread} new" + (f", {to_them} to you" if to_them else "")
        else:
            words = f"+{concerns.unread}" + (f" @{to_them}" if to_them else "")
        parts += [(words, "bold"), (" \u00b7 ", _DIM)]
    if model.stage == "online":
        parts += [("you are ", _DIM)] if step.who else []
        parts.append((name_of(neutralise_name(model.username or "")), "bold"))
    elif model.lost_since is None or step.why:
        parts.append((neutralise(model.stage_words, 120), "bold"))
    if model.lost_since is not None:
        what = ", lost since" if step.why else "no server since"
        parts.append((f"{what} {since_words(model.lost_since, model.clock(), zone)}", "$text-warning bold"))
    if model.node is None and not model.network:
        parts.append((" \u00b7 ! in clear" + (", others can read along" if step.whole else ""), "$text-warning"))
    snapshot = model.snapshot
    if snapshot is None:
        if model.node is None and model.server is not None and model.stage in ("nobody", "online"):
            parts += [(" at ", _DIM), (name_of(neutralise(str(model.server), 80)), "bold")]
        return parts
    name = neutralise_name(snapshot.name) or neutralise(str(model.server or ""), 80)
    if step.where:
        parts += [(" on " if model.node is not None else " at ", _DIM), (name_of(name), "bold")]
    if step.size:
        people = figures.count(people_online(snapshot), "person", "people") + (" online" if step.online else "")
        parts.append((f" \u00b7 {figures.count(len(present(snapshot)), 'server')}, {people}", "$foreground 85%"))
    return parts + _troubles(snapshot, step, lambda at: since_words(at, model.clock(), zone))


def _troubles(snapshot: NodeSnapshot, step: Wordiness, since: Callable[[float], str]) -> list[StyledText]:
    parts: list[StyledText] = []
    if snapshot.storage_error:
        words = f"the disk fails: {neutralise(snapshot.storage_error, 80)}" if step.whole else "disk fails"
        parts.append((f" \u00b7 \u2717 {words}", "$text-error bold"))
    if snapshot.unreachable:
        moments = {since(one.since) for one in snapshot.servers if one.state == "unreachable" and one.since is not None}
        # Of several that went at different times each row of the network says its own.
        when = f" since {moments.pop()}" if len(moments) == 1 and step.whole else ""
        parts.append((f" \u00b7 \u2717 {snapshot.unreachable} unreachable{when}", "$text-error"))
    if snapshot.draining:
        parts.append((" \u00b7 ! leaving", "$text-warning"))
    if snapshot.base_servers:
        why = ": new secrets travel in the clear" if step.whole else ""
        parts.append((f" \u00b7 ! base server{why}", "$text-warning"))
    return parts
