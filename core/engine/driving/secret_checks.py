"""Secrets that the node has hashed or verified, each for a connection: dropped when that ends before its turn."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from core.engine.threads.key_agreement import agree, use
from core.engine.threads.passwords import Check, Passwords
from core.engine.transport.stream_connection import StreamConnection
from core.node.interface.actions import AgreeOnKey, HashSecret, UseInvitation, VerifySecret
from core.node.interface.events import Event, InvitationUsed, KeyAgreed, SecretHashed, SecretVerified


class SecretChecks:
    """`connections` are those that there are, by their numbers; invitations are in `data_dir`, if there are any."""

    def __init__(
        self,
        passwords: Passwords,
        connections: Mapping[int, StreamConnection],
        deliver: Callable[[Event], None],
        data_dir: Path | None,
    ) -> None:
        self._data_dir = data_dir
        self._passwords = passwords
        self._connections = connections
        self._deliver = deliver
        self._checks: dict[int, dict[int, Check[Any]]] = {}
        """What is processed, or waits for it, for each connection."""

    def __len__(self) -> int:
        """For how many connections something is processed."""
        return len(self._checks)

    def hash(self, action: HashSecret) -> None:
        token = action.token
        made = self._passwords.hash(
            action.secret,
            lambda verifier: self._computed(action.conn, token, SecretHashed(token, verifier)),
            host=self._asking(action.conn),
            account=action.account,
        )
        self._note(action.conn, token, made)

    def verify(self, action: VerifySecret) -> None:
        token = action.token
        made = self._passwords.verify(
            action.secret,
            action.verifier,
            lambda matches: self._computed(action.conn, token, SecretVerified(token, matches)),
            host=self._asking(action.conn),
            account=action.account,
        )
        self._note(action.conn, token, made)

    def agree(self, action: AgreeOnKey) -> None:
        token = action.token
        made = self._passwords.compute(
            partial(agree, action, self._data_dir),
            lambda agreed: self._computed(action.conn, token, agreed or KeyAgreed(token)),
            host=self._asking(action.conn),
            account="a server to be admitted",
        )
        self._note(action.conn, token, made)

    def use(self, action: UseInvitation) -> None:
        """Use an invitation once."""
        token = action.token
        self._passwords.compute(
            partial(use, action, self._data_dir),
            lambda good: self._deliver(InvitationUsed(token, bool(good))),
        )

    def drop(self, conn: int) -> None:
        """The connection has ended: nobody waits for its answers."""
        for check in list(self._checks.pop(conn, {}).values()):
            check.drop()

    def _asking(self, conn: int | None) -> str:
        """In whose turn something is computed."""
        connection = self._connections.get(conn) if conn is not None else None
        return connection.share if connection is not None else ""

    def _note(self, conn: int | None, token: int, check: Check[Any]) -> None:
        if conn is None:
            return
        if conn in self._connections:
            self._checks.setdefault(conn, {})[token] = check
        else:
            check.drop()

    def _computed(self, conn: int | None, token: int, answer: SecretHashed | SecretVerified | KeyAgreed) -> None:
        if conn is not None and conn in self._checks:
            self._checks[conn].pop(token, None)
            if not self._checks[conn]:
                del self._checks[conn]
        self._deliver(answer)
