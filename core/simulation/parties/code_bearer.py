"""Somebody who has lost their secret, and has a code by which they give their account another one."""

from __future__ import annotations

from typing import Final

from core.simulation.environment.connection_ends import End
from core.simulation.environment.environment import Environment
from core.simulation.environment.simulated_network import DialFailure
from core.simulation.parties.native_agent import NativeAgent
from core.wire.address import Address
from core.wire.codec import Frame
from core.wire.messages import Message, RedeemCode, SecretChanged

DIAL_LIMIT: Final = 3.0


class CodeBearer:
    """One try at one server, as the command line makes it."""

    def __init__(self, environment: Environment, agent: NativeAgent, server: Address, code: str, at: float) -> None:
        """`at`: when, so that each try is for another secret."""
        self._environment = environment
        self._agent = agent
        self._server = server
        self._code = code
        self._secret = f"{agent.secret}, by a code at {at!r}"
        self._end: End | None = None

    def start(self) -> None:
        self._environment.network.dial(self._agent.host, self._server, DIAL_LIMIT, self._dialled)

    def _dialled(self, outcome: End | DialFailure) -> None:
        if isinstance(outcome, End):
            self._end = outcome
            outcome.party = self
            self._agent.may_have_by_code(self._secret, certain=False, server=self._server)
            outcome.send(Frame(RedeemCode(self._agent.username, self._code, self._secret)))

    def received(self, conn: int, message: Message) -> None:
        if isinstance(message, SecretChanged):
            self._agent.may_have_by_code(self._secret, certain=True, server=self._server)
        if self._end is not None:
            end, self._end = self._end, None
            end.party = None
            end.close("answered")

    def garbled(self, conn: int, info: str) -> None:
        """Nobody looks at it."""

    def closed(self, conn: int, reason: str) -> None:
        self._end = None
