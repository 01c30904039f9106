"""Callbacks of whoever wants to hear of something that happens in a server."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Generic, ParamSpec

log = logging.getLogger(__name__)
P = ParamSpec("P")


class Subscribers(Generic[P]):
    """Calls all who have entered; `what` names, for the log, what they are called with."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._callbacks: dict[object, Callable[P, None]] = {}

    def enter(self, callback: Callable[P, None]) -> Callable[[], None]:
        """Have a callback called from here on; the result ends that, and may be called again."""
        key = object()
        self._callbacks[key] = callback

        def leave() -> None:
            self._callbacks.pop(key, None)

        return leave

    def call(self, *args: P.args, **kwargs: P.kwargs) -> None:
        for callback in list(self._callbacks.values()):
            try:
                callback(*args, **kwargs)
            except Exception:
                log.exception("a subscriber could not take %s", self._what)
