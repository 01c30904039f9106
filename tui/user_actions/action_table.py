"""Every action of the application, named once.

The key bindings, the command palette, the help screen and the table in the README are made from this list, so none of
them can say something that the others do not. The ids are stable: the configuration rebinds keys by them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

ActionScope = Literal["application", "panes", "rows", "connections", "line", "question", "form", "text", "secret"]
"""Where the keys work: everywhere, on the screen with the panes, in every list, in the connections, in the line where
one writes, in a question with two answers, in a dialog with fields, in one that is read."""

ActionGroup = Literal["Panes", "Feed", "Line", "Lists", "Network", "Dialogs", "Application"]


@dataclass(frozen=True, slots=True)
class UserAction:
    """One thing a person can do. `call` is the Textual action that does it; it is found on the scope's widget."""

    id: str
    keys: str
    title: str
    help: str
    group: ActionGroup
    call: str
    scope: ActionScope = "panes"
    footer: str = ""
    """The short word for the footer; none: not shown there."""
    palette: bool = True
    """Whether the command palette offers it."""
    priority: bool = False
    """Whether the key is taken even while somebody types."""
    node_only: bool = False
    """Whether it needs a node in this process."""


ACTIONS: Final[tuple[UserAction, ...]] = (
    UserAction("pane.feed", "f2", "Show the feed", "Go to what people write.", "Panes", "show_pane('feed')"),
    UserAction(
        "pane.connections",
        "f3",
        "Show the connections",
        "Go to the servers and clients that are connected here.",
        "Panes",
        "show_pane('connections')",
    ),
    UserAction(
        "pane.users",
        "f4",
        "Show the users",
        "Go to who is registered, and logged in where.",
        "Panes",
        "show_pane('users')",
    ),
    UserAction(
        "pane.events", "f5", "Show the events", "Go to what happened in the network.", "Panes", "show_pane('events')"
    ),
    UserAction(
        "pane.network",
        "f6",
        "Show the network",
        "Go to the servers, drawn as a tree.",
        "Panes",
        "show_pane('network')",
    ),
    UserAction(
        "pane.zoom",
        "f10,z",
        "Zoom this pane",
        "Give the pane the whole screen, or give it back.",
        "Panes",
        "zoom",
        footer="Zoom",
    ),
    UserAction("pane.next", "tab", "Next pane", "Move to the next pane or field.", "Panes", "focus_next"),
    UserAction(
        "pane.previous",
        "shift+tab",
        "Previous pane",
        "Move to the pane or field before.",
        "Panes",
        "focus_previous",
    ),
    UserAction(
        "feed.write",
        "i",
        "Write",
        "Put the cursor into the line where you write. Enter sends it.",
        "Feed",
        "write",
    ),
    UserAction(
        "feed.leave",
        "escape",
        "Leave the line",
        "Out of the line where you write, or of the filter, back to the list.",
        "Feed",
        "leave_field",
    ),
    UserAction(
        "feed.filter",
        "f7,slash",
        "Filter the feed",
        "Show only what matches: words, from:NAME, type:TYPE. Empty shows everything.",
        "Feed",
        "filter",
        footer="Filter",
    ),
    UserAction(
        "feed.context",
        "m",
        "Matches only, or among the rest",
        "While a filter is set: hide what does not match, or show it too.",
        "Feed",
        "toggle_rest",
    ),
    UserAction("feed.next_match", "n", "Next match", "Move to the next match of the filter.", "Feed", "next_match"),
    UserAction("feed.previous_match", "N", "Match before", "Move to the match before.", "Feed", "previous_match"),
    UserAction(
        "feed.inspect",
        "enter",
        "Inspect",
        "Show the whole of the selected row, as it came.",
        "Feed",
        "inspect",
        scope="rows",
        footer="Inspect",
    ),
    UserAction(
        "feed.copy",
        "y",
        "Copy the selected row",
        "Copy the selected row: of the feed, the activity as it came.",
        "Feed",
        "copy_row",
        scope="rows",
    ),
    UserAction(
        "line.earlier",
        "up",
        "The line before",
        "In the line where you write: what you wrote before.",
        "Line",
        "recall(-1)",
        scope="line",
        palette=False,
    ),
    UserAction(
        "line.later",
        "down",
        "The line after",
        "In the line where you write: what you wrote after that.",
        "Line",
        "recall(1)",
        scope="line",
        palette=False,
    ),
    UserAction(
        "line.page_up",
        "pageup",
        "The feed, a page up",
        "Read further up in the feed while you write.",
        "Line",
        "screen.page_feed(-1)",
        scope="line",
        palette=False,
    ),
    UserAction(
        "line.page_down",
        "pagedown",
        "The feed, a page down",
        "Read further down in the feed while you write.",
        "Line",
        "screen.page_feed(1)",
        scope="line",
        palette=False,
    ),
    UserAction("rows.down", "down,j", "Down", "One row down.", "Lists", "cursor(1)", scope="rows"),
    UserAction("rows.up", "up,k", "Up", "One row up.", "Lists", "cursor(-1)", scope="rows"),
    UserAction(
        "rows.half_down",
        "ctrl+d",
        "Half a page down",
        "Half a page down.",
        "Lists",
        "page(0.5)",
        scope="rows",
    ),
    UserAction(
        "rows.half_up",
        "ctrl+u",
        "Half a page up",
        "Half a page up.",
        "Lists",
        "page(-0.5)",
        scope="rows",
    ),
    UserAction(
        "rows.page_down",
        "pagedown,space",
        "A page down",
        "A page down.",
        "Lists",
        "page(1)",
        scope="rows",
    ),
    UserAction("rows.page_up", "pageup", "A page up", "A page up.", "Lists", "page(-1)", scope="rows"),
    UserAction("rows.top", "g,home", "First row", "To the first row.", "Lists", "top", scope="rows"),
    UserAction(
        "rows.end",
        "G,end",
        "Last row, and follow",
        "To the last row; the feed and the events follow from there.",
        "Lists",
        "end",
        scope="rows",
    ),
    UserAction(
        "rows.sort",
        "o",
        "Sort by the next column",
        "In a table: sort by the next column.",
        "Lists",
        "sort",
        scope="rows",
    ),
    UserAction(
        "network.share",
        "f8,s",
        "How others join",
        "Show and copy the command with which others join.",
        "Network",
        "share",
        footer="Invite",
    ),
    UserAction(
        "network.join",
        "",
        "Join a network\N{HORIZONTAL ELLIPSIS}",
        "Link this node to a server of another network.",
        "Network",
        "ask_join",
        node_only=True,
    ),
    UserAction(
        "network.disconnect",
        "x,delete",
        "Disconnect",
        "End the selected connection, after asking.",
        "Network",
        "screen.disconnect",
        scope="connections",
        node_only=True,
    ),
    UserAction(
        "network.backup",
        "",
        "Back up now",
        "Write a backup of everything this node keeps.",
        "Network",
        "backup",
        node_only=True,
    ),
    UserAction(
        "question.safe",
        "escape,n",
        "The safe answer",
        "In a question: leave everything as it is.",
        "Dialogs",
        "keep",
        scope="question",
        palette=False,
        priority=True,
    ),
    UserAction(
        "question.choose",
        "y",
        "Choose the other answer",
        "In a question: go to the answer that changes something. Enter gives it.",
        "Dialogs",
        "choose",
        scope="question",
        palette=False,
        priority=True,
    ),
    UserAction(
        "question.next",
        "left,right,up,down",
        "Next answer",
        "In a question: go from one answer to the other.",
        "Dialogs",
        "other",
        scope="question",
        palette=False,
        priority=True,
    ),
    UserAction(
        "form.cancel",
        "escape",
        "Close without answering",
        "In a dialog with fields: close it and change nothing.",
        "Dialogs",
        "cancel",
        scope="form",
        palette=False,
    ),
    UserAction(
        "text.close",
        "escape,q",
        "Close",
        "In a text to read: back to where you were.",
        "Dialogs",
        "dismiss",
        scope="text",
        palette=False,
    ),
    UserAction(
        "text.copy",
        "y",
        "Copy all",
        "In a text to read: copy it.",
        "Dialogs",
        "copy_all",
        scope="text",
        palette=False,
    ),
    UserAction(
        "secret.stay",
        "escape",
        "Keep the secret on the screen",
        "At a secret that was made for you: it stays until you say that you have it.",
        "Dialogs",
        "stay",
        scope="secret",
        palette=False,
    ),
    UserAction(
        "secret.copy",
        "y",
        "Copy the secret",
        "At a secret that was made for you: copy it.",
        "Dialogs",
        "copy_all",
        scope="secret",
        palette=False,
    ),
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
        "When to ring: never, when somebody names you, or always.",
        "Application",
        "cycle_bell",
        scope="application",
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

BY_ID: Final[Mapping[str, UserAction]] = {action.id: action for action in ACTIONS}
