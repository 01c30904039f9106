"""People whose secret is lost: with a one-time code of an operator's they give their account another one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from core.node.accounts.attempts import Attempts
from core.node.accounts.book import AccountBook
from core.node.accounts.secrets import Secrets
from core.node.kernel.connections import Connection, Session
from core.node.kernel.context import Context
from core.node.kernel.rules import Handler
from core.node.kernel.states import ConnectionState, Outcome
from core.node.kernel.takers import takes
from core.node.orders.ordering import Orders
from core.wire.messages import RedeemCode, SecretChanged, SecretNotChanged
from core.wire.names import secret_problem

NO_CODE: Final = "that is no code of this account's, or it was used, or its time is over; ask an operator for another"


class CodeRedeeming:
    """Takes codes. `session_of` makes a client of a connection, and `go_on` takes up what came meanwhile."""

    def __init__(
        self,
        context: Context,
        accounts: AccountBook,
        secrets: Secrets,
        orders: Orders,
        attempts: Attempts,
        session_of: Callable[[Connection], Session],
        go_on: Callable[[Session, Outcome], None],
    ) -> None:
        self._context = context
        self._accounts = accounts
        self._secrets = secrets
        self._orders = orders
        self._attempts = attempts
        self._session_of = session_of
        self._go_on = go_on

    @takes(Handler.REDEEM)
    def _redeems(self, connection: Connection, message: RedeemCode) -> None:
        session = self._session_of(connection)
        session.enter(Outcome.REGISTRATION_BEGUN)
        problem = secret_problem(message.secret)
        if problem is not None:
            self._refuse(session, problem)
            return
        self._attempts.begin(
            session, message.username, lambda: self._look(session, message), lambda why: self._refuse(session, why)
        )

    def _look(self, session: Session, message: RedeemCode) -> None:
        """It is this client's turn."""
        if session.state is not ConnectionState.REGISTERING:
            self._attempts.over(session)
            return
        found = next(
            (
                (fact, order_id)
                for fact in self._accounts.candidates(message.username)
                for order_id in self._orders.codes_of(fact.claim, message.code)
                if not self._secrets.is_used(fact.claim, order_id)
            ),
            None,
        )
        if found is None:
            text = f"somebody {session.whence} gave a code for {message.username[:64]} that is none"
            self._context.notify("refused", text, "warning")
            self._attempts.failed(session, lambda: self._refuse(session, NO_CODE))
            return
        self._attempts.succeeded(session)
        fact, order_id = found

        def done(problem: str | None) -> None:
            if session.state is not ConnectionState.REGISTERING:
                return
            if problem is not None:
                self._refuse(session, problem)
                return
            self._context.send(session, SecretChanged(f"{message.username} has another secret"))
            self._go_on(session, Outcome.REGISTERED)

        self._secrets.replace(fact.claim, message.secret, order_id, done)

    def _refuse(self, session: Session, problem: str) -> None:
        if session.state is ConnectionState.REGISTERING:
            self._context.refuse(session, SecretNotChanged(problem), f"the code was refused: {problem}")
