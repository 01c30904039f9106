"""Answers: what activities say of others, and what one is under all that was answered to it. A *reference* names an
activity, `read_answer` reads what one says of another, and `AnswerSet` folds that, in whatever order it comes."""

from core.answers.answer_bodies import CONTEXT, answer_body, unnamed_undone, with_version
from core.answers.answer_kinds import LIKE, Answer, AnswerKind, may_name, read_answer, replies_to
from core.answers.answer_set import AnswerSet, Reaction, Reactions, Reply, Version
from core.answers.answer_table import AnswerTable
from core.wire.references import (
    REFERENCE_CHARACTERS_MAX,
    EntryReference,
    PostReference,
    Reference,
    entry_reference,
    read_reference,
)

__all__ = [
    "CONTEXT",
    "LIKE",
    "REFERENCE_CHARACTERS_MAX",
    "Answer",
    "AnswerKind",
    "AnswerSet",
    "AnswerTable",
    "EntryReference",
    "PostReference",
    "Reaction",
    "Reactions",
    "Reference",
    "Reply",
    "Version",
    "answer_body",
    "entry_reference",
    "may_name",
    "read_answer",
    "read_reference",
    "replies_to",
    "unnamed_undone",
    "with_version",
]
