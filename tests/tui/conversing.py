"""People who answer each other, as their words come to an application that has no network."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from core.answers import PostReference
from core.client.client_events import ActivityArrived
from tests.tui.fakes import World, processed

CLAIMS = {"alice": "alice1.1.1", "bob": "bob1.1.1", "cyd": "cyd1.1.1"}


def named(who: str, ref: str) -> str:
    """The reference to what somebody has posted."""
    return str(PostReference(CLAIMS[who], ref))


def said(text: str, about: str | None = None) -> dict[str, Any]:
    answered = {} if about is None else {"inReplyTo": about}
    return {"type": "Create", "object": {"type": "Note", "content": text, **answered}}


def liked(about: str, symbol: str = "") -> dict[str, Any]:
    return {"type": "Like", "object": about, **({"content": symbol} if symbol else {})}


def edited(about: str, text: str) -> dict[str, Any]:
    return {"type": "Update", "object": {"id": about, "type": "Note", "content": text}}


def removed(about: str) -> dict[str, Any]:
    return {"type": "Delete", "object": about}


def body_of(who: str, ref: str, activity: Mapping[str, Any]) -> bytes:
    """What somebody who has an account has posted, as it is broadcast; `anonymous` has none."""
    own = {"id": named(who, ref)} if who in CLAIMS else {}
    return processed({**own, **activity}, who)


class Conversation:
    """Has activities come to a world, one a minute."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._count = 0
        world.model.claim = CLAIMS["alice"]

    def __call__(self, who: str, ref: str, activity: Mapping[str, Any], *, own_ref: str | None = None) -> None:
        self._count += 1
        self._world.time += 60
        stamp = int(self._world.time * 1_000_000)
        body = body_of(who, ref, activity)
        self._world.client.tell(ActivityArrived(f"bb.1.{self._count}", body, who, stamp, True, own_ref))

    def deliver(self, ref: str) -> None:
        """What alice has posted comes back from the network."""
        activity = next(one for key, one in self._world.client.posted if key == ref)
        self("alice", ref, msgspec.to_builtins(activity), own_ref=ref)
