"""The search for a thread, as a person's server answers it."""

from __future__ import annotations

from tui.feed.feed_item import FeedItem
from tui.feed.thread_search import ThreadSearch
from tui.model.client_model import ClientModel


def thread_search(model: ClientModel, start: FeedItem, *, beneath: bool = False) -> ThreadSearch:
    """A search for the thread of an activity, or only for what stands `beneath` it."""
    answers = model.feed.answers
    return ThreadSearch(
        answers,
        answers.as_it_came(start),
        model.find_in_past,
        lambda sender: sender == model.known_name,
        beneath=beneath,
    )
