"""References: how one activity names another, as a URI.

    activity:CLAIM/REF                  what an account has posted: the account's claim, and the ref of the message
    activity:NODE.INCARNATION.NUMBER    any other: the identity of its entry

The first names every copy of an activity, whichever servers have accepted it, and says whose it is: a claim names a
registration for ever. What a URI does not take is percent-encoded (RFC 3986, section 2.1). One reference can be spelled
in several ways; it is written in one, so that texts of references compare as references do.
"""

from __future__ import annotations

from typing import Final, NamedTuple
from urllib.parse import quote, unquote

from core.wire.account_documents import CLAIM_CHARACTERS_MAX
from core.wire.entries import EntryId, parse_entry_id
from core.wire.limits import REF_CHARACTERS_MAX

SCHEME: Final = "activity:"
ENCODED_CHARACTER: Final = len("%F0%9F%98%80")
REFERENCE_CHARACTERS_MAX: Final = len(SCHEME) + 1 + ENCODED_CHARACTER * (CLAIM_CHARACTERS_MAX + REF_CHARACTERS_MAX)
"""Longest reference: every character of it may be encoded."""


class PostReference(NamedTuple):
    """Names what an account has posted."""

    claim: str
    """The account's."""
    ref: str
    """Its name for the activity."""

    def __str__(self) -> str:
        return f"{SCHEME}{_quoted(self.claim)}/{_quoted(self.ref)}"


class EntryReference(NamedTuple):
    """Names what has no account, or was given no name, by the entry with which it was accepted."""

    entry: EntryId

    def __str__(self) -> str:
        return f"{SCHEME}{_quoted(str(self.entry))}"


Reference = PostReference | EntryReference

_ODD: Final = "surrogatepass"
"""JSON can name halves of characters, and a client may have called an activity so."""


def read_reference(text: object) -> Reference | None:
    """What a URI names; None if it is no reference to an activity of this network. Never fails."""
    if not isinstance(text, str) or not text.startswith(SCHEME) or len(text) > REFERENCE_CHARACTERS_MAX:
        return None
    first, slash, second = text[len(SCHEME) :].partition("/")
    try:
        first, second = unquote(first, errors=_ODD), unquote(second, errors=_ODD)
        if not slash:
            return EntryReference(parse_entry_id(first))
    except ValueError:
        return None
    if not (0 < len(first) <= CLAIM_CHARACTERS_MAX and 0 < len(second) <= REF_CHARACTERS_MAX):
        return None
    return PostReference(first, second)


def entry_reference(entry: str) -> EntryReference | None:
    """What names an activity by the identity of its entry, in writing; None if it is none."""
    try:
        return EntryReference(parse_entry_id(entry))
    except ValueError:
        return None


def _quoted(text: str) -> str:
    return quote(text, safe="", errors=_ODD)
