"""Framing: bytes from a stream become lines, whatever pieces they arrive in.

A line ends with LF; CR LF and a lone CR are accepted, because existing peers send them. A CR cannot occur inside a JSON
string, so nothing legal is cut.
"""

from __future__ import annotations


class LineTooLong(Exception):
    """A line exceeded the limit; the stream cannot be read further."""

    def __init__(self, limit: int, lines: list[bytes]) -> None:
        super().__init__(f"a line is longer than {limit} bytes")
        self.limit = limit
        self.lines = lines
        """The lines that were complete before it: none of them is lost."""


class LineSplitter:
    """Cuts a byte stream into lines.

    Each byte is looked at a constant number of times, so a sender that dribbles single bytes costs no more than one
    that sends whole lines. `limit` is in bytes, without the terminator, and may be raised while the stream runs.
    """

    __slots__ = ("_partial", "_swallow_lf", "limit")

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._partial: bytearray | None = None
        self._swallow_lf = False

    @property
    def pending_bytes(self) -> int:
        """Bytes of the line that has not ended yet."""
        return len(self._partial) if self._partial is not None else 0

    def clear(self) -> None:
        """Forget it."""
        self._partial = None

    def feed(self, data: bytes) -> list[bytes]:
        """The lines that `data` completes, without terminators.

        Raises LineTooLong when a complete or partial line exceeds the limit; the exception carries the lines before it.
        """
        if self._swallow_lf and data:
            self._swallow_lf = False
            if data.startswith(b"\n"):
                data = data[1:]
        if b"\r" in data:
            self._swallow_lf = data.endswith(b"\r")
            data = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        lines = data.split(b"\n")
        rest = lines.pop()
        if lines and self._partial is not None:
            self._partial += lines[0]
            lines[0] = bytes(self._partial)
            self._partial = None
        if rest:
            # One buffer, which grows by steps: a piece for each byte that dribbles in would cost forty times as much.
            if self._partial is None:
                self._partial = bytearray(rest)
            else:
                self._partial += rest
        limit = self.limit
        for index, line in enumerate(lines):
            if len(line) > limit:
                raise LineTooLong(limit, lines[:index])
        if self.pending_bytes > limit:
            raise LineTooLong(limit, lines)
        return lines
