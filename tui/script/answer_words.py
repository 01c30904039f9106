"""Answers as sentences: who answered whom, with the beginning of what that was about, as far as it went by here."""

from __future__ import annotations

from collections import OrderedDict
from typing import Final, NamedTuple

from core.answers import LIKE, Answer, read_answer
from core.wire import PostReference, Reference, entry_reference, original_name, reference_in
from tui.feed.activities import plain_text, sentence
from tui.text.safe_text import neutralise, neutralise_name

REMEMBERED_MAX: Final = 4_000
"""So many names of activities are remembered, the latest, to quote what they say."""
QUOTE_CHARACTERS_MAX: Final = 40
REMOVED: Final = "what is removed"


class _Said(NamedTuple):
    sender: str
    quote: str
    reaction: str = ""
    """Of a reaction its symbol."""


class AnswerWords:
    """Puts activities into words, and remembers the latest of them."""

    def __init__(self) -> None:
        self._said: OrderedDict[Reference, _Said] = OrderedDict()
        self._names: OrderedDict[str, str] = OrderedDict()
        """What accounts were called last, by their claims."""

    def note(self, body: bytes, sender: str, entry: str | None) -> None:
        """An activity goes by."""
        answer = read_answer(body, sender=sender, entry=entry or "")
        if answer is not None and answer.counts and answer.kind in ("edit", "removal"):
            before = self._said.get(answer.about)
            if before is not None and before.quote != REMOVED and _is_theirs(before, answer):
                words = _quoted(answer.said.encode()) if answer.kind == "edit" else REMOVED
                self._said[answer.about] = before._replace(quote=words)
            return
        reaction = answer.said if answer is not None and answer.kind == "reaction" else ""
        said = _Said(sender, _quoted(body), reaction)
        own = reference_in(body) if sender else None
        if own is not None and original_name(self._names.get(own.claim, sender)) == original_name(sender):
            self._names[own.claim] = sender
            self._names.move_to_end(own.claim)
        for name in (own, entry_reference(entry or "")):
            before = None if name is None else self._said.get(name)
            if name is not None and (before is None or original_name(before.sender) == original_name(sender)):
                self._said[name] = said
                self._said.move_to_end(name)
        while len(self._said) > REMEMBERED_MAX:
            self._said.popitem(last=False)
        while len(self._names) > REMEMBERED_MAX:
            self._names.popitem(last=False)

    def words(self, body: bytes, sender: str, entry: str | None) -> str:
        """An activity in words, over as many lines as it has, safe for a terminal; and what it says is remembered."""
        answer = read_answer(body, sender=sender, entry=entry or "")
        before = None if answer is None else self._said.get(answer.about)
        is_told = answer is not None and (
            answer.kind == "reaction"
            or (answer.counts and (answer.kind == "reply" or before is None or _is_theirs(before, answer)))
        )
        words = self._answer(answer, body) if is_told and answer is not None else sentence(body).written
        self.note(body, sender, entry)
        return words

    def _answer(self, answer: Answer, body: bytes) -> str:
        about = self._said.get(answer.about)
        match answer.kind:
            case "reply":
                return f"replied to {self._whose(answer.about)}: {plain_text(body)}"
            case "reaction" if answer.said == LIKE:
                return f"liked {self._whose(answer.about)}"
            case "reaction":
                return f"reacted {answer.said or 'no more'} to {self._whose(answer.about)}"
            case "undo":
                return f"took {about.reaction if about is not None and about.reaction else 'a reaction'} back"
            case "edit":
                return f"edited {_what(about)}: {plain_text(answer.said.encode())}"
            case _:
                return f"removed {_what(about)}"

    def _whose(self, reference: Reference) -> str:
        """An activity, by whose it is and what it says, as far as that has gone by."""
        about = self._said.get(reference)
        if about is not None:
            return f"{neutralise_name(about.sender or '?')} {about.quote}"
        name = self._names.get(reference.claim) if isinstance(reference, PostReference) else None
        return "an activity" if name is None else f"an activity of {neutralise_name(name)}"


def _is_theirs(about: _Said, answer: Answer) -> bool:
    """Whether who changes an activity has the name of who wrote it: some servers do not look."""
    return original_name(about.sender) == original_name(answer.sender)


def _quoted(body: bytes) -> str:
    words = " ".join(plain_text(body).split())
    return f"\N{LEFT DOUBLE QUOTATION MARK}{neutralise(words, QUOTE_CHARACTERS_MAX)}\N{RIGHT DOUBLE QUOTATION MARK}"


def _what(about: _Said | None) -> str:
    return "an activity" if about is None else about.quote
