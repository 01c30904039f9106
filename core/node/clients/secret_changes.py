"""Secrets that clients change while they are logged in."""

from __future__ import annotations

from typing import Final

from core.node.accounts.secrets import WRONG, Secrets
from core.node.clients.secret_macs import SecretMacs
from core.node.kernel.connections import Session
from core.node.kernel.context import Context
from core.node.kernel.rules import Handler
from core.node.kernel.states import ConnectionState
from core.node.kernel.takers import takes
from core.wire.messages import ChangeSecret, SecretChanged, SecretNotChanged

WRONG_SECRETS_MAX: Final = 3
"""How often in a row a client may give a wrong secret for the present one before it is disconnected."""
WRONG_SECRET_DELAY: Final = 1.0
"""Seconds for which the first such answer is kept back; each further one twice as long."""


class SecretChanges:
    """Gives an account another secret for a client that knows the present one."""

    def __init__(self, context: Context, secrets: Secrets, macs: SecretMacs) -> None:
        self._context = context
        self._secrets = secrets
        self._macs = macs

    def closed(self, session: Session) -> None:
        """The client is gone: it is told nothing any more."""
        self._context.timers.cancel(("wrong secret", session.conn))

    @takes(Handler.CHANGE_SECRET)
    def _change_secret(self, session: Session, message: ChangeSecret) -> None:
        if session.claim is None:
            self._context.send(session, SecretNotChanged("anonymous has no secret; log in with a name"))
            return
        if session.changing:
            self._context.send(session, SecretNotChanged("it is being changed; wait for the answer"))
            return
        session.changing = True
        before, claim = session.secret_macs, session.claim

        def made(verifier: str) -> None:
            # What is under way was written before the client knew: it may repeat the secret of the login.
            if session.verifier is not None and session.claim == claim:
                session.verifier = verifier
                session.secret_macs = (*before, self._macs.of(message.new_secret))

        def done(problem: str | None) -> None:
            if problem is WRONG:
                self._wrong_secret(session)
                return
            session.changing = False
            session.wrong_secrets = 0
            if session.state is not ConnectionState.CLOSING:
                info = f"the secret of {session.user} is changed"
                self._context.send(session, SecretChanged(info) if problem is None else SecretNotChanged(problem))

        self._secrets.change(claim, message.secret, message.new_secret, done, made)

    def _wrong_secret(self, session: Session) -> None:
        """Somebody who is logged in does not know the secret: told late, and then no more, as at a login."""
        if session.state is ConnectionState.CLOSING:
            return
        session.wrong_secrets += 1
        who = f"{session.user} {session.whence}"
        self._context.notify("refused", f"{who} gave a wrong secret for the present one", "warning", user=session.user)
        delay = WRONG_SECRET_DELAY * 2 ** (session.wrong_secrets - 1)

        def tell() -> None:
            session.changing = False
            if session.wrong_secrets < WRONG_SECRETS_MAX:
                self._context.send(session, SecretNotChanged(WRONG))
            else:
                self._context.refuse(session, SecretNotChanged(f"{WRONG}; log in again"), "too many wrong secrets")

        self._context.timers.set(("wrong secret", session.conn), self._context.after(delay), tell)
