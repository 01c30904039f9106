"""Whom and what somebody who writes may name: the people and the tags of what was written last come first."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Final

from core.query import entities_of
from core.wire import ANONYMOUS
from tui.feed.activities import plain_text
from tui.feed.feed import Feed
from tui.feed.feed_item import FeedItem
from tui.model.client_model import ClientModel

ROWS_LOOKED_AT: Final = 200
"""So many of the newest rows are looked through: it is done between two keys."""


def names_at_hand(model: ClientModel) -> Iterator[str]:
    """Other people that have a name: who has written last, then who is logged in, then everybody else who is known
    here. Some come more than once."""
    snapshot = model.snapshot
    users = () if snapshot is None else snapshot.users
    candidates = [
        *(row.sender for row in _newest(model.feed)),
        *(user.name for user in users if user.servers),
        *(user.name for user in users if not user.servers),
    ]
    return (name for name in candidates if name and name not in (model.username, ANONYMOUS))


def tags_at_hand(model: ClientModel) -> Iterator[str]:
    """The tags of what was written last, the newest first. Some come more than once."""
    for row in _newest(model.feed):
        if row.state != "mark":
            yield from (entity.value for entity in entities_of(plain_text(row.body)) if entity.kind == "tag")


def _newest(feed: Feed) -> Iterator[FeedItem]:
    return islice(feed.newest_first(), ROWS_LOOKED_AT)
