"""A query in the language of SQLite's full-text index (FTS5), and words and labels as that index has them.

Texts are cut into words before they are indexed (`core.query`), so that the index has them as they are compared. Its
tokenizer `ascii` takes every character that is not ASCII for part of a word: for other signs in a label stand such.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from core.query import Query, Term

_SIGNS: Final = {code: 0xE100 + code for code in range(128) if not chr(code).isalnum()}
"""Of the private use area, whose characters are in no word."""


def words_column(words: Iterable[str]) -> str:
    """The words of a text, as the index takes them."""
    return " ".join(words)


def labels_column(labels: Iterable[str]) -> str:
    """The labels of an activity, as the index takes them: a word each."""
    return " ".join(label.translate(_SIGNS) for label in labels)


def match_of(query: Query) -> str | None:
    """What to ask the index for; None where it is of no help: it knows what is there, not what is not."""
    if not query.wanted:
        return None
    wanted = " AND ".join(_either(terms) for terms in query.wanted)
    return f"({wanted}) NOT {_either(query.unwanted)}" if query.unwanted else wanted


def _either(terms: Iterable[Term]) -> str:
    return f"({' OR '.join(map(_phrase, terms))})"


def _phrase(term: Term) -> str:
    column, text = ("words", " ".join(term.words)) if term.kind == "word" else ("labels", term.needle.translate(_SIGNS))
    # No word has a quotation mark in it.
    return f'{column} : "{text}"' + (" *" if term.begins else "")
