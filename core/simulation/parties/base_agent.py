"""A client that speaks only the base protocol: no acknowledgements, no history, and nothing about its connection."""

from __future__ import annotations

from typing import Final

from core.simulation.environment.connection_ends import End
from core.simulation.environment.environment import Environment
from core.simulation.environment.randomness import between
from core.simulation.environment.simulated_network import DialFailure
from core.simulation.ledger import Ledger
from core.simulation.parties.agent import Agent, Hearsay
from core.wire.address import Address
from core.wire.codec import Frame
from core.wire.messages import (
    ActivityBroadcast,
    ActivityMessage,
    AuthenticationFail,
    InvalidMessage,
    Login,
    LoginFailed,
    LoginSuccess,
    Logout,
    Message,
    Redirect,
    Register,
    RegisterFailed,
    RegisterSuccess,
    command_of,
)

DIAL_LIMIT: Final = 3.0
ANSWER_LIMIT: Final = 15.0
"""Seconds after which somebody who has not been answered tries elsewhere."""
RETRY: Final = (0.2, 1.5)
"""Least and greatest seconds between losing a connection and the next attempt."""


class BaseAgent(Agent):
    """Somebody with a client from the original network. When it loses its connection the person starts it again."""

    def __init__(
        self,
        environment: Environment,
        ledger: Ledger,
        hearsay: Hearsay,
        name: str,
        *,
        registers: bool,
        username: str | None = None,
    ) -> None:
        super().__init__(environment, ledger, hearsay, name, registers=registers, username=username)
        self.session = 0
        """Counts connections and attempts, so that what belonged to an earlier one is recognised."""

    # --- what the person does -----------------------------------------------------------------------------------------

    def arrive(self, address: Address) -> None:
        if not self.wanted and not self.gave_up:
            self.wanted = True
            self._connect(address)

    def move(self, address: Address) -> None:
        if self.wanted:
            self._drop("moving")
            self._connect(address)

    def leave(self) -> None:
        if self.wanted:
            self.wanted = False
            self._say(Logout())
            self._drop("logged out")
            self.ledger.left(self)

    def post(self) -> None:
        if self.logged_in:
            number = self.next_number()
            self._say(ActivityMessage(self.username, self.body(number), self._secret))

    @property
    def _secret(self) -> str | None:
        return self.secret if self.username != "anonymous" else None

    # --- connections --------------------------------------------------------------------------------------------------

    def _connect(self, address: Address) -> None:
        """Open a connection, in place of whatever there is."""
        self.session += 1
        session = self.session

        def then(outcome: End | DialFailure) -> None:
            if session != self.session or not self.wanted:
                if isinstance(outcome, End):
                    outcome.vanish(told=True)
            elif isinstance(outcome, DialFailure):
                self._connect_later()
            else:
                self.end = outcome
                outcome.party = self
                if self.registered:
                    self._say(Login(self.username, self._secret))
                else:
                    self._say(Register(self.username, self.secret))
                self.environment.schedule.after(ANSWER_LIMIT, lambda: self._check_answered(session))

        self.environment.network.dial(self.host, address, DIAL_LIMIT, then)

    def _check_answered(self, session: int) -> None:
        if not self.logged_in:
            self.give_up_on(session)

    def give_up_on(self, session: int) -> None:
        """Start afresh elsewhere, if it is still that connection."""
        if session == self.session and self.end is not None:
            self._drop("no answer")
            self._connect_later()

    def _connect_later(self) -> None:
        self.session += 1
        session = self.session

        def again() -> None:
            if session == self.session and self.wanted:
                self._connect(self.some_server())

        self.environment.schedule.after(between(self.rng, *RETRY), again)

    def _drop(self, reason: str) -> None:
        self.session += 1
        end, self.end = self.end, None
        self._logged_out()
        if end is not None:
            end.party = None
            end.close(reason)

    def _logged_out(self) -> None:
        self.line += 1
        if self.logged_in:
            self.logged_in = False
            self.ledger.disconnected(self, noticed=self.hearsay.whole)

    def _say(self, message: Message) -> None:
        if self.end is not None:
            self.end.send(Frame(message))

    def garbled(self, conn: int, info: str) -> None:
        self.ledger.problem("base protocol", f"{self.name} was sent what is no message: {info}")

    def closed(self, conn: int, reason: str) -> None:
        if self.end is not None and self.end.conn == conn:
            self.end = None
            self.session += 1
            self._logged_out()
            if self.wanted:
                self._connect_later()

    # --- messages -----------------------------------------------------------------------------------------------------

    def received(self, conn: int, message: Message) -> None:
        if self.end is None or self.end.conn != conn:
            return
        ledger = self.ledger
        match message:
            case ActivityBroadcast():
                if not self.logged_in:
                    ledger.problem("base protocol", f"{self.name} was sent an activity before its login")
                ledger.delivered(self, bytes(message.activity))
            case LoginSuccess():
                self.logged_in = True
                # Nobody knows what it had seen before: on each connection it is somebody new.
                ledger.new_client(self)
                if not self.hearsay.whole:
                    ledger.disconnected(self, noticed=False)
                ledger.logged_in(self, self.username)
                if self.end.peer in ledger.strangers:
                    ledger.disconnected(self, noticed=False)
            case Redirect():
                ledger.redirected(self)
                self._drop("redirected")
                self._connect(Address(message.hostname, int(message.port)))
            case RegisterSuccess():
                self.registered = True
                ledger.registered(self)
                self._say(Login(self.username, self._secret))
            case RegisterFailed():
                # Whether an earlier attempt, whose answer was lost, had succeeded, only a login shows.
                self.registered = True
            case LoginFailed():
                if ledger.is_taken(self):
                    self.gave_up = True
                    self.wanted = False
                elif not ledger.was_registered(self) and self.registers:
                    self.registered = False
            case AuthenticationFail() | InvalidMessage():
                pass
            case _:
                ledger.problem("base protocol", f"{self.name} was sent {command_of(message)}, which it does not know")
