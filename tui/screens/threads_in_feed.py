"""What a person does with threads: read one from its beginning, or have it open and close in place in the feed."""

from __future__ import annotations

from typing import Final

from textual import on

from core.answers import read_reference
from core.client import NotConnected, OutcomeUnknown, PastNotShown, PastUnreadable
from tui.feed.feed_answers import reference_of
from tui.feed.feed_item import FeedItem
from tui.model.thread_searching import thread_search
from tui.screens.conversing import AnsweringScreen
from tui.screens.reading_thread import Do, ThreadScreen
from tui.text.safe_text import neutralise_name
from tui.widgets.feed_opening import UNNAMED
from tui.widgets.feed_view import FeedView
from tui.widgets.opened_threads import OpenedThread

NOT_SEARCHED: Final = "this server does not look for older ones"


class ThreadsScreen(AnsweringScreen):
    """The panes, with the threads of the feed."""

    _learned: frozenset[str] = frozenset()
    """The muted threads of which what is known in the past was asked for."""

    @property
    def near_keys(self) -> frozenset[str]:
        return super().near_keys | ({"feed.open_thread"} if self._is_at_thread else frozenset())

    @property
    def idle_keys(self) -> frozenset[str]:
        """Where nothing is known to answer the selected activity, the key looks for answers, and says how that went."""
        return super().idle_keys | (frozenset() if self._is_at_thread else {"feed.open_thread"})

    @property
    def _is_at_thread(self) -> bool:
        return self.painted and self.current == "feed" and not self.feed.filter and self.feed.at_thread

    # --- in place ----------------------------------------------------------------------------------------------------

    def action_open_thread(self) -> None:
        """Show what answers the selected activity beneath it, or no more."""
        if self._feed_is_seen():
            self._say(self.feed.toggle_thread())

    def action_show_hidden(self, wanted: bool) -> None:
        """Show what belongs to the selected line of the feed, or fold it again."""
        self._say(self.feed.open_here() if wanted else self.feed.close_here())

    def _say(self, why_not: str) -> None:
        if why_not:
            self.notify(why_not, markup=False, timeout=4)

    @on(FeedView.AnswersWanted)
    def _answers_wanted(self, event: FeedView.AnswersWanted) -> None:
        self.run_worker(self._find_answers(event.thread), group="answers")

    async def _find_answers(self, thread: OpenedThread) -> None:
        problem = ""
        try:
            if self.model.searches_past:
                await thread.search.look(lambda: self.feed.found_answers(thread))
            else:
                problem = NOT_SEARCHED
        except (NotConnected, OutcomeUnknown, PastNotShown, PastUnreadable) as error:
            problem = str(error)
        if not self.feed.found_answers(thread, problem):
            self._say("Nothing answers this one" + (f" in what is loaded: {problem}." if problem else "."))

    # --- muted -------------------------------------------------------------------------------------------------------

    def show_news(self) -> None:
        super().show_news()
        muted = frozenset(self.model.concerns.threads)
        if muted - self._learned and self.model.searches_past and self.model.past.above != "unknown":
            self.run_worker(self._learn(muted - self._learned), group="muted threads")
            self._learned |= muted

    async def _learn(self, threads: frozenset[str]) -> None:
        """Have it known what stands in muted threads: what will answer an answer of long ago is muted, too."""
        left = set(threads)
        for one in threads:
            beginning = read_reference(one)
            if beginning is None:
                continue
            try:
                await thread_search(self.model, beginning, beneath=True, waits=False).look()
            except (NotConnected, OutcomeUnknown, PastNotShown, PastUnreadable):
                self._learned -= left
                return
            left.discard(one)
        self.model.concerns.read_muted()
        self.show_news()

    def action_mute_thread(self) -> None:
        """Hear nothing more of the thread of the selected activity, or hear of it again."""
        if (item := self._answerable()) is not None:
            self._mute_thread_of(item)

    def _mute_thread_of(self, item: FeedItem) -> None:
        threads, concerns = self.model.muted_threads, self.model.concerns
        if muted := threads.of(item):
            concerns.unmute_thread(muted)
            self._say("This thread is not muted any more.")
        elif item.state != "arrived" or (beginning := threads.beginning_of(item)) is None:
            self._say(UNNAMED)
        else:
            self._mute_thread(str(beginning))
        self.show_news()

    def _mute_thread(self, beginning: str) -> None:
        try:
            heard_again = self.model.concerns.mute_thread(beginning)
        except ValueError as error:
            self.notify(str(error), severity="warning", markup=False)
            return
        name = self.model.known_name
        but = f", but for what names you (@{neutralise_name(name)})" if name is not None else ""
        again = " The one that you muted longest ago is heard again." if heard_again else ""
        self._say(f"This thread is muted: it is folded, and nobody tells you of it{but}.{again}")

    # --- from its beginning ------------------------------------------------------------------------------------------

    def action_thread(self) -> None:
        """Read the thread of the selected activity."""
        item = self._answerable()
        if item is None:
            return
        if item.state != "arrived" or reference_of(item) is None:
            self._say(UNNAMED)
            return
        do: dict[str, Do] = {
            "like": self._like,
            "react": self._choose_reaction,
            "remove": self._remove,
            "copy_reference": self._copy_reference,
            "mute_thread": self._mute_thread_of,
        }
        self.app.push_screen(ThreadScreen(self.model, item, zone=self._zone, do=do), self._go_on)

    def _go_on(self, wanted: tuple[str, FeedItem] | None) -> None:
        if wanted is not None:
            what, item = wanted
            if what == "reply":
                self._reply_to(item)
            else:
                self._edit(item)
