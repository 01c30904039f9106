"""Who takes which message: each method says so itself, in the room that the message concerns."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeVar, cast

from core.node.kernel.rules import Handler, Take
from core.wire.messages import MessageType

Method = TypeVar("Method", bound=Callable[..., None])

_ROOMS: Final = "core.node."
_TAKERS: dict[type, dict[Handler | MessageType, str]] = {}
"""The names of the methods of each class that take messages."""


def takes(what: Handler | MessageType) -> Callable[[Method], Method]:
    """Mark a method as the one that takes a message.

    `what` is a handler that the rules name, or a message that nobody but servers of ours say to each other: that is
    legal on a link with a neighbour, by nothing else than this. Raises ValueError where another method takes it.
    """

    def mark(method: Method) -> Method:
        return cast(Method, _Marked(what, method))

    return mark


class _Marked:
    """A method until its class is complete: then it is noted by its name, and is the method that it was."""

    def __init__(self, what: Handler | MessageType, method: Callable[..., None]) -> None:
        self._what = what
        self._method = method

    def __set_name__(self, owner: type, name: str) -> None:
        names = _TAKERS.setdefault(owner, {})
        if self._what in names:
            raise ValueError(f"{names[self._what]} takes {_name_of(self._what)} already")
        names[self._what] = name
        setattr(owner, name, self._method)


def takers_of(*parts: Any) -> dict[Handler | MessageType, Take]:
    """The methods of a node's parts that take messages. Raises ValueError when two of them take the same."""
    found: dict[Handler | MessageType, Take] = {}
    for part in parts:
        for what, name in _TAKERS.get(type(part), {}).items():
            if what in found:
                raise ValueError(f"two parts take {_name_of(what)}: {found[what]} and {name} of {part}")
            found[what] = getattr(part, name)
    return found


def takers_of_node(*parts: Any) -> dict[Handler | MessageType, Take]:
    """The same of a whole node. Raises ValueError also when a class of its rooms takes a message and is not among them,
    so that nothing would ever come to it."""
    asked = {type(part) for part in parts}
    for owner, names in _TAKERS.items():
        if owner not in asked and owner.__module__.startswith(_ROOMS):
            what = ", ".join(map(_name_of, names))
            raise ValueError(f"{owner.__qualname__} takes {what}, and is not asked: name it in core/node/node.py")
    return takers_of(*parts)


def _name_of(what: Handler | MessageType) -> str:
    return what.name if isinstance(what, Handler) else what.__name__
