"""Threads that are open in the feed: beneath an activity stand those that answer it, until they are closed again."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Final, NamedTuple

from core.answers import Reference
from tui.feed.feed import Feed
from tui.feed.feed_item import FeedItem
from tui.feed.thread_search import ThreadSearch
from tui.text.figures import count
from tui.text.safe_text import ELLIPSIS, neutralise_name
from tui.widgets.window_rows import WindowRows

SHOWN_AT_ONCE: Final = 40
"""Answers that stand beneath an activity, until somebody wants to see more."""
OPENED_THREADS_MAX: Final = 8


class ThreadAnswer(NamedTuple):
    """A row beneath an activity: one that answers it, or what is said of the others."""

    depth: int
    reference: Reference | None
    item: FeedItem | None
    """None where it is not known what it says, and for words of the application's own."""
    words: str = ""


class OpenedThread:
    """One activity, and what stands beneath it."""

    def __init__(self, root: FeedItem, search: ThreadSearch) -> None:
        self.root = root.serial
        """The serial of the activity."""
        self.root_id = root.id
        self.key = root.key
        """By which it is known wherever it stands."""
        self.search = search
        self.looking = True
        """Whether it is still looked for in the past."""
        self.problem = ""
        """Why not all of the past was looked through."""
        self.rows: list[ThreadAnswer] = []
        self.answers = 0
        """How many there are, those that are not shown yet, too."""
        self._most = SHOWN_AT_ONCE

    @property
    def has_more(self) -> bool:
        """Whether there are answers that are not shown yet."""
        return self.answers > self._most

    def show_more(self) -> None:
        self._most += SHOWN_AT_ONCE

    def gather(self, is_muted: Callable[[FeedItem], bool]) -> None:
        """Look which answers there are now. What is removed or muted is shown only where something answers it."""
        found = []
        deeper = 0
        for depth, reference, item in reversed(self.search.rows()[1:]):
            muted = item is not None and is_muted(item)
            if deeper > depth or item is None or not (muted or self.search.is_removed(item)):
                words = f"muted {neutralise_name(item.sender)}" if muted and item is not None else ""
                found.append(ThreadAnswer(depth, reference, None if muted else item, words))
                deeper = depth
            else:
                deeper = min(deeper, depth)
        found.reverse()
        self.answers = len(found)
        self.rows = found[: self._most]
        if words := self._rest():
            self.rows.append(ThreadAnswer(1, None, None, words))

    def _rest(self) -> str:
        """What is said beneath the answers that are shown."""
        if self.has_more:
            more = self.answers - self._most
            return f"{ELLIPSIS} {more} more \N{EM DASH} Enter shows {'it' if more == 1 else min(more, SHOWN_AT_ONCE)}"
        if self.looking:
            return f"looking for {'older' if self.answers else 'its'} answers{ELLIPSIS}"
        if self.problem:
            return f"{count(self.answers, 'answer')} loaded; {self.problem}"
        if not self.search.complete:
            return f"{ELLIPSIS} there are more than are shown here \N{EM DASH} c reads the whole thread"
        return ""


class _Spot(NamedTuple):
    """Where the rows of a thread stand: behind so many rows of the window."""

    behind: int
    thread: OpenedThread


class OpenedThreads:
    """The threads that are open in one feed, and where among its rows theirs stand."""

    def __init__(self, feed: Feed, window: WindowRows) -> None:
        self._feed = feed
        self._window = window
        self._threads: dict[int, OpenedThread] = {}
        """By the serials of their activities."""
        self._away: list[OpenedThread] = []
        """Those of which the activity is not in the window."""
        self._gathered: Hashable = None
        self.changes = 0
        """Counts how often their rows became others."""
        self._spots: list[_Spot] = []
        self._spots_for: Hashable = None

    def __bool__(self) -> bool:
        return bool(self._threads)

    def __len__(self) -> int:
        return len(self._threads)

    def of(self, root: int) -> OpenedThread | None:
        """The thread that is open beneath an activity."""
        return self._threads.get(root)

    def open(self, root: FeedItem, search: ThreadSearch) -> OpenedThread:
        thread = self._threads[root.serial] = OpenedThread(root, search)
        del self._away[: max(0, len(self._threads) + len(self._away) - OPENED_THREADS_MAX)]
        self.look_again()
        return thread

    def close(self, root: int) -> None:
        self._threads.pop(root, None)
        self.changes += 1

    def follow_window(self) -> None:
        """The window is at another place: those are shown of which the activity is there."""
        before, self._threads, self._away = [*self._away, *self._threads.values()], {}, []
        for thread in before:
            serial = self._feed.serial_of(thread.root_id) if thread.root_id is not None else None
            if serial is None:
                self._away.append(thread)
            else:
                thread.root = serial
                self._threads[serial] = thread
        self._gathered = None
        self.changes += 1

    def look_again(self) -> None:
        """Something has become known of a thread, or is said of it."""
        self._gathered = None
        self.take()

    def take(self) -> bool:
        """Take what has come since the last time; whether anything may stand elsewhere."""
        if not self._threads:
            return False
        gone = [serial for serial in self._threads if not self._is_there(serial)]
        for serial in gone:
            del self._threads[serial]
        now = (self._feed.answers.version, self._window.hides())
        if self._gathered == now and not gone:
            return False
        for thread in self._threads.values():
            thread.gather(self._window.is_muted)
        self._gathered = now
        self.changes += 1
        return True

    def _is_there(self, serial: int) -> bool:
        entry = self._feed.by_serial(serial)
        return entry is not None and entry.state != "mark"

    # --- where their rows stand --------------------------------------------------------------------------------------

    @property
    def spots(self) -> list[_Spot]:
        """Where the rows of threads stand, in order: of those of which the activity is to be seen."""
        if not self._threads:
            return []
        now = (self._window.stand, self.changes)
        if self._spots_for != now:
            self._spots_for = now
            self._spots = [spot for root in sorted(self._threads) if (spot := self._spot(root)) is not None]
        return self._spots

    def _spot(self, root: int) -> _Spot | None:
        index = self._window.find(root)
        if index is None or self._window.hidden_words(index)[0]:
            return None
        rows = self._window.together(index)
        return _Spot(rows.stop, self._threads[root]) if rows.start == index else None

    @property
    def rows(self) -> int:
        """How many rows stand beneath activities."""
        return sum(len(spot.thread.rows) for spot in self.spots)

    def among(self, index: int) -> int:
        """Where a row of the window stands, the rows of threads counted in."""
        return index + sum(len(spot.thread.rows) for spot in self.spots if spot.behind <= index)

    def at(self, index: int) -> tuple[int, OpenedThread | None]:
        """What stands at an index, the rows of threads counted in: a row of the window, or one of those of a thread."""
        above = 0
        for behind, thread in self.spots:
            first = behind + above
            if index < first:
                break
            if index < first + len(thread.rows):
                return index - first, thread
            above += len(thread.rows)
        return index - above, None

    def find(self, key: Hashable) -> int | None:
        """The index of a thread's row, by the identity of the thread's activity and what names the row; that of the
        activity where it does not stand beneath it any more."""
        above = 0
        for behind, thread in self.spots:
            for place, row in enumerate(thread.rows):
                if key == (thread.key, row.reference):
                    return behind + above + place
            above += len(thread.rows)
        root = next(
            (root for root, thread in self._threads.items() if isinstance(key, tuple) and key[0] == thread.key),
            None,
        )
        return None if root is None else self.among(self._window.index_of(root))
