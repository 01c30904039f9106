"""Attempts at secrets: who may try now, who has to wait, and whose answer is kept back.

What is checked for one address at a time is bounded, so that a thousand guesses that come at once are not all looked at
before the first has failed. Answers come as before to whoever knows the secret.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from core.admission.guesses import HOSTS_MAX, PATIENCE, Guesses, told_of_habit, told_to_wait
from core.admission.shares import share_of
from core.admission.token_bucket import TokenBuckets
from core.node.interface.actions import Hold
from core.node.kernel.connections import Connection
from core.node.kernel.context import Context
from core.node.kernel.states import ConnectionState

FIRST_DELAY: Final = 1.0
DELAY_MAX: Final = 8.0
"""Seconds that the answer to a wrong secret is kept back, doubled from the first to the second figure."""
FREE: Final = 5
"""Wrong secrets of one address that are answered at once: people mistype, and programs hold old secrets."""
AT_ONCE: Final = 16
"""Attempts of one address that are looked at, or wait for their turn, at a time; more stand behind them."""
REGISTRATION_BURST: Final = 600.0
"""Seconds' worth of registrations that one address may make at once: a class of people begins together."""
STEPS_MAX: Final = 64
"""Attempts behind others that one event takes up: they may all have waited for too long."""


class _Attempt:
    __slots__ = ("account", "checked", "connection", "counted", "host", "refused", "since", "then")

    def __init__(
        self,
        connection: Connection,
        host: str,
        account: str,
        then: Callable[[], None],
        refused: Callable[[str], None],
        since: float,
    ) -> None:
        self.connection = connection
        self.host = host
        self.account = account
        self.then = then
        self.refused = refused
        self.since = since
        self.counted = False
        """Whether it is one of those that are looked at."""
        self.checked = False
        """Whether its secret is being looked at."""


class Attempts:
    """The door for secrets. Each connection has one attempt at a time."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._guesses = Guesses(FIRST_DELAY, DELAY_MAX, FREE)
        self._of: dict[int, _Attempt] = {}
        self._at_once: dict[str, int] = {}
        self._behind: dict[str, dict[_Attempt, None]] = {}
        """For each address, those that stand behind what is looked at, the one that came first at the front."""
        self._going_on: set[str] = set()
        """Addresses whose attempts are just being taken up."""
        rate = context.config.registrations_per_minute / 60.0
        self._newcomers = TokenBuckets(rate, rate * REGISTRATION_BURST, HOSTS_MAX)
        """How many names may be registered from each address."""

    def __len__(self) -> int:
        return len(self._of)

    @property
    def standing_behind(self) -> int:
        """How many wait until others from their address are answered."""
        return sum(map(len, self._behind.values()))

    @property
    def hosts(self) -> int:
        """Addresses from which secrets are being looked at."""
        return len(self._at_once)

    def __contains__(self, conn: int) -> bool:
        return conn in self._of

    def begin(
        self, connection: Connection, account: str, then: Callable[[], None], refused: Callable[[str], None]
    ) -> None:
        """Call `then` when the secret that somebody gave may be looked at, mostly at once, or `refused` with why not.

        `failed` or `succeeded` follows, or `over` if it was not looked at after all.
        """
        context = self._context
        host = share_of(connection.peer.host) if connection.origin != "local" else ""
        attempt = _Attempt(connection, host, account, then, refused, context.now.monotonic)
        self._of[connection.conn] = attempt
        if not host:
            attempt.checked = True
            then()
        elif self._at_once.get(host, 0) >= AT_ONCE:
            self._behind.setdefault(host, {})[attempt] = None
        else:
            self._start(attempt)

    def _start(self, attempt: _Attempt) -> None:
        context = self._context
        conn = attempt.connection.conn
        now = context.now.monotonic
        wait = self._guesses.take(attempt.host, attempt.account, now)
        if wait is None or (now - attempt.since > PATIENCE and self._guesses.guesses(attempt.host, now)):
            self._of.pop(conn, None)
            attempt.refused(told_to_wait(PATIENCE))
            return
        attempt.counted = True
        self._at_once[attempt.host] = self._at_once.get(attempt.host, 0) + 1
        if wait <= 0.0:
            self._look(attempt)
        else:
            context.timers.set(("attempt", conn), context.after(wait), lambda: self._look(attempt))

    def _look(self, attempt: _Attempt) -> None:
        if self._of.get(attempt.connection.conn) is attempt:
            attempt.checked = True
            attempt.then()

    def succeeded(self, connection: Connection) -> None:
        """The secret was right."""
        attempt = self._of.get(connection.conn)
        if attempt is not None:
            if attempt.host:
                self._guesses.succeeded(attempt.host, attempt.account)
            self.over(connection)

    def registered(self, connection: Connection, account: str) -> None:
        """Somebody there has made the account, and so knows its secret."""
        if connection.origin != "local":
            self._guesses.succeeded(share_of(connection.peer.host), account)

    def failed(self, connection: Connection, answer: Callable[[], None]) -> None:
        """The secret was wrong: `answer` is called when that may be told."""
        attempt = self._of.get(connection.conn)
        if attempt is None or not attempt.host:
            self.over(connection)
            answer()
            return
        context = self._context
        delay = self._guesses.failed(attempt.host, attempt.account, context.now.monotonic)
        if self._guesses.has_just_begun(attempt.host):
            context.notify("security", told_of_habit(attempt.host), "warning")
        if delay <= 0.0 or connection.state is ConnectionState.CLOSING:
            answer()
        else:
            context.timers.set(("attempt", connection.conn), context.after(delay), answer)
        self.over(connection)

    def over(self, connection: Connection) -> None:
        """The connection's attempt has ended: the next one of its address has its turn."""
        attempt = self._of.pop(connection.conn, None)
        if attempt is None or not attempt.host:
            return
        host = attempt.host
        if not attempt.counted:
            self._stand_no_longer(attempt)
            return
        left = self._at_once[host] - 1
        if left:
            self._at_once[host] = left
        else:
            del self._at_once[host]
        self._go_on(host)

    def _stand_no_longer(self, attempt: _Attempt) -> None:
        """Whoever hung up leaves nothing: the ones before may take ten seconds, in which thousands come and go."""
        behind = self._behind.get(attempt.host, {})
        behind.pop(attempt, None)
        if not behind:
            self._behind.pop(attempt.host, None)

    def _go_on(self, host: str) -> None:
        """Have those look who stand behind, as far as there are places."""
        if host in self._going_on:
            # One whose attempt is over at once, as that at a name that nobody has: whoever took it up goes on.
            return
        self._going_on.add(host)
        try:
            self._take_up(host)
        finally:
            self._going_on.discard(host)

    def _take_up(self, host: str) -> None:
        behind = self._behind.get(host)
        looked_at = 0
        while behind and self._at_once.get(host, 0) < AT_ONCE:
            if looked_at == STEPS_MAX:
                self._context.timers.set(("behind", host), self._context.after(0.0), lambda: self._go_on(host))
                return
            looked_at += 1
            following = next(iter(behind))
            del behind[following]
            self._start(following)
        if not behind:
            self._behind.pop(host, None)

    def closed(self, connection: Connection) -> None:
        """The connection is gone. What is being looked at still counts when it fails."""
        self._context.timers.cancel(("attempt", connection.conn))
        attempt = self._of.get(connection.conn)
        if attempt is not None and not attempt.checked:
            self.over(connection)

    def registration_problem(self, connection: Connection) -> str | None:
        """Whether somebody's address has registered more names than it may, as a clause; None takes one of them."""
        if connection.origin == "local":
            return None
        wait = self._newcomers.take(share_of(connection.peer.host), self._context.now.monotonic)
        if not wait:
            return None
        return f"too many names are being registered from your address; try again in {max(1, round(wait))} seconds"

    def hold(self, connection: Connection, held: bool) -> None:
        """Hear nothing of a connection that waits for its turn or its answer."""
        self._context.actions.append(Hold(connection.conn, held))
