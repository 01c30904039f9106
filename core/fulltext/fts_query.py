"""A query in the language of SQLite's full-text index (FTS5), and words and labels as that index has them.

Texts are cut into words before they are indexed (`core.query`), so that the index has them as they are compared. Its
tokenizer `ascii` takes every character that is not ASCII for part of a word: for other signs in a label stand such.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from core.query import Query, Term

PHRASE_MAX: Final = 32
"""Words of a phrase that the index is asked for: what it takes grows with their number times how often each is there.
What it finds is looked at whole."""
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
    # Of a longer one the index would leave out what only begins like it; and references whose case is another one.
    unwanted = [term for term in query.unwanted if len(term.words) <= PHRASE_MAX and term.kind != "about"]
    return f"({wanted}) NOT {_either(unwanted)}" if unwanted else wanted


def _either(terms: Iterable[Term]) -> str:
    return f"({' OR '.join(map(_phrase, terms))})"


def _phrase(term: Term) -> str:
    column, text = (
        ("words", " ".join(term.words[:PHRASE_MAX]))
        if term.kind == "word"
        else ("labels", term.needle.translate(_SIGNS))
    )
    begins = term.begins and len(term.words) <= PHRASE_MAX
    # No word has a quotation mark in it.
    return f'{column} : "{text}"' + (" *" if begins else "")
