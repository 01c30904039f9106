"""The search for a thread, as a person's server answers it."""

from __future__ import annotations

from core.answers import Reference
from tui.feed.feed_item import FeedItem
from tui.feed.thread_search import ThreadSearch
from tui.model.client_model import ClientModel


def thread_search(
    model: ClientModel, start: FeedItem | Reference, *, beneath: bool = False, waits: bool = True
) -> ThreadSearch:
    """A search for the thread of an activity, or only for what stands `beneath` it; `waits` as of `ThreadSearch`."""
    answers = model.feed.answers
    return ThreadSearch(
        answers,
        answers.as_it_came(start) if isinstance(start, FeedItem) else start,
        model.find_in_past,
        model.is_own,
        beneath=beneath,
        waits=waits,
    )
