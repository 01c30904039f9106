"""When a person is told of what others write: by the terminal's bell, and by the desktop while they look elsewhere."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Final, Literal, get_args

from tui.feed.feed_item import FeedItem
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
A_MINUTE: Final = 10
"""Rings in any minute, at most."""
MINUTE: Final = 60.0


def policy_of(word: str) -> BellPolicy:
    """Raises ValueError with a sentence for a person."""
    for known in BELL_POLICIES:
        if known == word.lower():
            return known
    raise ValueError(f"the bell is {', '.join(BELL_POLICIES[:-1])} or {BELL_POLICIES[-1]}")


@dataclass(frozen=True, slots=True)
class Occasion:
    """What a person is told of: the latest activity, and how many more there are that they were not told of."""

    entry: FeedItem
    more: int


class Bell:
    """Rings for what is new since it was asked the last time, and not too often."""

    def __init__(self, policy: BellPolicy) -> None:
        self.policy: BellPolicy = policy
        self._heard = {"mention": 0, "all": 0}
        self._untold = 0
        self._rung: deque[float] = deque(maxlen=A_MINUTE)

    def rings(self, model: ClientModel, now: float) -> Occasion | None:
        """What to ring for at `now` (monotonic seconds), if there is anything."""
        came = {"mention": model.mentions, "all": model.others_live}
        before, self._heard = self._heard, came
        if self.policy == "off":
            self._untold = 0
            return None
        new = came[self.policy] - before[self.policy]
        entry = model.last_mention if self.policy == "mention" else model.last_of_others
        self._untold += max(0, new)
        if not self._untold or entry is None:
            return None
        if self._rung and (now - self._rung[-1] < INTERVAL or self._has_rung_often(now)):
            return None
        self._rung.append(now)
        more, self._untold = self._untold - 1, 0
        return Occasion(entry, more)

    @property
    def waits(self) -> bool:
        """Whether it rang too lately to ring for what is new."""
        return self._untold > 0

    def _has_rung_often(self, now: float) -> bool:
        return len(self._rung) == A_MINUTE and now - self._rung[0] < MINUTE

    def next_policy(self) -> BellPolicy:
        return BELL_POLICIES[(BELL_POLICIES.index(self.policy) + 1) % len(BELL_POLICIES)]
