"""User names: which ones can be registered."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from typing import Final

from core.wire.limits import NAME_CHARACTERS_MAX, SECRET_CHARACTERS_MAX

ANONYMOUS: Final = "anonymous"
"""The name that needs no secret and belongs to nobody."""
CHANGED_SUFFIX_CHARACTERS: Final = 6
_STEM_CHARACTERS_MAX: Final = NAME_CHARACTERS_MAX - CHANGED_SUFFIX_CHARACTERS - 1


def name_problem(name: str) -> str | None:
    """What keeps `name` from being an account's, as a clause for a person, or None."""
    if not name:
        return "a user name needs at least 1 character"
    if name == ANONYMOUS:
        return "the name 'anonymous' cannot be registered"
    if len(name) > NAME_CHARACTERS_MAX:
        return f"a user name has at most {NAME_CHARACTERS_MAX} characters, this one has {len(name)}"
    if name != name.strip():
        return "a user name cannot begin or end with a blank"
    if any(unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp") for character in name):
        return "a user name cannot contain control characters"
    return None


_CHANGED: Final = re.compile(r"~[a-z2-7]{6}\Z")


def is_changed_name(name: str) -> bool:
    """Whether a name has the form of those that accounts get whose own name belongs to an earlier registration."""
    return _CHANGED.search(name) is not None


def changed_name(name: str, suffix: str) -> str:
    """The name that an account called `name` goes on under; `suffix` is 6 characters of lower-case base 32."""
    return f"{name[:_STEM_CHARACTERS_MAX]}~{suffix}"


def registrable_problem(name: str) -> str | None:
    """What keeps `name` from being registered by a person, as a clause, or None. The lock asks it."""
    problem = name_problem(name)
    if problem is None and is_changed_name(name):
        return "names that end in '~' and 6 letters or digits are kept for renamed accounts"
    return problem


@lru_cache(maxsize=1024)
def original_name(name: str) -> str:
    """What an account's names have in common, before and after a change."""
    if "~" not in name:
        # Asked for each activity; the rest is for few.
        return name[:_STEM_CHARACTERS_MAX]
    return (name[: -CHANGED_SUFFIX_CHARACTERS - 1] if is_changed_name(name) else name)[:_STEM_CHARACTERS_MAX]


def secret_problem(secret: str) -> str | None:
    """What keeps `secret` from being an account's secret, as a clause for a person, or None."""
    if not secret:
        return "a secret needs at least 1 character"
    if len(secret) > SECRET_CHARACTERS_MAX:
        return f"a secret has at most {SECRET_CHARACTERS_MAX} characters"
    return None
