"""A terminal that sends bytes in pieces, with pauses."""

from __future__ import annotations

from textual import events
from textual.geometry import Size
from textual.message import Message

from tui.terminal.input import TerminalInput


class Typist:
    """Sends, and says what the application would be told. A number is a pause of so many seconds."""

    def __init__(self, size: tuple[int, int] = (80, 24)) -> None:
        self.input = TerminalInput()
        self.input.resized(Size(*size))
        self.now = 1000.0
        self.messages: list[Message] = []

    def send(self, *pieces: bytes | float) -> list[str]:
        for piece in pieces:
            if isinstance(piece, bytes):
                self.messages += self.input.feed(piece, self.now)
            else:
                self._wait(piece)
        return self.told

    def finish(self) -> list[str]:
        """Nothing comes any more."""
        self._wait(1000.0)
        return self.told

    def _wait(self, seconds: float) -> None:
        until = self.now + seconds
        while (due := self.input.due) is not None and due <= until:
            self.messages += self.input.tick(due)
        self.now = until

    @property
    def told(self) -> list[str]:
        return [words(message) for message in self.messages]


def words(message: Message) -> str:
    """A message in short: a key by its name, a paste in quotation marks, anything else by its kind."""
    match message:
        case events.Key():
            return message.key
        case events.Paste():
            return repr(message.text)
        case events.MouseEvent():
            return f"{type(message).__name__} {message.button} {message.x:.0f},{message.y:.0f}"
        case events.Resize():
            return f"Resize {message.size.width}x{message.size.height}"
        case _:
            return type(message).__name__


def sent(*pieces: bytes | float, size: tuple[int, int] = (80, 24)) -> list[str]:
    """What becomes of some pieces, and the silence behind them."""
    typist = Typist(size)
    typist.send(*pieces)
    return typist.finish()


def one_by_one(data: bytes, pause: float = 0.0) -> list[bytes | float]:
    """A piece for each byte, with a pause behind it."""
    return [part for byte in data for part in (bytes((byte,)), pause)]
