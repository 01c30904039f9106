"""Pages read: what was read of the store leaves the log here, for who asked, without what operators have removed.

People are shown less than servers are sent: nothing of an expelled server, either, from when on it is not believed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

from core.node.log.removed import RemovedActivities
from core.wire.entries import Page
from core.wire.missing import FoundRuns
from core.wire.records import RecordPage

_Page = TypeVar("_Page")
PageAsker = Callable[[int, Page | FoundRuns | None], bool]
"""Takes a page by the number of the question, if that was its own; whether it was. None: it could not be read."""
RecordsAsker = Callable[[int, RecordPage | None], bool]
"""The same of records."""


class PagesRead:
    """Those who ask for pages, by what they may have of them."""

    def __init__(self, removed: RemovedActivities) -> None:
        self._removed = removed
        self.for_servers: tuple[PageAsker, ...] = ()
        """And for operators, who name what they remove."""
        self.for_people: tuple[PageAsker, ...] = ()
        self.as_they_are: tuple[PageAsker, ...] = ()
        """They tell people where a page ends, whatever is left out of it, and show them what `RemovedActivities.seen`
        leaves."""
        self.records_for_servers: tuple[RecordsAsker, ...] = ()

    def fetched(self, token: int, page: Page | FoundRuns | None) -> None:
        """The answer to a FetchPage."""
        removed = self._removed
        left = removed.page_for_servers(page) if isinstance(page, Page) else page
        if _is_taken(self.for_servers, token, left) or _is_taken(self.as_they_are, token, page):
            return
        _is_taken(self.for_people, token, removed.page_for_people(page) if isinstance(page, Page) else page)

    def records_fetched(self, token: int, page: RecordPage | None) -> None:
        """The answer to a FetchRecords."""
        left = self._removed.records_for_servers(page) if page is not None else None
        _is_taken(self.records_for_servers, token, left)


def _is_taken(askers: Iterable[Callable[[int, _Page], bool]], token: int, page: _Page) -> bool:
    return any(asked(token, page) for asked in askers)
