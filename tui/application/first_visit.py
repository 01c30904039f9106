"""A network that is met for the first time: the person sees its fingerprint, and decides before anything is said."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from tui.screens.asking import ConfirmScreen

if TYPE_CHECKING:
    from tui.application.app import ActivityApp

NOT_KNOWN: Final = 4
"""Exit status of an application whose person does not know the network."""


def ask_about_network(app: ActivityApp, then: Callable[[], None]) -> None:
    """Ask whether it is the network that they mean; `then` goes on if it is, and otherwise the application ends."""
    model = app.model

    def answered(yes: bool | None) -> None:
        if not yes:
            app.exit(NOT_KNOWN)
            return
        model.network_is_new = False
        then()

    text = (
        f"{model.target} is not known yet. It is a server of the network\n\n"
        f"    {model.network}\n\n"
        "Any server of the network tells that: on its screen (F8), in its log, and in `activity-tui status`. If it is"
        " the one that you mean, it is known from now on, and no other one is talked to there."
    )
    screen = ConfirmScreen("Which network is that?", text, yes="I mean this one", no="Leave", comes_by_itself=True)
    app.push_screen(screen, answered)
