"""What can keep an engine from starting, in sentences for a person."""

from __future__ import annotations


class EngineError(Exception):
    """The engine cannot do what it was asked for; the text says why and what to do."""


class CannotBind(EngineError):
    """The node cannot take connections where it should."""


class DataDirectoryUnusable(EngineError):
    """The data directory cannot be read or written, or holds something that this version does not understand."""


class DataDirectoryInUse(DataDirectoryUnusable):
    """Another process works with the data directory."""


class TlsUnusable(EngineError):
    """A certificate, key or authority file cannot be used."""


class NotRunning(EngineError):
    """The server has not been started, or has stopped."""
