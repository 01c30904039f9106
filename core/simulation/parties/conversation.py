"""Conversation: what somebody in a simulated world knows of others' activities, what they say of them, and what they
take each for by all that has come to them."""

from __future__ import annotations

from typing import Final

import msgspec

from core.answers import AnswerKind, AnswerTable, answer_body, read_answer
from core.client import client_events as events
from core.simulation.plans.answers_mix import FORGERY
from core.wire.references import Reference, entry_reference, read_reference, reference_in

OFTEN_OWN: Final = 0.8
"""How often of ten tries somebody edits or removes what is theirs: the others may not."""
KNOWN_MAX: Final = 6
"""People answer the latest few that they know: so several answers meet."""
SYMBOLS: Final = ("♥", "♥", "🎉", "👎")

Members = dict[str, msgspec.Raw]


class Conversation:
    """One person's."""

    def __init__(self) -> None:
        self.table = AnswerTable()
        """What they take each activity for."""
        self._others: dict[Reference, None] = {}
        self._own: dict[Reference, None] = {}
        self._likes: dict[Reference, None] = {}
        self._said: dict[int, Members] = {}
        """Members of their own answers, by the numbers of these."""

    def members(self, number: int) -> Members:
        """What makes an activity an answer; nothing if it is none."""
        return self._said.get(number, {})

    def answer(self, number: int, kind: str, which: float) -> bool:
        """Have the activity with a number be an answer; False where nothing is to be answered. `which`: from 0 to 1."""
        is_own = kind in ("edit", "removal") and which * 10 % 1 < OFTEN_OWN
        known = list(self._likes if kind == "undo" else self._own if is_own else self._others)[-KNOWN_MAX:]
        if not known:
            return False
        about = known[int(which * len(known))]
        if kind == FORGERY:
            self._said[number] = _raw({"type": "Delete", "id": str(about), "object": str(about)})
            return True
        answers: dict[str, AnswerKind] = {"reply": "reply", "reaction": "reaction", "undo": "undo", "edit": "edit"}
        content = SYMBOLS[int(which * 100) % len(SYMBOLS)] if kind == "reaction" else f"version {number}"
        self._said[number] = _raw(answer_body(answers.get(kind, "removal"), about, content=content))
        return True

    def accepted(self, number: int, event: events.PostAccepted) -> None:
        """An activity of theirs was accepted."""
        reference = read_reference(event.reference)
        if reference is not None:
            kind = self._said.get(number, {}).get("type")
            if kind is None or bytes(kind) == b'"Create"':
                self._own[reference] = None
            elif bytes(kind) == b'"Like"':
                self._likes[reference] = None

    def arrived(self, event: events.ActivityArrived) -> None:
        """An activity has come."""
        entry = entry_reference(event.id or "")
        own = reference_in(event.body) if event.sender else None
        if entry is None or event.id is None:
            # It comes from a base server, which tells nothing but what was said.
            return
        if own is not None:
            self.table.know(event.id, own)
        answer = read_answer(event.body, stamp=event.stamp or 0, entry=event.id, sender=event.sender)
        if answer is not None:
            self.table.take(answer)
        if answer is None or answer.kind == "reply":
            self._others[own or entry] = None


def _raw(members: dict[str, object]) -> Members:
    return {key: msgspec.Raw(msgspec.json.encode(value)) for key, value in members.items()}
