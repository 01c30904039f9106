"""What `tail` says of answers, as far as it has seen what they are about."""

from __future__ import annotations

import json

from core.answers import AnswerKind, PostReference, answer_body
from tui.feed.activities import note
from tui.script.answer_words import AnswerWords

POST = PostReference("bob1.1.1", "p")


class Tail:
    """Lines, as activities go by."""

    def __init__(self) -> None:
        self.words = AnswerWords()
        self.count = 0

    def says(self, sender: str, activity: object) -> str:
        self.count += 1
        return self.words.words(json.dumps(activity).encode(), sender, f"n.1.{self.count}")

    def answers(self, sender: str, kind: AnswerKind, content: str = "") -> str:
        own = PostReference(POST.claim, f"r{self.count}")
        return self.says(sender, answer_body(kind, POST, content=content, own=own))


def test_an_edit_is_quoted_from_then_on_and_what_is_removed_no_more():
    tail = Tail()
    tail.says("bob", {"id": str(POST), **note("first")})
    assert tail.answers("bob", "edit", "second") == "edited “first”: second"
    assert tail.answers("cyd", "reply", "yes") == "replied to bob “second”: yes"
    tail.answers("bob", "removal")
    tail.answers("bob", "edit", "third")
    assert tail.answers("cyd", "reply", "oh") == "replied to bob what is removed: oh"


def test_who_only_calls_themselves_what_bob_is_called_edits_and_removes_nothing():
    tail = Tail()
    tail.says("bob", {"id": str(POST), **note("first")})
    assert "first" not in tail.answers("eve", "edit", "evil")
    assert "first" not in tail.answers("eve", "removal")
    tail.says("eve", {"id": str(POST), **note("evil")})
    assert tail.answers("cyd", "reply", "yes") == "replied to bob “first”: yes"
