"""What a person chose before the start."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import tzinfo

from tui.look.appearance import DEFAULT_THEME
from tui.look.bell import BellPolicy


@dataclass(frozen=True, slots=True)
class Preferences:
    """Each application has its own, whatever the process's environment says."""

    theme: str = DEFAULT_THEME
    bell: BellPolicy = "mention"
    no_color: bool | None = None
    """None: as the environment says (NO_COLOR)."""
    keymap: Mapping[str, str] | None = None
    """Keys by action id."""
    used_actions: tuple[str, ...] = ()
    """Ids of the actions that the command palette was last used for, the latest first."""
    zone: tzinfo | None = None
    """The person's time zone; None: the machine's."""
    anonymous: bool = True
    """Whether one may come in without a name."""
