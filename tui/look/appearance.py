"""How the application looks: one style sheet, the theme pairs."""

from __future__ import annotations

from typing import Final

DEFAULT_THEME: Final = "textual-dark"

THEMES: Final = (
    "ansi-dark",
    "ansi-light",
    "atom-one-dark",
    "atom-one-light",
    "catppuccin-frappe",
    "catppuccin-latte",
    "catppuccin-macchiato",
    "catppuccin-mocha",
    "dracula",
    "flexoki",
    "gruvbox",
    "monokai",
    "nord",
    "rose-pine",
    "rose-pine-dawn",
    "rose-pine-moon",
    "solarized-dark",
    "solarized-light",
    "textual-dark",
    "textual-light",
    "tokyo-night",
)
"""Textual's, written out so that a setting can be checked without loading Textual."""

_PAIRS: Final = (
    ("textual-dark", "textual-light"),
    ("ansi-dark", "ansi-light"),
    ("catppuccin-mocha", "catppuccin-latte"),
    ("solarized-dark", "solarized-light"),
    ("rose-pine", "rose-pine-dawn"),
    ("atom-one-dark", "atom-one-light"),
)


def counterpart(theme: str, *, dark: bool) -> str:
    """The light theme that goes with a dark one, and the other way round."""
    for one, other in _PAIRS:
        if theme in (one, other):
            return other if theme == one else one
    return _PAIRS[0][1] if dark else _PAIRS[0][0]


CSS: Final = """
Screen { background: $background; }

TopBar { height: 1; background: $panel; color: $foreground; padding: 0 1; }
ShareBar { height: 1; padding: 0 1; color: $foreground 75%; }
ShareBar:hover { color: $foreground; background: $boost; }
TabBar { height: 1; display: none; background: $surface; }
StripBar { height: 1; display: none; padding: 0 1; color: $foreground 85%; }
StripBar:hover { color: $foreground; background: $boost; }

#panes { height: 1fr; layout: grid; grid-size: 2 4; grid-columns: 3fr 2fr; grid-gutter: 0; }
Pane {
    height: 100%; padding: 0; border: round $foreground 25%;
    border-title-color: $foreground 80%; border-subtitle-color: $foreground 60%;
}
Pane:focus-within {
    border: round $primary;
    border-title-color: $text-primary; border-title-style: bold; border-subtitle-color: $foreground 75%;
}
Pane:ansi { border: round ansi_bright_black; }
Pane:ansi:focus-within { border: round ansi_default; }
#pane-feed { row-span: 4; }

MainScreen.-huge #panes { grid-size: 3 2; grid-columns: 8fr 5fr 5fr; }
MainScreen.-huge #pane-feed { row-span: 2; }

MainScreen.-tabs TabBar { display: block; }
MainScreen.-tabs #panes { layout: vertical; }
MainScreen.-tabs Pane { display: none; }
MainScreen.-tabs Pane.-current { display: block; height: 1fr; }
MainScreen.-tabs Pane { border: none; border-bottom: round $foreground 25%; }
MainScreen.-tabs Pane:focus-within { border: none; border-bottom: round $primary; }
MainScreen.-tabs Pane:ansi { border: none; border-bottom: round ansi_bright_black; }
MainScreen.-tabs Pane:ansi:focus-within { border: none; border-bottom: round ansi_default; }
MainScreen.-short Pane { border: none; border-title-style: none; }
MainScreen.-short Pane:focus-within { border: none; }
MainScreen.-short Pane:ansi { border: none; }
MainScreen.-short Pane:ansi:focus-within { border: none; }

MainScreen.-zoomed #panes { layout: vertical; }
MainScreen.-zoomed Pane { display: none; }
MainScreen.-zoomed Pane.-current { display: block; height: 1fr; }

#composer-line { height: auto; }
#composer-line.-large {
    height: 60%; border-top: solid $primary; border-title-color: $text-primary; border-title-style: none;
}
#composer-line.-large #composer { height: 1fr; max-height: 100%; }
#prompt { width: auto; color: $text-primary; text-style: bold; padding: 0 1 0 1; }
#composer {
    width: 1fr; height: auto; min-height: 1; max-height: 30vh; background: $panel; border: none; padding: 0 1;
    scrollbar-size-vertical: 1;
}
#composer:focus { background: $panel; background-tint: $foreground 5%; border: none; }
#composer:ansi { background: ansi_default; }
#answering { height: 1; display: none; padding: 0 1; color: $text-primary; }
#answering:ansi { color: ansi_default; text-style: bold; }
#thread { height: 1fr; }
#thread-words { height: auto; max-height: 2; }
#composer-problem { height: auto; max-height: 3; display: none; padding: 0 1; }
.problem { color: $text-error; height: auto; }

#filter-bar { height: 1; display: none; background: $boost; }
#filter-bar.-open { display: block; }
#filter-label { width: auto; padding: 0 1; color: $text-warning; text-style: bold; }
#filter { width: 1fr; height: 1; border: none; padding: 0 1; background: $panel; }
#filter-words { width: auto; padding: 0 1; color: $foreground 75%; }

KeyBar { background: $panel; }
KeyBar > .key-bar--key { color: $text-accent; background: $panel; }
KeyBar > .key-bar--words { color: $foreground; background: $panel; }

Input > .input--placeholder { color: $foreground 76%; }
Input:ansi > .input--placeholder { color: ansi_default; text-style: dim; }
TextArea .text-area--placeholder { color: $foreground 76%; }
TextArea:ansi .text-area--placeholder { color: ansi_default; text-style: dim; }
TextArea:ansi .text-area--cursor { color: ansi_default; background: ansi_default; text-style: reverse; }
TextArea .text-area--suggestion { color: $foreground 66%; }

ModalScreen { align: center middle; background: $background 60%; }
ModalScreen:ansi { background: ansi_default; }
.dialog {
    width: 66; max-width: 96%; height: auto; max-height: 96%;
    border: round $primary; border-title-color: $text-primary; border-title-style: bold;
    background: $surface; padding: 1 2; overflow-y: auto;
}
.dialog.-wide { width: 100; }
.dialog.-large { width: 100; height: 90%; max-height: 90%; padding: 1; }
.dialog ReadFirst { height: auto; }
.dialog.-reads-first { scrollbar-size-vertical: 0; }
.dialog .label { height: 1; margin-top: 1; color: $foreground 80%; }
.dialog Input {
    height: 3; padding: 0 1; background: $surface; background-tint: $surface 0%;
    border: round $foreground 50%; border-title-color: $foreground 80%;
}
.dialog Input:focus {
    background-tint: $surface 0%; border: heavy $primary;
    border-title-color: $text-primary; border-title-style: bold;
}
.dialog Input:ansi { background: ansi_default; border: round ansi_bright_black; }
.dialog Input:ansi:focus { border: heavy ansi_default; }
.dialog Input.-textual-compact { height: 1; border: none; padding: 0 1; background: $boost; }
.dialog Input.-textual-compact:focus { background: $surface-lighten-2; }
.dialog .quiet { color: $foreground 70%; }
.dialog .copied { margin: 1 0; padding: 0 1; background: $boost; color: $text-success; }
.dialog RadioSet, .dialog RadioSet:focus {
    margin: 1 0; width: 1fr; background: $surface; background-tint: $surface 0%;
}
.dialog Checkbox { margin-top: 0; background: $surface; }
.dialog ToggleButton > .toggle--button, .dialog RadioSet > RadioButton > .toggle--button {
    color: $foreground; background: $surface; text-style: none;
}
.dialog ToggleButton.-on > .toggle--button, .dialog RadioSet > RadioButton.-on > .toggle--button {
    color: $text-success; background: $surface; text-style: bold;
}
.dialog ToggleButton:ansi > .toggle--button, .dialog RadioSet > RadioButton:ansi > .toggle--button {
    color: ansi_default; background: ansi_default; text-style: none;
}
.dialog RadioSet:blur > RadioButton.-selected > .toggle--label { background: $surface; }
.dialog RadioSet:ansi:blur > RadioButton.-selected > .toggle--label { background: ansi_default; }
.dialog .buttons { height: 1; margin-top: 1; }
.dialog .buttons Button { margin-right: 2; }
InvitationScreen .buttons Button { min-width: 8; }
.-narrow .dialog { padding: 0 1; max-width: 100%; }
.-narrow .dialog .buttons { layout: vertical; height: auto; }
.-low .dialog { padding: 0 2; max-height: 100%; }
.-low .dialog { margin-bottom: 1; }
.-low .dialog RadioSet, .-low .dialog RadioSet:focus, .-low .dialog .copied { margin: 0; }
.-low .dialog .buttons { margin-top: 0; }
InvitationScreen.-paired .dialog { max-width: 100%; }
InvitationScreen.-paired .dialog .buttons {
    layout: grid; grid-size: 2; grid-rows: 1; grid-columns: 1fr; height: auto;
}
.dialog Button:focus { text-style: bold underline; background: $primary; color: $text; }
ConfirmScreen #yes:focus { background: $warning; color: $text; }
.dialog .problem { display: block; }
.dialog #name-problem, .dialog #secret-problem { height: auto; }
LeavingScreen .dialog { height: 60%; }
LeavingScreen EventsView { margin: 1 0; }
"""
