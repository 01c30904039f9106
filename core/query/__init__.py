"""The language in which people look for activities, and what it means: `parse` reads a query, `matches` says whether an
`Activity` is one of those. Whatever is faster than looking at each (`core.store`'s index) finds the same."""

from core.query.activity_text import VERSION_1_VERBS, Document, document, is_to
from core.query.entities import Entity, EntityKind, entities_of
from core.query.folding import fold
from core.query.highlighting import spans_of
from core.query.moments import moment
from core.query.parsing import QUERY_CHARACTERS_MAX, QueryError, parse
from core.query.query import EVERYTHING, Query, Term, matches

__all__ = [
    "EVERYTHING",
    "QUERY_CHARACTERS_MAX",
    "VERSION_1_VERBS",
    "Document",
    "Entity",
    "EntityKind",
    "Query",
    "QueryError",
    "Term",
    "document",
    "entities_of",
    "fold",
    "is_to",
    "matches",
    "moment",
    "parse",
    "spans_of",
]
