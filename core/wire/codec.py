"""Lines to messages and back."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import reduce
from operator import or_
from typing import Final

import msgspec

from core.wire.activity import too_deep
from core.wire.limits import INFO_CHARACTERS_MAX
from core.wire.messages import BASE_FIELDS, MESSAGES, ActivityBroadcast, ActivityMessage, Message, command_of

_decoder: msgspec.json.Decoder[Message] = msgspec.json.Decoder(reduce(or_, MESSAGES))
_fields_decoder = msgspec.json.Decoder(dict[str, msgspec.Raw])
_encoder = msgspec.json.Encoder()


class MalformedLine(Exception):
    """A line is not a message; its text says why, fit for an `INVALID_MESSAGE`'s `info`."""


def decode(line: bytes) -> Message:
    """Read one line.

    A peer that speaks only the base protocol may use a name of ours for an extra field of its own, with another type:
    that is no error, so extensions of a base command that cannot be read are left out, all together.

    Raises MalformedLine, and nothing else, whatever the bytes are.
    """
    try:
        if not line.isascii():
            line.decode()
        message = _decoder.decode(line)
    except UnicodeDecodeError:
        raise MalformedLine("the line is not UTF-8") from None
    except RecursionError:
        raise MalformedLine("the message is nested too deeply") from None
    except msgspec.ValidationError as error:
        base = _without_extensions(line)
        if base is None:
            raise MalformedLine(_explain(line, str(error))) from None
        message = base
    except msgspec.DecodeError as error:
        if not line.strip():
            raise MalformedLine("the line is empty, a message is a JSON object") from None
        raise MalformedLine(f"the line is not JSON: {error}") from None
    if isinstance(message, ActivityMessage | ActivityBroadcast) and too_deep(line):
        raise MalformedLine("the activity is nested too deeply")
    return message


def _without_extensions(line: bytes) -> Message | None:
    """The message that a peer meant who knows nothing of the extensions; None when it is wrong without them too."""
    try:
        fields = _fields_decoder.decode(line)
        base = BASE_FIELDS[msgspec.json.decode(fields["command"], type=str)]
        return _decoder.decode(_encoder.encode({name: fields[name] for name in ("command", *base) if name in fields}))
    except (msgspec.DecodeError, KeyError, RecursionError):
        return None


def _explain(line: bytes, problem: str) -> str:
    if "$.command" in problem and problem.startswith("Invalid value"):
        return f"unknown command {problem.removeprefix('Invalid value ').partition(' - at')[0]}"[:INFO_CHARACTERS_MAX]
    if "missing required field `command`" in problem:
        return "the message has no command"
    if problem.endswith("- at `$.command`"):
        return "the message's command is not a string"
    if "at `$" not in problem and "got" in problem:
        return f"the message is not a JSON object: {problem[0].lower()}{problem[1:]}"
    try:
        command = _fields_decoder.decode(line).get("command", msgspec.Raw(b"?"))
        name = bytes(command).decode().strip('"')
    except (msgspec.DecodeError, ValueError, RecursionError):
        name = "message"
    return f"{name}: {problem[0].lower()}{problem[1:]}"[:INFO_CHARACTERS_MAX]


def encode(message: Message) -> bytes:
    """One line, terminator included."""
    return _encoder.encode(message) + b"\n"


_BASE_BROADCAST: Final = b'{"command":"ACTIVITY_BROADCAST","activity":%b}\n'
BASE_BROADCAST_BYTES: Final = len(_BASE_BROADCAST % b"")
"""What `base_broadcast` puts around an activity."""


class Frame:
    """A message on its way out: encoded once, however many connections it goes to."""

    __slots__ = ("_base", "_data", "_message")

    def __init__(self, message: Message, data: bytes | None = None) -> None:
        self._message: Message | None = message
        self._data = data
        self._base: Frame | None = None

    @property
    def message(self) -> Message:
        assert self._message is not None, "whoever makes messages later says how"
        return self._message

    @property
    def data(self) -> bytes:
        data = self._data
        if data is None:
            data = self._data = encode(self.message)
        return data

    @property
    def base(self) -> Frame:
        """The same for clients that speak the base protocol only: an activity alone. What else there is about one is a
        third of a short line, and nobody there reads it."""
        base = self._base
        if base is None:
            message = self.message
            if not isinstance(message, ActivityBroadcast):
                return self
            base = self._base = base_broadcast(bytes(message.activity))
        return base

    def __repr__(self) -> str:
        return f"Frame({command_of(self.message)})"


def base_broadcast(activity: bytes) -> Frame:
    """A processed activity as the base protocol has it: around the bytes that it is, so nothing is encoded."""
    return Frame(ActivityBroadcast(msgspec.Raw(activity)), _BASE_BROADCAST % activity)


def base_broadcasts(activities: Iterable[bytes]) -> list[bytes]:
    """The lines of several of those."""
    return [_BASE_BROADCAST % activity for activity in activities]


class Frames:
    """Several messages on their way out, one behind the other: made once, and only when somebody is to get them."""

    __slots__ = ("_frames", "_make")

    def __init__(self, make: Callable[[], Iterable[Frame]]) -> None:
        self._make = make
        self._frames: tuple[Frame, ...] | None = None

    def __iter__(self) -> Iterator[Frame]:
        frames = self._frames
        if frames is None:
            frames = self._frames = tuple(self._make())
        return iter(frames)

    def lines(self, *, base: bool) -> Sequence[bytes]:
        """The bytes of each, in one of the two forms that a Frame has."""
        return [frame.base.data for frame in self] if base else [frame.data for frame in self]
