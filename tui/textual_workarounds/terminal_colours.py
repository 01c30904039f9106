"""Tells an application how many colours its own terminal has.

Textual takes that from the environment of the process (NO_COLOR, COLORTERM, TERM): over SSH that is the server's and
not the person's, and it is one for all applications of a process.

Seen in Textual 8.2.8, which has no option for it; no report found.
"""

from __future__ import annotations

from typing import Any

from rich.color import ColorSystem
from textual.app import App
from textual.filter import Monochrome, NoColor


def without_colour(app: App[Any], wanted: bool) -> None:
    """Whether an application is painted in greys, whatever the environment says. Before it runs."""
    app.no_color = wanted
    app._filters = [one for one in app._filters if not isinstance(one, NoColor | Monochrome)]
    if wanted:
        app._filters.append(Monochrome())


def has_colours(app: App[Any], colours: ColorSystem | None) -> None:
    """So many colours; None for a terminal that cannot show any, not even greys. Before it runs."""
    app.console._color_system = colours or ColorSystem.STANDARD
    if colours is None:
        app._filters = [one for one in app._filters if not isinstance(one, Monochrome)] + [NoColor()]
