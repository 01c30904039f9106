"""What a person can do everywhere: be somebody else, find help, choose how it looks, leave."""

from __future__ import annotations

from typing import Final

from tui.user_actions.user_action import UserAction

APPLICATION_ACTIONS: Final[tuple[UserAction, ...]] = (
    UserAction(
        "application.identity",
        "",
        "Log in as somebody else\N{HORIZONTAL ELLIPSIS}",
        "Register a name, log in with another one, or be anonymous.",
        "Application",
        "identity",
        scope="application",
    ),
    UserAction(
        "application.secret",
        "",
        "Change my secret\N{HORIZONTAL ELLIPSIS}",
        "Give your account another secret, in the whole network.",
        "Application",
        "change_secret",
        scope="application",
    ),
    UserAction(
        "application.help",
        "f1,question_mark",
        "Help",
        "Show the keys and the commands.",
        "Application",
        "show_help",
        scope="application",
        footer="Help",
    ),
    UserAction(
        "application.palette",
        "ctrl+p",
        "Command palette",
        "Find any action by its name.",
        "Application",
        "command_palette",
        scope="application",
        palette=False,
    ),
    UserAction(
        "application.theme",
        "t",
        "Light or dark",
        "Change between a light and a dark theme.",
        "Application",
        "toggle_theme",
        scope="application",
    ),
    UserAction(
        "application.bell",
        "b",
        "Bell",
        "When to ring, and to have the desktop tell you: never, when somebody writes to you (@name), or always.",
        "Application",
        "cycle_bell",
        scope="application",
    ),
    UserAction(
        "application.repaint",
        "ctrl+l",
        "Paint the screen anew",
        "For a terminal to which something else has written.",
        "Application",
        "repaint",
        scope="application",
        priority=True,
    ),
    UserAction(
        "application.interrupt",
        "ctrl+c",
        "Clear the line, then quit",
        "Empty the line where you write; on an empty line, offer to quit.",
        "Application",
        "interrupt",
        scope="application",
        priority=True,
    ),
    UserAction(
        "application.quit",
        "ctrl+q",
        "Quit",
        "Leave. A server asks first, and hands its people over to a neighbour.",
        "Application",
        "quit",
        scope="application",
        footer="Quit",
        priority=True,
    ),
)
