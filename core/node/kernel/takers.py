"""Who takes which message: each method says so itself, in the room that the message concerns."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

from core.node.kernel.rules import Handler, Take

Method = TypeVar("Method", bound=Callable[..., None])

_TAKERS: dict[type, dict[Handler, str]] = {}
"""The names of the methods of each class that take messages."""


def takes(handler: Handler) -> Callable[[Method], Method]:
    """Mark a method as the one that takes a message, as the rules name it. Raises ValueError where another one does."""

    def mark(method: Method) -> Method:
        return cast(Method, _Marked(handler, method))

    return mark


class _Marked:
    """A method until its class is complete: then it is noted by its name, and is the method that it was."""

    def __init__(self, handler: Handler, method: Callable[..., None]) -> None:
        self._handler = handler
        self._method = method

    def __set_name__(self, owner: type, name: str) -> None:
        names = _TAKERS.setdefault(owner, {})
        if self._handler in names:
            raise ValueError(f"{names[self._handler]} takes {self._handler.name} already")
        names[self._handler] = name
        setattr(owner, name, self._method)


def takers_of(*parts: Any) -> dict[Handler, Take]:
    """The methods of a node's parts that take messages. Raises ValueError when two of them take the same."""
    found: dict[Handler, Take] = {}
    for part in parts:
        for handler, name in _TAKERS.get(type(part), {}).items():
            if handler in found:
                raise ValueError(f"two parts take {handler.name}: {found[handler]} and {name} of {part}")
            found[handler] = getattr(part, name)
    return found
