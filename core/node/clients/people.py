"""Who is logged in here: by connection, by account and by name, so that nobody has to look at all of them for one."""

from __future__ import annotations

import bisect
from collections.abc import Iterable

from core.node.kernel.connections import Session


class People:
    """Clients that count as part of this server's load. Changes cost the same however many there are.

    (The sorted names are moved in memory, at a few nanoseconds each.)
    """

    def __init__(self) -> None:
        self._of_claim: dict[str, dict[int, Session]] = {}
        self._of_name: dict[str, int] = {}
        self._names: list[str] = []
        self.load = 0
        self.logins = 0
        """How many clients have ever come."""

    def came(self, session: Session) -> None:
        """A client is logged in as its `user` and `claim`."""
        self.load += 1
        self.logins += 1
        session.counted, session.login_number = True, self.logins
        if session.claim is not None:
            self._of_claim.setdefault(session.claim, {})[session.conn] = session
        if session.user:
            self._name(session.user)

    def left(self, session: Session) -> None:
        """It is not any more; nothing if it was not."""
        if not session.counted:
            return
        self.load -= 1
        session.counted = False
        if session.claim is not None and session.claim in self._of_claim:
            self._of_claim[session.claim].pop(session.conn, None)
            if not self._of_claim[session.claim]:
                del self._of_claim[session.claim]
        if session.user:
            self._unname(session.user)

    def rename(self, session: Session, name: str) -> None:
        """The account's name is another one."""
        if session.counted and session.user:
            self._unname(session.user)
            self._name(name)
        session.user = name

    def of(self, claim: str) -> Iterable[Session]:
        """The clients of an account, the one that came first at the front."""
        return list(self._of_claim.get(claim, {}).values())

    def has(self, claim: str) -> bool:
        """Whether an account is logged in here."""
        return claim in self._of_claim

    def has_accounts(self) -> bool:
        """Whether anybody with an account is logged in here."""
        return bool(self._of_claim)

    def names(self, most: int | None = None) -> list[str]:
        """Names that are logged in here, sorted; the first so many."""
        return self._names[:most]

    def _name(self, name: str) -> None:
        known = self._of_name.get(name, 0)
        self._of_name[name] = known + 1
        if not known:
            bisect.insort(self._names, name)

    def _unname(self, name: str) -> None:
        left = self._of_name[name] - 1
        if left:
            self._of_name[name] = left
        else:
            del self._of_name[name]
            del self._names[bisect.bisect_left(self._names, name)]
