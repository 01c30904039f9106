"""What a person wants to see of the feed: views that they keep by name, tags, and whom or what they mute."""

from __future__ import annotations

import time
from typing import ClassVar, NamedTuple

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from core.query import entities_of, parse
from tui.feed.activities import plain_text
from tui.model.personal import NAME_MAX, View
from tui.screens.dialog import DialogScreen
from tui.screens.linking import LinkingScreen
from tui.text.figures import count
from tui.text.safe_text import neutralise, neutralise_name
from tui.user_actions.action_registry import bindings


class ViewChoice(NamedTuple):
    """A view as it is offered."""

    title: str
    query: str


class ChooseViewScreen(DialogScreen[str | None]):
    """Which view to look at; its answer is the query."""

    BINDINGS: ClassVar = bindings("form")

    def __init__(self, choices: list[ViewChoice]) -> None:
        super().__init__()
        self._choices = choices

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog") as dialog:
            dialog.border_title = "Views"
            dialog.border_subtitle = "/view NAME WORDS keeps one"
            yield OptionList(*(Option(choice.title) for choice in self._choices), markup=False, id="views")

    def on_mount(self) -> None:
        self.query_one("#views").focus()

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        self.dismiss(self._choices[event.option_index].query)

    def action_cancel(self) -> None:
        self.dismiss(None)


def quoted(words: str) -> str:
    """A name as a query has it."""
    return '"' + words.replace('"', '""') + '"'


class ViewingScreen(LinkingScreen):
    """The panes, with views, tags and mutes."""

    def action_views(self) -> None:
        """Choose what to see of the feed."""
        concerns, name = self.model.concerns, self.model.known_name
        choices = [ViewChoice(f"Everything{_count(concerns.unread)}", "")]
        if name is not None:
            choices.append(ViewChoice(f"What is to you{_count(concerns.unread_mentions)}", f"to:{quoted(name)}"))
        for view in concerns.views:
            title = f"{neutralise(view.name)}{_count(concerns.unread_in(view))}"
            about = "" if view.name == view.query else f"  ({neutralise(view.query, 60)})"
            choices.append(ViewChoice(title + about, view.query))
        self.app.push_screen(ChooseViewScreen(choices), self._see)

    def _see(self, query: str | None) -> None:
        if query is not None:
            self.action_show_pane("feed")
            self._set_filter(query)
            self.feed.focus()

    def action_open_tag(self) -> None:
        """Show only what has the tag of the selected activity."""
        entry = self._selected_activity()
        if entry is None:
            return
        tags = dict.fromkeys(one.value for one in entities_of(plain_text(entry.body)) if one.kind == "tag")
        if not tags:
            self.notify("There is no #tag in the selected activity.", markup=False, timeout=3)
        elif len(tags) == 1:
            self._see(f"#{next(iter(tags))}")
        else:
            self.app.push_screen(ChooseViewScreen([ViewChoice(f"#{tag}", f"#{tag}") for tag in tags]), self._see)

    def view(self, text: str) -> None:
        """`/view`: choose one, look at one, or keep one. Raises ValueError with a sentence for a person."""
        name, _, query = text.strip().partition(" ")
        kept = next((one for one in self.model.concerns.views if one.name == name), None)
        if not name:
            self.action_views()
            return
        if not query.strip():
            if kept is None and not name.startswith("#"):
                raise ValueError(f"there is no view {name[:NAME_MAX]!r}: /view {name[:NAME_MAX]} WORDS keeps one")
            query = kept.query if kept is not None else name
        parse(query, now=time.time())
        self.model.concerns.keep_view(View(name, query.strip()))
        self._see(query.strip())

    def drop_view(self, text: str) -> None:
        """`/unview`. Raises ValueError with a sentence for a person."""
        self.model.concerns.drop_view(text.strip())
        self.notify(f"The view {neutralise(text.strip(), 40)} is kept no more.", markup=False, timeout=3)

    def mute(self, text: str) -> None:
        """`/mute`: mute a person or a tag, or tell who is. Raises ValueError with a sentence for a person."""
        wanted = text.strip().removeprefix("@")
        if not wanted:
            concerns = self.model.concerns
            muted = [neutralise_name(one) for one in concerns.mutes]
            if concerns.threads:
                muted.append(f"{count(len(concerns.threads), 'thread')} (T on one of its activities takes it back)")
            self.notify(f"Muted: {', '.join(muted)}" if muted else "Nobody is muted.", markup=False, timeout=5)
            return
        self.model.concerns.mute(wanted)
        self._muted(wanted, "muted, and folded here; you are told nothing of it")

    def unmute(self, text: str) -> None:
        """`/unmute`. Raises ValueError with a sentence for a person."""
        wanted = text.strip().removeprefix("@")
        self.model.concerns.unmute(wanted)
        self._muted(wanted, "not muted any more")

    def action_toggle_mute(self) -> None:
        """Mute who has written the selected activity, or hear them again."""
        entry = self._selected_activity()
        if entry is None:
            return
        if entry.own or not entry.sender:
            self.notify("You cannot mute yourself.", markup=False, timeout=3)
        elif entry.sender in self.model.concerns.mutes:
            self.unmute(entry.sender)
        else:
            try:
                self.mute(entry.sender)
            except ValueError as error:
                self.notify(str(error), severity="warning", markup=False)

    def _muted(self, who: str, what: str) -> None:
        self.notify(f"{neutralise_name(who)}: {what}.", markup=False, timeout=4)
        self.show_news()


def _count(unread: int) -> str:
    return f"  +{unread}" if unread else ""
