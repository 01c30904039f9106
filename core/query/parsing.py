"""The language in which people say what they look for.

    deploy                  the word          "out of disk"   these words, one after the other
    depl*                   what begins so    #ops            the tag
    from:ann  to:bob        who sent it, and who is meant     type:Note       what it is
    after:2026-11-01        from then on; before:2d           until two days ago
    not deploy  -deploy     without; so for all of these
    about:activity:…        the activity with this reference, and what answers it

All of it has to hold; of several `from:`, of several `type:` and of several `about:`, one. A word that is written with
signs between its letters (`1.4`, `e-mail`) is these words one after the other. `@ann` is `to:ann`.
"""

from __future__ import annotations

import re
from datetime import tzinfo
from typing import Final

from core.query.activity_text import SCHEME, LabelKind, folded_label, is_reference
from core.query.folding import words_of
from core.query.moments import moment
from core.query.query import Query, Term

QUERY_CHARACTERS_MAX: Final = 2_000
TERMS_MAX: Final = 32

_ITEM: Final = re.compile(
    r"(?P<minus>-?)(?:(?P<key>from|to|type|about|before|after):|(?P<hash>#)|(?P<at>@))?"
    r'(?:"(?P<quoted>(?:[^"]|"")*)"(?P<star>\*?)|(?P<plain>\S*))',
    re.IGNORECASE,
)
_EXAMPLES: Final = {
    "from": "from:ann",
    "to": "to:bob",
    "type": "type:Note",
    "about": "about:activity:abcdef.123.4/ref-1",
    "before": "before:2026-11-01",
    "after": "after:2d",
    "tag": "#ops",
}


class QueryError(ValueError):
    """A query that cannot be understood: the message says what is wrong, where, and what to do."""

    def __init__(self, at: int, what: str) -> None:
        """`at`: the index of the character with which that begins."""
        super().__init__(f"{what} (at character {at + 1})")
        self.at = at


def parse(text: str, *, now: float, zone: tzinfo | None = None, unfinished: bool = False) -> Query:
    """Read a query. Raises QueryError.

    `now` is seconds since 1970, from which ages count back; `zone` that of the dates, None for the machine's.
    `unfinished`: somebody is writing it, and what it ends with is the beginning of something.
    """
    if len(text) > QUERY_CHARACTERS_MAX:
        raise QueryError(QUERY_CHARACTERS_MAX, f"this is too long: {QUERY_CHARACTERS_MAX:,} characters are enough")
    query = _Reader(text, now, zone, unfinished).read()
    if len(str(query)) > QUERY_CHARACTERS_MAX:
        # Some characters stand for many, and what was read is read again elsewhere.
        raise QueryError(0, f"this is too long in letters and digits: {QUERY_CHARACTERS_MAX:,} of them are enough")
    return query


class _Reader:
    def __init__(self, text: str, now: float, zone: tzinfo | None, unfinished: bool) -> None:
        self._text = text
        self._now = now
        self._zone = zone
        self._unfinished = unfinished
        self._wanted: list[tuple[Term, ...]] = []
        self._any: dict[str, list[Term]] = {"from": [], "type": [], "about": []}
        self._unwanted: list[Term] = []
        self._since: int | None = None
        self._until: int | None = None

    def read(self) -> Query:
        text, at, terms = self._text, 0, 0
        is_not = False
        not_at = 0
        while at < len(text):
            if text[at].isspace():
                at += 1
                continue
            item = _ITEM.match(text, at)
            assert item is not None, "whatever is no blank is at least a word"
            plain = item["plain"]
            if plain is not None and plain.lower() == "not" and item[0].lower() == "not":
                is_not, not_at = not is_not, at
            else:
                self._take(item, is_not)
                is_not = False
                terms += 1
                if terms > TERMS_MAX:
                    raise QueryError(at, f"this is too much: {TERMS_MAX} words and conditions are enough")
            at = item.end()
        if is_not:
            raise QueryError(not_at, 'not needs what is not wanted behind it; the word itself is "not"')
        either = [tuple(dict.fromkeys(found)) for found in self._any.values() if found]
        wanted = tuple(dict.fromkeys([*either, *self._wanted]))
        return Query(wanted, tuple(dict.fromkeys(self._unwanted)), self._since, self._until)

    def _take(self, item: re.Match[str], is_not: bool) -> None:
        key = (item["key"] or "").lower() or ("tag" if item["hash"] else "to" if item["at"] else "")
        is_not ^= bool(item["minus"])
        quoted, plain = item["quoted"], item["plain"] or ""
        begin = item.start("plain" if quoted is None else "quoted")
        if quoted is None and '"' in plain:
            raise QueryError(begin + plain.index('"'), 'this " has no partner; write another one behind the words')
        value = plain if quoted is None else quoted.replace('""', '"')
        begins = bool(item["star"])
        if quoted is None and "*" in plain:
            if plain.index("*") != len(plain) - 1:
                raise QueryError(begin + plain.index("*"), "a * stands for the end of a word; put it there")
            value, begins = plain[:-1], True
        if key in ("before", "after"):
            self._take_time(key, value, item.start(), is_not)
            return
        if self._unfinished and item.end() == len(self._text) and quoted is None:
            begins = True
        term = self._label(key, value, begins, item) if key else self._words(value, begins, item)
        if is_not:
            self._unwanted.append(term)
        elif key in self._any:
            self._any[key].append(term)
        else:
            self._wanted.append((term,))

    def _label(self, key: str, value: str, begins: bool, item: re.Match[str]) -> Term:
        if key == "about":
            return self._reference(value, begins, item)
        folded = folded_label(value)
        if not folded:
            said = "#" if key == "tag" else item[0].lstrip("-")
            raise QueryError(item.start(), f"{said} needs a value, such as {_EXAMPLES[key]}")
        kind: LabelKind = key  # type: ignore[assignment]
        return Term(kind, (folded,), begins)

    def _reference(self, value: str, begins: bool, item: re.Match[str]) -> Term:
        text = value if value.startswith(SCHEME) or (begins and SCHEME.startswith(value)) else SCHEME + value
        if not (is_reference(text) or (begins and is_reference(text, begins=True))):
            said = item[0].lstrip("-")[:40]
            raise QueryError(item.start(), f"{said} needs a reference, such as {_EXAMPLES['about']}: `post` tells it")
        return Term("about", (text,), begins)

    def _words(self, value: str, begins: bool, item: re.Match[str]) -> Term:
        words = words_of(value)
        if not words:
            raise QueryError(item.start(), f"{item[0][:40]} has no letter or digit to look for; leave it out")
        return Term("word", tuple(words), begins)

    def _take_time(self, key: str, value: str, at: int, is_not: bool) -> None:
        if not value:
            raise QueryError(at, f"{key}: needs a date or an age, such as {_EXAMPLES[key]}")
        try:
            stamp = moment(value, self._now, self._zone)
        except ValueError as error:
            raise QueryError(at, str(error)) from None
        # What is not before a time is from then on.
        if (key == "after") is not is_not:
            self._since = stamp if self._since is None else max(self._since, stamp)
        else:
            self._until = stamp if self._until is None else min(self._until, stamp)
