"""The command palette of Textual, fed with this application's actions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, cast

from textual.command import Hit, Hits, Provider
from textual.dom import DOMNode

from tui.user_actions.action_registry import key_names, palette
from tui.user_actions.palette_search import PaletteEntry, after_use, by_use, ranked
from tui.user_actions.synonyms import SYNONYMS
from tui.user_actions.user_action import UserAction

if TYPE_CHECKING:
    from tui.application.app import ActivityApp

_THEME = "application.theme_choice"


class ActionPalette:
    """What the palette of one application offers, and what was used of it."""

    def __init__(self, app: ActivityApp, used: Sequence[str], remember: Callable[[], None]) -> None:
        """`used`: ids, the latest used first. `remember`: is called when they have changed."""
        self._app = app
        self._remember = remember
        self.used = tuple(used)

    def entries(self) -> list[PaletteEntry]:
        keymap = self._app.preferences.keymap or {}
        found = []
        for action in palette(node=self._app.model.owns_node):
            keys = key_names(keymap.get(action.id, action.keys))
            words = f"{action.help} ({keys})" if keys else action.help
            act = partial(self.act, action)
            found.append(PaletteEntry(action.id, action.title, words, act, SYNONYMS.get(action.id, "")))
        title = "Theme\N{HORIZONTAL ELLIPSIS}"
        found.append(PaletteEntry(_THEME, title, "Choose the colours.", self._choose_theme, "colors, look"))
        return found

    def _use(self, identifier: str) -> None:
        self.used = after_use(self.used, identifier)
        self._remember()

    def _choose_theme(self) -> None:
        self._use(_THEME)
        self._app.action_change_theme()

    def act(self, action: UserAction) -> None:
        app = self._app
        self._use(action.id)
        place: DOMNode = app if hasattr(app, f"action_{action.call.partition('(')[0]}") else app.main
        if action.scope == "rows":
            place = app.main.current_list

        async def act() -> None:
            await app.run_action(action.call, default_namespace=place)

        # Not begun before it is its turn: the application may have ended by then.
        app.run_worker(cast(Any, act), exclusive=False)


class ActionProvider(Provider):
    """Offers the actions by their titles and by other words for them; without words, those first that were used."""

    @property
    def _palette(self) -> ActionPalette:
        return cast("ActivityApp", self.app).palette

    async def discover(self) -> Hits:
        entries = by_use(self._palette.entries(), self._palette.used)
        for place, entry in enumerate(entries):
            # A hit and no `DiscoveryHit`, as those are put into the order of the alphabet.
            yield Hit(1 - place / len(entries), entry.title, entry.act, help=entry.help)

    async def search(self, query: str) -> Hits:
        matcher = self.matcher(query)
        for score, entry in ranked(self._palette.entries(), matcher.match, self._palette.used):
            yield Hit(score, matcher.highlight(entry.title), entry.act, text=entry.title, help=entry.help)
