"""Where each key of a TOML document is written, for whoever has to be told which one is wrong.

Python's reader keeps no places. This goes over a document that it has read already, so it need not notice what is no
TOML; the grammar is that of TOML 1.0 (toml.io/en/v1.0.0).
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

_BLANK: Final = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_STRING: Final = re.compile(
    r'"""(?:[^\\]|\\.)*?"{3,5}|' + r"'''.*?'{3,5}|" + r'"(?:[^"\\\n]|\\.)*"|' + r"'[^'\n]*'", re.DOTALL
)
_BARE: Final = re.compile(r"[A-Za-z0-9_-]+")
_OTHER: Final = re.compile(r"[^,\]}#\n]+")

KeyPath = tuple[str, ...]


class KeyPlace(NamedTuple):
    """Where a key begins; both count from 1, columns in characters."""

    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.line}:{self.column}"


def key_places(document: str) -> dict[KeyPath, KeyPlace]:
    """The place of each key and each table, by its whole path; of what is said in pieces, that of the first."""
    return _Walk(document).places


class _Walk:
    def __init__(self, document: str) -> None:
        self._text = document
        self._at = 0
        self._line, self._line_begins = 1, 0
        self.places: dict[KeyPath, KeyPlace] = {}
        table: KeyPath = ()
        while self._blank():
            if self._text[self._at] == "[":
                depth = 2 if self._text.startswith("[[", self._at) else 1
                self._at += depth
                table = self._key(())
                self._blank()
                self._at += depth
            else:
                self._pair(table)

    def _blank(self) -> bool:
        """Go over blanks, ends of lines and comments; whether something follows."""
        found = _BLANK.match(self._text, self._at)
        self._at = found.end() if found is not None else self._at
        return self._at < len(self._text)

    def _key(self, table: KeyPath) -> KeyPath:
        """A key in a table; one with dots in it begins where its first word does."""
        path, begins = table, None
        while self._blank():
            start = self._at
            quoted = _STRING.match(self._text, start)
            bare = quoted or _BARE.match(self._text, start)
            if bare is None:
                break
            word = bare.group()
            path = (*path, _unquoted(word) if quoted else word)
            begins = begins or self._place(start)
            self.places.setdefault(path, begins)
            self._at = bare.end()
            self._blank()
            if not self._text.startswith(".", self._at):
                break
            self._at += 1
        return path

    def _pair(self, table: KeyPath) -> None:
        path = self._key(table)
        self._blank()
        self._at += 1  # the equals sign
        self._value(path)

    def _value(self, path: KeyPath) -> None:
        if not self._blank():
            return
        if (found := _STRING.match(self._text, self._at)) is not None:
            self._at = found.end()
        elif self._text[self._at] in "[{":
            closing = "]" if self._text[self._at] == "[" else "}"
            self._at += 1
            while self._blank() and self._text[self._at] != closing:
                if self._text[self._at] == ",":
                    self._at += 1
                elif closing == "}":
                    self._pair(path)
                else:
                    self._value(path)
            self._at += 1
        else:
            found = _OTHER.match(self._text, self._at)
            self._at = found.end() if found is not None else self._at + 1

    def _place(self, at: int) -> KeyPlace:
        # Places are asked for in the order of the document: nothing is counted twice.
        self._line += self._text.count("\n", self._line_begins, at)
        self._line_begins = max(self._line_begins, self._text.rfind("\n", 0, at) + 1)
        return KeyPlace(self._line, at - self._line_begins + 1)


def _unquoted(word: str) -> str:
    import tomllib

    return next(iter(tomllib.loads(f"{word} = 0")))
