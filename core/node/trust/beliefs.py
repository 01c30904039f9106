"""Beliefs: what is believed of what somebody says in a server's name. Pure functions: the map and the log ask them.

| what is said | is believed |
|---|---|
| anything, under an id that is made of a key | if that key has signed it |
| anything, under an id from before that is bound to a key | if that key has signed it |
| something signed, under an id from before that has no key yet | if its key has signed it: the id is bound to that |
| something unsigned, under such an id | as it always was: nothing can prove it |
| a single entry of a stream that its server signs | over that server's own link |
| that nothing is missing of a stream of a server with a key | over that server's own link |

First come is who has the id (as with a host's key in SSH, RFC 4251, section 4.1); the network never changes that. While
the server itself is linked here and shows no key, nobody else's word binds its id.
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from typing import Final, NamedTuple

from core.wire.entries import Stream
from core.wire.server_keys import certified_id, is_certified
from core.wire.state_machine import Symbol


@enum.unique
class Belief(Symbol):
    """What is believed, and why; the value completes "it" for people."""

    PROVED = "is signed by its key"
    FIRST = "is signed by the first key that its id comes with"
    UNSIGNED = "is from before keys, and nothing proves it"
    KEYLESS = "is not signed, and that server has a key"
    OTHER_KEY = "comes with another key than that server's"
    FORGED = "has a signature that does not fit"
    DISOWNED = "comes with a key, and that server itself, which is linked here, shows none"

    @property
    def holds(self) -> bool:
        """Whether it is believed."""
        return self in _BELIEVED


_BELIEVED: Final = frozenset({Belief.PROVED, Belief.FIRST, Belief.UNSIGNED})


class Standing(NamedTuple):
    """What is known of a server's key."""

    key: bytes | None = None
    """None: it is not known to have one."""
    signs_from: int | None = None
    """The first incarnation of which it signs all entries; None: it signs none, or nobody knows."""


def key_belongs(node: str, key: bytes | None, standing: Standing) -> bool | None:
    """Whether a key that is shown (None: none is) is that of a server; None when nothing speaks against it and nothing
    for it, as its id is bound to no key."""
    if is_certified(node):
        return key is not None and certified_id(key) == node
    if standing.key is not None:
        return key == standing.key
    return None


def believe(
    node: str,
    key: bytes | None,
    fits: Callable[[bytes], bool],
    standing: Standing,
    *,
    keyless_here: bool = False,
    lenient: bool = False,
) -> Belief:
    """What is believed of a statement in the name of `node` that comes with a public key (None: it is not signed).

    `fits` says whether its signature is that of a key; it is asked last, and at most once. `keyless_here`: the server
    itself is linked here, and shows no key. `lenient`: what is not signed is believed of everybody, as before keys.
    """
    belongs = key_belongs(node, key, standing)
    if key is None:
        return Belief.KEYLESS if belongs is False and not lenient else Belief.UNSIGNED
    if belongs is False:
        return Belief.OTHER_KEY
    if belongs is None and keyless_here:
        return Belief.DISOWNED
    if not fits(key):
        return Belief.FORGED
    return Belief.PROVED if belongs else Belief.FIRST


def believe_entry(stream: Stream, standing: Standing, *, own_link: bool, lenient: bool = False) -> Belief:
    """What is believed of an entry that comes by itself, outside of any signed record.

    `own_link`: it comes from its server, which has proved its key there.
    """
    signed = standing.signs_from is not None and stream.incarnation >= standing.signs_from
    return Belief.KEYLESS if signed and not own_link and not lenient else Belief.UNSIGNED


def believes_mark(stream: Stream, standing: Standing, *, own_link: bool, lenient: bool = False) -> bool:
    """Whether it is believed of somebody's word that nothing of a stream is missing up to a number.

    Nobody but a stream's own server can know which of its entries there are. Who passes on the newest one may have kept
    back what was before.
    """
    has_key = standing.key is not None or is_certified(stream.node)
    return not has_key or own_link or lenient
