"""What is told of an activity's answers where it is shown in full."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import tzinfo
from typing import Final

from core.answers import Reply, Version, with_version
from tui.feed.activities import plain_text
from tui.feed.answer_sentences import quote, who
from tui.feed.feed_answers import FeedAnswers, reference_of
from tui.feed.feed_item import FeedItem
from tui.text.clock_times import clock_time
from tui.text.figures import count
from tui.text.safe_text import neutralise_name

NAMES_SHOWN: Final = 20
REPLIES_SHOWN: Final = 10
REPLY_CELLS: Final = 60
MOMENT: Final = "%Y-%m-%d %H:%M:%S"
MICROSECONDS: Final = 1_000_000


def answer_facts(
    item: FeedItem, answers: FeedAnswers, zone: tzinfo | None, *, all_is_known: bool = False
) -> list[tuple[str, str]]:
    """Labels and safe texts: what names the activity, what it answers, who answers it, and what it said before.
    `all_is_known`: all of the past was asked for answers."""
    reference = reference_of(item)
    if reference is None:
        return []
    beside, removed_at = answers.of(item), answers.table.removed_at(reference, item.sender)
    versions = answers.table.versions(reference, item.sender)
    facts = [("reference", str(reference))]
    if beside.quoted is not None:
        words = "what was removed since" if beside.quoted_removed else quote(beside.quoted, 200)
        facts.append(("answers", f"{who(beside.quoted)}: {words}"))
    elif beside.answered is not None:
        facts.append(("answers", f"an activity that is not shown here: {beside.answered}"))
    if beside.replies:
        more = "at least " if beside.more_replies else ""
        where = "" if all_is_known else " that came here"
        replies = answers.replies(reference)
        names = _names([one.sender for one in replies])
        facts.append(("replies", f"{more}{count(beside.replies, 'answer')}{where}: {names}"))
        facts += [("", f"{who(one)}: {quote(one, REPLY_CELLS)}") for one in _known(replies, answers)]
    many = "among others " if beside.more_reactions else ""
    facts += [("reactions", f"{one.symbol} {many}{_names(one.senders)}") for one in beside.reactions]
    if removed_at is not None:
        facts.append(("removed", f"by its sender, at {_moment(removed_at, zone)}"))
    elif versions:
        original = answers.as_it_came(item)
        facts.append(("at first", plain_text(original.body)))
        facts += [("edited", f"{_moment(one.stamp, zone)}: {_text_of(original, one)}") for one in versions]
    return facts


def _known(replies: Iterable[Reply], answers: FeedAnswers) -> list[FeedItem]:
    """The latest of some replies, as they are now, as far as they are known here."""
    references = [one.reference for one in replies if one.reference is not None]
    return answers.known(references[-REPLIES_SHOWN:])


def _names(senders: list[str] | tuple[str, ...]) -> str:
    names = list(dict.fromkeys(neutralise_name(one) or "?" for one in senders))
    more = len(names) - NAMES_SHOWN
    return ", ".join(names[:NAMES_SHOWN]) + (f" and {more} more" if more > 0 else "")


def _moment(stamp: int, zone: tzinfo | None) -> str:
    return clock_time(stamp / MICROSECONDS, zone, MOMENT)


def _text_of(original: FeedItem, version: Version) -> str:
    return plain_text(with_version(original.body, version.said))
