"""How existing base-protocol servers differ from the protocol's text and from one another."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal


@dataclass(frozen=True, slots=True)
class Dialect:
    """One way of speaking the base protocol. The defaults are the protocol's text."""

    name: str
    first_announce_delay: float | None = None
    """Seconds from `AUTHENTICATE` to the dialler's first announce; None: with the next round of announces."""
    on_unknown: Literal["invalid", "deaf"] = "invalid"
    """What an unknown command does: `INVALID_MESSAGE` and close, or the link is never listened to again."""
    dies_when_spoken_to_early: bool = False
    """Whether the process ends when the side that it dialled speaks before its own first announce."""
    keeps_extra_fields: bool = True
    """Whether unknown fields of `SERVER_ANNOUNCE` and `LOCK_*` are forwarded. Those of broadcasts always are."""
    refuses_duplicate_keys: bool = False
    waits_for_all_answers: bool = False
    """Whether a registration that was denied still waits for every other answer."""
    gathers_answers: bool = False
    """Whether it waits for one answer a link and passes on one answer, instead of counting one for each server."""
    asks_at_login: bool = False
    """Whether users are stored only where they registered, and a login elsewhere is asked around as `LOCK_REQUEST`."""
    login_while_registering: bool = False
    forgets_dropped_clients: bool = False
    """Whether a client that leaves without `LOGOUT` stays in the announced load."""


TEXT = Dialect("text")
"""Nothing but the protocol's text."""

O = Dialect(  # noqa: E741 - the letter is the name of the implementation
    "O",
    first_announce_delay=0.0,
    on_unknown="deaf",
    dies_when_spoken_to_early=True,
    keeps_extra_fields=False,
    waits_for_all_answers=True,
    forgets_dropped_clients=True,
)

D = Dialect("D", refuses_duplicate_keys=True, login_while_registering=True)

E = Dialect(
    "E",
    first_announce_delay=0.0,
    on_unknown="deaf",
    dies_when_spoken_to_early=True,
    keeps_extra_fields=False,
    gathers_answers=True,
    asks_at_login=True,
    forgets_dropped_clients=True,
)

DIALECTS = {dialect.name: dialect for dialect in (TEXT, O, D, E)}


def hesitant(dialect: Dialect, delay: float = 0.3) -> Dialect:
    """The dialect with a pause (seconds) between `AUTHENTICATE` and the first announce.

    In reality these are two writes in a row; the pause widens the moment between them until a test is sure to hit it.
    """
    return replace(dialect, first_announce_delay=delay)
