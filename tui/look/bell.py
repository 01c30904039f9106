"""When the terminal rings."""

from __future__ import annotations

from typing import Final, Literal, get_args

from tui.model.client_model import ClientModel

BellPolicy = Literal["off", "mention", "all"]
BELL_POLICIES: Final[tuple[BellPolicy, ...]] = get_args(BellPolicy)
IN_WORDS: Final[dict[BellPolicy, str]] = {
    "off": "never",
    "mention": "when somebody writes to you (@name)",
    "all": "at every activity of others",
}

INTERVAL: Final = 1.0
"""Seconds between two rings."""


def policy_of(word: str) -> BellPolicy:
    """Raises ValueError with a sentence for a person."""
    for known in BELL_POLICIES:
        if known == word.lower():
            return known
    raise ValueError(f"the bell is {', '.join(BELL_POLICIES[:-1])} or {BELL_POLICIES[-1]}")


class Bell:
    """Rings for what is new since it was asked the last time, and not too often."""

    def __init__(self, policy: BellPolicy) -> None:
        self.policy: BellPolicy = policy
        self._heard = (0, 0)
        self._rung = -INTERVAL

    def rings(self, model: ClientModel, now: float) -> bool:
        """Whether to ring at `now` (monotonic seconds)."""
        mentions, others = model.mentions, model.others_live
        before_mentions, before_others = self._heard
        self._heard = (mentions, others)
        wanted = (self.policy == "mention" and mentions > before_mentions) or (
            self.policy == "all" and others > before_others
        )
        if not wanted or now - self._rung < INTERVAL:
            return False
        self._rung = now
        return True

    def next_policy(self) -> BellPolicy:
        return BELL_POLICIES[(BELL_POLICIES.index(self.policy) + 1) % len(BELL_POLICIES)]
