"""Activities as sentences: what each says by now, who answered whom, and with what that began.

Where something was changed or removed since, its former words are told nowhere: not where it stands, nor where it is
quoted, nor by who has edited it.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from typing import Final

from core.answers import LIKE, Answer
from core.wire import PostReference, Reference, original_name
from tui.feed.activities import plain_text, sentence
from tui.feed.answer_sentences import REMOVED, beside_spans
from tui.feed.feed_answers import FeedAnswers, answer_of, reference_of
from tui.feed.feed_item import FeedItem
from tui.text.safe_text import neutralise, neutralise_name

NAMES_MAX: Final = 4_000
"""So many accounts are remembered by name, the latest."""
QUOTE_CHARACTERS_MAX: Final = 40
MOMENT: Final = "%H:%M:%S"


class AnswerWords:
    """Puts activities into words, by all that is known of them."""

    def __init__(self, moment: str = MOMENT, *, counts: bool = False) -> None:
        """`moment`: the form of times, as `time.strftime` has it. `counts`: also how many answer each, and how."""
        self.answers = FeedAnswers()
        self._moment = moment
        self._counts = counts
        self._names: OrderedDict[str, str] = OrderedDict()
        """What accounts were called last, by their claims."""

    def note(self, item: FeedItem) -> None:
        """An activity goes by."""
        self.answers.note(item)
        own = reference_of(item)
        if not isinstance(own, PostReference):
            return
        if original_name(self._names.get(own.claim, item.sender)) == original_name(item.sender):
            self._names[own.claim] = item.sender
            self._names.move_to_end(own.claim)
            if len(self._names) > NAMES_MAX:
                self._names.popitem(last=False)

    def unknown(self, item: FeedItem) -> Reference | None:
        """What an activity is about, if that is not known here."""
        answer = answer_of(item)
        return None if answer is None or self.answers.item(answer.about) is not None else answer.about

    def words(self, item: FeedItem) -> str:
        """An activity in words, over as many lines as it has, safe for a terminal."""
        beside = self.answers.of(item)
        if beside.removed:
            return REMOVED
        answer = answer_of(item)
        now = self.answers.as_it_is(item)
        words = sentence(now.body).written if answer is None or not self._is_told(item, answer) else ""
        if answer is not None and not words:
            words = self._answer(item, answer, now)
            reference = reference_of(item) if answer.kind == "reaction" else None
            if reference is not None and self.answers.table.of(reference).is_gone(item.sender):
                words += ", and took it back"
        if self._counts:
            return words + "".join(text for text, _ in beside_spans(beside))
        return words + ("  edited" if beside.version else "")

    def _is_told(self, item: FeedItem, answer: Answer) -> bool:
        """Whether an answer is one: who edits or removes what is another's only says so."""
        about = self.answers.item(answer.about)
        if answer.kind in ("reply", "reaction"):
            return True
        return answer.counts and (about is None or original_name(about.sender) == original_name(item.sender))

    def _answer(self, item: FeedItem, answer: Answer, now: FeedItem) -> str:
        match answer.kind:
            case "reply":
                return f"replied to {self._whose(answer.about)}: {plain_text(now.body)}"
            case "reaction" if answer.said == LIKE:
                return f"liked {self._whose(answer.about)}"
            case "reaction":
                return f"reacted {answer.said or 'no more'} to {self._whose(answer.about)}"
            case "undo":
                about = self.answers.item(answer.about)
                reaction = None if about is None else answer_of(about)
                return f"took {'a reaction' if reaction is None else reaction.said} back"
            case "edit" if self.answers.table.removed_at(answer.about, item.sender) is not None:
                return f"edited {self._what(answer.about)}, and removed it since"
            case "edit" if self.answers.is_outdone(item):
                return f"edited {self._what(answer.about)}, and did again since"
            case "edit":
                return f"edited {self._what(answer.about)}: {plain_text(answer.said.encode())}"
            case _:
                return f"removed {self._what(answer.about)}"

    def _whose(self, reference: Reference) -> str:
        """An activity, by whose it is and what it says now, as far as that is known here."""
        about = self.answers.item(reference)
        if about is not None:
            quote = REMOVED if self.answers.of(about).removed else _quoted(about.body)
            return f"{neutralise_name(about.sender or '?')} {quote}"
        name = self._names.get(reference.claim) if isinstance(reference, PostReference) else None
        return "an activity" if name is None else f"an activity of {neutralise_name(name)}"

    def _what(self, reference: Reference) -> str:
        """What somebody has edited or removed: when they wrote it, and not what it said."""
        about = self.answers.item(reference)
        if about is None or about.stamp is None:
            return "what they wrote"
        return f"what they wrote at {time.strftime(self._moment, time.localtime(about.at))}"


def _quoted(body: bytes) -> str:
    words = " ".join(plain_text(body).split())
    return f"\N{LEFT DOUBLE QUOTATION MARK}{neutralise(words, QUOTE_CHARACTERS_MAX)}\N{RIGHT DOUBLE QUOTATION MARK}"
