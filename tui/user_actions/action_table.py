"""Every action of the application, named once.

The key bindings, the command palette, the help screen and the table in the README are made from this list, so none of
them can say something that the others do not. The ids are stable: the configuration rebinds keys by them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from tui.user_actions.application_actions import APPLICATION_ACTIONS
from tui.user_actions.dialog_actions import DIALOG_ACTIONS
from tui.user_actions.feed_actions import FEED_ACTIONS
from tui.user_actions.line_actions import LINE_ACTIONS
from tui.user_actions.list_actions import LIST_ACTIONS
from tui.user_actions.network_actions import NETWORK_ACTIONS
from tui.user_actions.pane_actions import PANE_ACTIONS
from tui.user_actions.user_action import UserAction

ACTIONS: Final[tuple[UserAction, ...]] = (
    *PANE_ACTIONS,
    *FEED_ACTIONS,
    *LINE_ACTIONS,
    *LIST_ACTIONS,
    *NETWORK_ACTIONS,
    *DIALOG_ACTIONS,
    *APPLICATION_ACTIONS,
)

BY_ID: Final[Mapping[str, UserAction]] = {action.id: action for action in ACTIONS}
