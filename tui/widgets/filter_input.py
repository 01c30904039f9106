"""The line of the filter: a field that completes, and says what its keys do."""

from __future__ import annotations

from typing import ClassVar

from tui.user_actions.action_registry import bindings
from tui.widgets.completing_input import CompletingInput


class FilterInput(CompletingInput):
    """A query that is being written."""

    BINDINGS: ClassVar = bindings("filter")
