"""What can keep an engine from starting, in sentences for a person. What the store raises is the store's."""

from __future__ import annotations


class EngineError(Exception):
    """The engine cannot do what it was asked for; the text says why and what to do."""


class CannotBind(EngineError):
    """The node cannot take connections where it should."""


class NotChanged(EngineError):
    """What was to be changed is as it was; the text is a clause that says why."""


class NotRunning(EngineError):
    """The server has not been started, or has stopped."""


class TooBusy(EngineError):
    """There is too much to do to look at something now."""
