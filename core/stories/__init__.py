"""Stories: what happens in a network, noted line by line, and told as incidents: cause, repair, movement, verdict.

Each name loads its own module and no other: a server notes lines, and tells no stories.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from core.lazy_face import lazy

if TYPE_CHECKING:
    from core.stories.incidents import Incident
    from core.stories.lines import LineKind, ServerName, StoryLine, TreeLink, Why, decode, encode, in_order, public
    from core.stories.sentences import line_text, sentences_of, span
    from core.stories.story_claims import ClaimKind, StoryClaim, claims_of
    from core.stories.story_folding import Stories
    from core.stories.story_rules import IncidentKind

__all__ = [
    "ClaimKind",
    "Incident",
    "IncidentKind",
    "LineKind",
    "ServerName",
    "Stories",
    "StoryClaim",
    "StoryLine",
    "TreeLink",
    "Why",
    "claims_of",
    "decode",
    "encode",
    "in_order",
    "line_text",
    "public",
    "sentences_of",
    "span",
]

if not TYPE_CHECKING:
    # A checker that sees it takes every name for one of the package's.
    __getattr__ = lazy(
        __name__,
        {
            "incidents": ("Incident",),
            "lines": (
                "LineKind",
                "ServerName",
                "StoryLine",
                "TreeLink",
                "Why",
                "decode",
                "encode",
                "in_order",
                "public",
            ),
            "sentences": ("line_text", "sentences_of", "span"),
            "story_claims": ("ClaimKind", "StoryClaim", "claims_of"),
            "story_folding": ("Stories",),
            "story_rules": ("IncidentKind",),
        },
    )
