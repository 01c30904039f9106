"""What a store is asked for somebody who reads page by page: which of its methods answers."""

from __future__ import annotations

from core.store.store_interface import Store
from core.wire.entries import Fetch, Page, Wanted
from core.wire.missing import FoundRuns, Missing, PageQuery
from core.wire.past_query import PastQuery


def answer_to(store: Store, query: PageQuery) -> Page | FoundRuns:
    """Raises StoreUnreadable."""
    match query:
        case Fetch():
            return store.fetch(query)
        case Wanted():
            return store.fetch_wanted(query)
        case Missing():
            return store.fetch_missing(query)
        case PastQuery() if query.query:
            from core.store.scanning import scan_past  # Few look for something where there is no search.

            return scan_past(store, query)
        case PastQuery():
            return store.fetch_past(query)
        case _:
            return store.find(query)
