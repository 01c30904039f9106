"""Activities as lines, for people and for programs: as they are now, or as they were posted."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from core.client import ActivityArrived
from tui.feed.activities import compact, sentence
from tui.feed.feed_answers import reference_of
from tui.feed.feed_item import FeedItem
from tui.feed.origins import NOT_TOLD, origin_of
from tui.script.answer_words import MOMENT, AnswerWords
from tui.text.safe_text import neutralise_name

if TYPE_CHECKING:
    from core.node import ServerView

MICROSECONDS: Final = 1_000_000
DATED_MOMENT: Final = "%Y-%m-%d %H:%M:%S"

ALWAYS: Final = ("reference", "acceptedAt")
"""What an activity's own object is shown with, whatever is known."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_CONTROL: Final = re.compile("[\x7f-\x9f\u2028\u2029]")
"""What JSON lets stand in a string, but a terminal or a reader of lines would obey."""


def accepted_at(stamp: int | None) -> str | None:
    """When a server has accepted an activity, by that server's clock: RFC 3339, in UTC, to the microsecond. None where
    nobody tells, or no calendar knows that moment."""
    if stamp is None:
        return None
    try:
        moment = _EPOCH + timedelta(microseconds=stamp)
    except OverflowError:
        return None
    return moment.isoformat(timespec="microseconds").replace("+00:00", "Z")


def item_of(arrived: ActivityArrived) -> FeedItem:
    """What has come, as that of which answers are known."""
    at = arrived.stamp / MICROSECONDS if arrived.stamp else 0.0
    sender = arrived.sender or sentence(arrived.body).sender
    return FeedItem(0, arrived.body, sender, at, live=arrived.live, id=arrived.id, stamp=arrived.stamp)


def text_line(item: FeedItem, words: AnswerWords | None, *, is_dated: bool = False) -> str:
    """An activity as a line: the time, on which day with `is_dated`, the sender and its words. Safe for a terminal.

    `words` knows what became of it; None: what was posted is told, whatever that is now."""
    text = sentence(item.body).written if words is None else words.words(item)
    moment = time.strftime(DATED_MOMENT if is_dated else MOMENT, time.localtime(item.at or None))
    # Whatever a text says, only an activity begins at the margin.
    text = text.replace("\n", "\n" + " " * (len(moment) + 2))
    return f"{moment}  {neutralise_name(item.sender or '?')}: {text}"


def where_accepted(item: FeedItem, servers: Sequence[ServerView] | None) -> str:
    """At which server an activity was accepted, by what is known of `servers`, for the end of its line."""
    origin = origin_of(item.id, servers)
    return f"  [{NOT_TOLD if origin is None else f'at {origin.where}, {origin.words}'}]"


def accepted(item: FeedItem, servers: Sequence[ServerView] | None) -> dict[str, object] | None:
    """The same as JSON has it."""
    origin = origin_of(item.id, servers)
    if origin is None:
        return None
    return {
        "server": origin.server, "name": origin.name or None, "entry": origin.entry, "signed": origin.signed,
    }  # fmt: skip


def known_of(item: FeedItem, words: AnswerWords | None) -> dict[str, object]:
    """What is known of an activity beside itself: what it is called, and when it was accepted, edited last, and
    removed."""
    reference = reference_of(item)
    called: dict[str, object] = {
        "reference": None if reference is None else str(reference), "acceptedAt": accepted_at(item.stamp)
    }  # fmt: skip
    if words is None:
        return called
    table = words.answers.table
    versions = [] if reference is None else table.versions(reference, item.sender)
    removed = None if reference is None else table.removed_at(reference, item.sender)
    return {
        **called,
        "editedAt": accepted_at(versions[-1].stamp if versions else None),
        "removedAt": accepted_at(removed),
    }


def counts_of(item: FeedItem, words: AnswerWords | None) -> dict[str, object]:
    """How many answer an activity, and how many react in which way."""
    if words is None:
        return {}
    beside = words.answers.of(item)
    return {"replies": beside.replies, "reactions": {one.symbol: len(one.senders) for one in beside.reactions}}


def json_line(before: dict[str, object], item: FeedItem, words: AnswerWords | None) -> str:
    """An activity in an object of ours, of which it is the last member, on one line. Safe for a terminal."""
    return _without_controls(f'{_compact(before)[:-1]},"activity":{compact(_body(item, words))}}}')


def object_line(item: FeedItem, words: AnswerWords | None) -> str:
    """An activity's own object, with what is known of it behind its own members. Safe for a terminal."""
    body = _body(item, words)
    known = known_of(item, words)
    # Of two that have one name, readers take the last: what an activity says of itself is no word on this.
    told = {
        key: value for key, value in known.items() if key == "reference" or value is not None or _may_say(key, body)
    }
    text = compact(body).removesuffix("}")
    return _without_controls(f"{text}{'' if text == '{' else ','}{_compact(told)[1:]}")


def _body(item: FeedItem, words: AnswerWords | None) -> bytes:
    return item.body if words is None else words.answers.as_it_is(item).body


def _compact(members: dict[str, object]) -> str:
    return json.dumps(members, separators=(",", ":"))


def _may_say(key: str, body: bytes) -> bool:
    return key.encode() in body or b"\\u" in body


def _without_controls(text: str) -> str:
    return _CONTROL.sub(lambda match: f"\\u{ord(match[0]):04x}", text)
