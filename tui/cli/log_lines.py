"""Lines of a log: what each says, in words for people or as JSON for programs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Final, Literal, NamedTuple

from tui.text.safe_text import neutralise

LogLevel = Literal["debug", "info", "warning", "error"]
LogFormat = Literal["text", "json"]


class LogLine(NamedTuple):
    """One thing that happened."""

    at: float
    """Seconds since 1970."""
    level: LogLevel
    kind: str
    """Of an event of the network its kind, else who tells it: `server`, `program`, `log` or `trace`."""
    text: str


def as_text(line: LogLine, *, exact: bool) -> str:
    """The moment with its distance from UTC (RFC 3339), the level where it is none of the usual, and the sentence.

    `exact`: with milliseconds, as who debugs wants to know what came how soon after what.
    """
    level = "" if line.level == "info" else f"{line.level}: "
    return f"{_moment(line.at, ' ', exact)} {level}{neutralise(line.text)}\n"


def as_json(line: LogLine, *, exact: bool) -> str:
    """One JSON object, in ASCII: what strangers wrote stays on its line, and commands no terminal."""
    import json  # Few have their log so, and all have a start.

    told = {"at": _moment(line.at, "T", exact), "level": line.level, "kind": line.kind, "text": line.text}
    return json.dumps(told) + "\n"


FORMATS: Final[Mapping[LogFormat, Callable[..., str]]] = {"text": as_text, "json": as_json}


def _moment(at: float, separator: str, exact: bool) -> str:
    moment = datetime.fromtimestamp(at).astimezone()
    return moment.isoformat(separator, "milliseconds" if exact else "seconds")
