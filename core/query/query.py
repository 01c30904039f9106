"""What somebody looks for, as a value, and what it means."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final, Literal, NamedTuple

import msgspec

from core.query.activity_text import Document, LabelKind

MICROSECONDS: Final = 1_000_000

TermKind = LabelKind | Literal["word"]


class Term(NamedTuple):
    """Words that follow one another, or a label: the whole, or with `begins` what the last one begins with."""

    kind: TermKind
    words: tuple[str, ...]
    """Of a label one, as it is compared."""
    begins: bool = False

    @property
    def needle(self) -> str:
        """What stands in a document's line, or among its labels."""
        if self.kind == "word":
            return f" {' '.join(self.words)}" + ("" if self.begins else " ")
        return f"{self.kind}:{self.words[0]}"

    def fits(self, document: Document) -> bool:
        needle = self.needle
        if self.kind == "word":
            return needle in document.line
        if self.begins:
            return any(one.startswith(needle) for one in document.labels)
        return needle in document.labels

    def __str__(self) -> str:
        text = " ".join(self.words).replace('"', '""')
        key = "" if self.kind == "word" else "#" if self.kind == "tag" else f"{self.kind}:"
        return f'{key}"{text}"' + ("*" if self.begins else "")


class Query(msgspec.Struct, frozen=True):
    """Everything of `wanted` has to be there, of each at least one; nothing of `unwanted`; at a time.

    `since` and `until` are microseconds since 1970: not before the one, and before the other.
    """

    wanted: tuple[tuple[Term, ...], ...] = ()
    unwanted: tuple[Term, ...] = ()
    since: int | None = None
    until: int | None = None

    def __bool__(self) -> bool:
        return self != EVERYTHING

    def __str__(self) -> str:
        """The query as `core.query.parsing.parse` reads it again, wherever and whenever it does."""
        said = [str(term) for terms in self.wanted for term in terms]
        said += [f"-{term}" for term in self.unwanted]
        said += [f"after:{_moment(self.since)}"] if self.since is not None else []
        said += [f"before:{_moment(self.until)}"] if self.until is not None else []
        return " ".join(said)

    def includes(self, stamp: int) -> bool:
        """Whether a time, in microseconds since 1970, is one of those looked for."""
        return (self.since is None or stamp >= self.since) and (self.until is None or stamp < self.until)

    @property
    def references(self) -> tuple[str, ...]:
        """The references that it names whole."""
        terms = (*(term for terms in self.wanted for term in terms), *self.unwanted)
        return tuple(term.words[0] for term in terms if term.kind == "about" and not term.begins)

    @property
    def words(self) -> tuple[Term, ...]:
        """What can be shown in a text that was found."""
        return tuple(term for terms in self.wanted for term in terms if term.kind == "word")


EVERYTHING: Final = Query()


def matches(query: Query, document: Document) -> bool:
    """Whether an activity is one of those that are looked for. This is what a query means.

    One whose time is not known is at any time.
    """
    if document.stamp is not None and not query.includes(document.stamp):
        return False
    return all(any(term.fits(document) for term in terms) for terms in query.wanted) and not any(
        term.fits(document) for term in query.unwanted
    )


def _moment(stamp: int) -> str:
    seconds, rest = divmod(stamp, MICROSECONDS)
    moment = datetime.fromtimestamp(seconds, UTC).replace(tzinfo=None)
    return f"{moment.isoformat()}{f'.{rest:06d}' if rest else ''}Z"
