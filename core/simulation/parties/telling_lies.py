"""What all lies are told with: so many of them over every link, or a way by which everything is done from then on."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Final

import msgspec

from core.simulation.parties.lying_server import LyingServer
from core.wire.messages import Message

Lie = Callable[[LyingServer], None]

BODY: Final = msgspec.Raw(b'{"type":"Note","by":"a liar","n":1}')
"""What it writes, in whoever's name."""
NOWHERE: Final = "nowhere"
"""A host that there is none of."""
AT_ONCE: Final = 100
BETWEEN: Final = 0.02
"""It says so many messages in one go, and waits so many seconds: nobody cuts it off for the sheer mass of it."""


def say_all(liar: LyingServer, kind: str, messages: Sequence[Message]) -> None:
    """Say very many things, one after the other."""
    if not liar.linked or not messages:
        return
    for message in messages[:AT_ONCE]:
        liar.say(message)
    liar.tell(kind, len(messages[:AT_ONCE]))
    if len(messages) > AT_ONCE:
        liar.later(BETWEEN, lambda: say_all(liar, kind, messages[AT_ONCE:]))


def told(liar: LyingServer, kind: str, messages: Iterable[Message]) -> None:
    """Say some things, each of which is a lie."""
    if liar.linked:
        for message in messages:
            liar.say(message)
            liar.tell(kind)


def goes_by(liar: LyingServer, kind: str) -> None:
    """From now on it lies in this way."""
    liar.ways.add(kind)


def long_name(liar: LyingServer, number: int, length: int) -> str:
    """The name of a server that there is none of, as long as a name can be where it is said."""
    return f"{liar.id}{number}".ljust(length, "x")
