"""Answers in words: whom one answers, what stands beside an activity, and what a reaction or an edit says."""

from __future__ import annotations

from typing import Final

from core.wire import original_name
from tui.feed.activities import Span, plain_text
from tui.feed.feed_answers import FeedAnswers, RowAnswers, answer_of
from tui.feed.feed_item import FeedItem
from tui.text.fitting import fit
from tui.text.safe_text import ELLIPSIS, neutralise_name

REPLY: Final = "\N{DOWNWARDS ARROW WITH TIP RIGHTWARDS}"
CLOSED: Final = "\N{BLACK RIGHT-POINTING SMALL TRIANGLE}"
OPENED: Final = "\N{BLACK DOWN-POINTING SMALL TRIANGLE}"
"""What answers an activity is not shown beneath it, or is."""
QUOTED_CELLS: Final = 24
LIKE: Final = "\N{BLACK HEART SUIT}"
REACTIONS_SHOWN: Final = 4
REMOVED: Final = "(removed)"
"""In the place of what its sender has removed, where there is no room for more."""
_EARLIER: Final = "an activity that is not shown here"
TOOK_BACK: Final = "took a reaction back:"
_VERBS: Final = {"reaction": "reacted to", "edit": "edited", "removal": "removed", "undo": TOOK_BACK}


def quote(item: FeedItem, cells: int = QUOTED_CELLS) -> str:
    """The beginning of what an activity says, on one line."""
    words = " ".join(plain_text(item.body).split())
    return f"\N{LEFT DOUBLE QUOTATION MARK}{fit(words, cells).rstrip()}\N{RIGHT DOUBLE QUOTATION MARK}"


def who(item: FeedItem) -> str:
    """Who has written an activity."""
    return "you" if item.own else neutralise_name(item.sender) or "?"


def answered_spans(beside: RowAnswers) -> tuple[Span, ...]:
    """Whom an activity answers, and with what that began; nothing where it answers nobody."""
    if beside.answered is None:
        return ()
    if beside.quoted is None:
        return ((f"{REPLY} to {_EARLIER}: ", "verb"),)
    words = REMOVED if beside.quoted_removed else quote(beside.quoted)
    return ((f"{REPLY} {who(beside.quoted)} ", "object"), (f"{words} ", "verb"))


def beside_spans(beside: RowAnswers, before: str = "") -> tuple[Span, ...]:
    """What stands behind an activity: how many answer it, how many react in which way, and whether it was edited.
    `before`: a sign before the number of those that answer it."""
    parts = []
    if beside.replies:
        parts.append(f"{before}{REPLY}{beside.replies}{'+' if beside.more_replies else ''}")
    reactions = () if beside.removed else beside.reactions
    more = "+" if beside.more_reactions else ""
    parts += [f"{one.symbol}{len(one.senders)}{more}" for one in reactions[:REACTIONS_SHOWN]]
    if len(reactions) > REACTIONS_SHOWN:
        parts.append(ELLIPSIS)
    if beside.version and not beside.removed:
        parts.append("edited")
    if beside.on_its_way:
        parts.append(f"sending{ELLIPSIS}")
    return ((f"  {' '.join(parts)}", "mark"),) if parts else ()


def removed_spans(item: FeedItem) -> tuple[Span, ...]:
    """What stands in the place of what its sender has removed."""
    return ((f"removed by {who(item)}", "mark"),)


def answer_spans(item: FeedItem, answers: FeedAnswers) -> tuple[Span, ...] | None:
    """A reaction, an edit or a removal as a sentence of its own; None for anything else."""
    answer = answer_of(item)
    if answer is None or answer.kind == "reply":
        return None
    about = answers.item(answer.about)
    verb = _VERBS[answer.kind]
    if answer.kind == "reaction":
        verb = (
            "liked" if answer.said == LIKE else f"reacted {answer.said} to" if answer.said else "took a reaction back:"
        )
    elif answer.kind == "undo":
        reaction = None if about is None else answer_of(about)
        about = None if reaction is None else answers.item(reaction.about)
        verb = TOOK_BACK
    whose = "" if answer.counts else ", which counts only from who wrote it"
    if about is None:
        return ((f"{verb} ", "verb"), (f"{_EARLIER}{whose}", "object"))
    words = "" if answers.of(about).removed else f" {quote(about)}"
    # Who edits or removes does that to words, and not to people.
    person = f"what {_writer(about, item)} wrote" if answer.kind in ("edit", "removal") else who(about)
    return ((f"{verb} ", "verb"), (f"{person}{words}{whose}", "object"))


def _writer(about: FeedItem, item: FeedItem) -> str:
    """Who has written what somebody edits or removes, where it stands behind their name."""
    is_theirs = not item.own and original_name(about.sender) == original_name(item.sender)
    return "they" if is_theirs else who(about)
