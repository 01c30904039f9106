"""Wrong secrets: who gave how many, and how long the next one has to wait.

One implementation for a user's secret, the network's secret, and both doors (the protocol's port, and SSH).

Whoever guesses is slowed by the address that the guesses come from, so that nobody can keep a user out from elsewhere.
A name and an address that belong together, because the right secret for it has come from there before, are not slowed
by what else comes from that address ("device cookies", OWASP; here the address stands in for the cookie). A name that
many addresses fail at is guarded a little: addresses that have never known its secret lose their free attempts.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Final, TypeVar

_Key = TypeVar("_Key")
_Value = TypeVar("_Value")

HOSTS_MAX: Final = 10_000
"""Addresses, pairs and names that are remembered: those with the oldest news are forgotten first."""
FORGET_AFTER: Final = 600.0
"""Seconds without a failure after which a host's are forgotten."""
HABIT: Final = 5
"""Failures after which a host is taken for one that guesses."""
PATIENCE: Final = 10.0
"""Seconds that an attempt may have to wait for its turn; beyond it is refused without a look."""
ACCOUNTS_MAX: Final = 64
"""Names of which it is known how often one host failed at them."""
TARGET_HOSTS: Final = 16
"""From so many hosts that failed at one name on, somebody is guessing at it from all over the place."""


def told_of_habit(host: str) -> str:
    """What operators read when a host has begun to be slowed."""
    return f"{HABIT} wrong secrets came from {host}: what comes from there is answered more and more slowly"


def told_to_wait(seconds: float) -> str:
    """What somebody reads whose attempt is not looked at, as a clause."""
    return f"too many wrong secrets came from your address; try again in {max(1, round(seconds))} seconds"


class _Host:
    __slots__ = ("accounts", "count", "last", "next_at")

    def __init__(self) -> None:
        self.count = 0
        self.last = 0.0
        self.next_at = 0.0
        """When the next attempt may be looked at."""
        self.accounts: dict[str, int] = {}
        """Failures at each name: forgiven when the right secret comes."""


class Guesses:
    """Counts failed attempts by host and by name. Bounded. Times are monotonic seconds."""

    def __init__(self, first_delay: float, delay_max: float, free: int = 0) -> None:
        """`free`: failures of a host whose answers are not kept back."""
        self._first_delay = first_delay
        self._delay_max = delay_max
        self._free = free
        self._hosts: OrderedDict[str, _Host] = OrderedDict()
        self._friends: OrderedDict[tuple[str, str], int] = OrderedDict()
        """Pairs of host and name for which the right secret has come; failures since then."""
        self._targets: OrderedDict[str, OrderedDict[str, float]] = OrderedDict()
        """Names, and the hosts that failed at them last."""

    def failed(self, host: str, account: str, now: float) -> float:
        """Another failure; seconds for which its answer should be kept back."""
        pair = (host, account)
        mistakes = self._friends.get(pair)
        if mistakes is not None:
            mistakes += 1
            if mistakes < HABIT:
                self._friends[pair] = mistakes
                return self._delay(mistakes - self._free)
            # Nobody mistypes so often: somebody else comes from there as well.
            del self._friends[pair]
        known = self._hosts.pop(host, None)
        if known is None or now - known.last > FORGET_AFTER:
            known = _Host()
        _put(self._hosts, host, known)
        known.count += 1
        known.last = now
        if account in known.accounts or len(known.accounts) < ACCOUNTS_MAX:
            known.accounts[account] = known.accounts.get(account, 0) + 1
        known.next_at = max(known.next_at, now + self._delay(known.count + 1 - HABIT))
        hosts = self._targets.pop(account, None) or OrderedDict()
        hosts.pop(host, None)
        _put(hosts, host, now, TARGET_HOSTS)
        _put(self._targets, account, hosts)
        return self._delay(known.count - self._free)

    def guesses(self, host: str, now: float) -> bool:
        """Whether a host is in the habit of failing."""
        known = self._hosts.get(host)
        return known is not None and known.count >= HABIT and now - known.last <= FORGET_AFTER

    def has_just_begun(self, host: str) -> bool:
        """Whether its latest failure has made a host one that guesses."""
        known = self._hosts.get(host)
        return known is not None and known.count == HABIT

    def penalty(self, host: str, account: str, now: float) -> float:
        """Seconds that somebody from there should wait before they may try: none until it has become a habit."""
        if (host, account) in self._friends:
            return 0.0
        if self.guesses(host, now):
            return self._delay(self._hosts[host].count + 1 - HABIT)
        return self._first_delay if self._is_target(account, now) else 0.0

    def take(self, host: str, account: str, now: float) -> float | None:
        """Seconds until an attempt may be looked at, which takes its turn; None: there are too many before it."""
        if (host, account) in self._friends:
            return 0.0
        if not self.guesses(host, now):
            return self._first_delay if self._is_target(account, now) else 0.0
        known = self._hosts[host]
        at = max(now, known.next_at)
        if at - now > PATIENCE:
            return None
        known.next_at = at + self._delay(known.count + 1 - HABIT)
        return at - now

    def succeeded(self, host: str, account: str) -> None:
        """The right secret has come: failures of this host at this name were mistakes."""
        self._friends.pop((host, account), None)
        _put(self._friends, (host, account), 0)
        known = self._hosts.get(host)
        if known is not None:
            known.count -= known.accounts.pop(account, 0)
            if known.count <= 0:
                del self._hosts[host]

    def _is_target(self, account: str, now: float) -> bool:
        hosts = self._targets.get(account)
        return hosts is not None and len(hosts) >= TARGET_HOSTS and now - next(iter(hosts.values())) <= FORGET_AFTER

    def _delay(self, count: int) -> float:
        return 0.0 if count < 1 else float(min(self._delay_max, self._first_delay * 2.0 ** min(count - 1, 16)))


def _put(table: OrderedDict[_Key, _Value], key: _Key, value: _Value, most: int = HOSTS_MAX) -> None:
    table[key] = value
    if len(table) > most:
        table.popitem(last=False)
