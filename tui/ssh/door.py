"""Who is let in: places for connections, shared out by address.

Connections that have not logged in yet go by random early drop (sshd's MaxStartups, start:rate:full): the more there
are, the likelier the next one costs one of them its place. Here that one is of the address that has most of them, which
may be the new one's own, so that somebody from elsewhere gets in.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, Generic, Protocol, TypeVar

from core.admission import Weights
from tui.ssh.ssh_settings import SSHSettings

KEPT_SHARE: Final = 5
"""One in so many connections is kept for people with an account."""


class IncomingConnection(Protocol):
    """A connection, as the door sees it."""

    @property
    def share(self) -> str:
        """Whom its limits are shared with."""


C = TypeVar("C", bound=IncomingConnection)


@dataclass
class Door(Generic[C]):
    """Counts connections. `drop` cuts one that has not logged in."""

    settings: SSHSettings
    drop: Callable[[C], None]
    drawn: Callable[[], float] = random.random
    _all: dict[C, None] = field(default_factory=dict)
    _of_share: Weights = field(default_factory=Weights)
    _newcomers: dict[str, dict[C, None]] = field(default_factory=dict)
    """Those that have not logged in yet, by address."""
    _waiting: Weights = field(default_factory=Weights)
    _anonymous: set[C] = field(default_factory=set)

    def __len__(self) -> int:
        return len(self._all)

    def admit(self, caller: C) -> bool:
        """Whether there is room for another connection; another one may have to go."""
        settings, share = self.settings, caller.share
        if (
            self._of_share[share] >= settings.connections_per_host_max
            or self._waiting[share] >= settings.unauthenticated_per_host_max
        ):
            return False
        self._enter(caller)
        if len(self._all) > settings.connections_max or self.drawn() < self._likelihood(self._waiting.total - 1):
            goes = self._one_of_heaviest(caller)
            self.leave(goes)
            if goes is caller:
                return False
            self.drop(goes)
        return True

    def _likelihood(self, waiting: int) -> float:
        """How likely it is that one has to go when so many have not logged in (sshd: `should_drop_connection`)."""
        settings = self.settings
        start, full = settings.unauthenticated_start, settings.unauthenticated_max
        rate = settings.unauthenticated_rate / 100
        if waiting < min(start, full):
            return 0.0
        if waiting >= full:
            return 1.0
        return rate + (1.0 - rate) * (waiting - start) / (full - start)

    def _one_of_heaviest(self, newest: C) -> C:
        heaviest = self._waiting.heaviest
        assert heaviest is not None, "the newest one waits"
        if self._waiting[heaviest] > 1:
            return random.choice(list(self._newcomers[heaviest]))
        if len(self._all) > self.settings.connections_max:
            return newest
        return next(iter(self._newcomers[random.choice(list(self._newcomers))]))

    def _enter(self, caller: C) -> None:
        self._all[caller] = None
        self._of_share.add(caller.share)
        self._waiting.add(caller.share)
        self._newcomers.setdefault(caller.share, {})[caller] = None

    def has_room_for_anonymous(self) -> bool:
        """Whether somebody without an account may come in: some places are kept for those who have one."""
        most = self.settings.connections_max
        return len(self._anonymous) < most - most // KEPT_SHARE

    def came_in(self, caller: C, *, anonymous: bool) -> None:
        """Somebody has logged in."""
        self._waits_no_more(caller)
        if anonymous and caller in self._all:
            self._anonymous.add(caller)

    def leave(self, caller: C) -> bool:
        """The connection is gone; whether it had been let in."""
        if caller not in self._all:
            return False
        del self._all[caller]
        self._of_share.remove(caller.share)
        self._waits_no_more(caller)
        self._anonymous.discard(caller)
        return True

    def _waits_no_more(self, caller: C) -> None:
        there = self._newcomers.get(caller.share, {})
        if caller in there:
            del there[caller]
            self._waiting.remove(caller.share)
            if not there:
                del self._newcomers[caller.share]
