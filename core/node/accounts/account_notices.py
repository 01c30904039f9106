"""What operators are told of accounts that others speak of, so that they see who may have lied.

When a name was registered twice both registrations are named, with the server at which each was accepted, its date, and
which other server has allowed the one that has just come. Nobody can prove who was first where somebody invents
servers, but all of that was signed. Of a changed secret or key the server is named that says so.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from core.node.accounts.book import AccountBook, Renaming
from core.node.kernel.clock import MICROSECONDS
from core.node.kernel.context import Context
from core.node.map.topology import Topology
from core.node.trust.known_keys import KnownKeys
from core.wire.entries import AccountFact, change_in_key

_UNITS: Final = (("days", 86_400), ("hours", 3600), ("minutes", 60), ("seconds", 1))


class AccountNotices:
    """Tells of what has been taken in."""

    def __init__(self, context: Context, book: AccountBook, topology: Topology, known_keys: KnownKeys) -> None:
        self._context = context
        self._book = book
        self._topology = topology
        self._known_keys = known_keys

    def changed(self, fact: AccountFact) -> None:
        """An account has another secret now, or a key of it has changed. Who has changed it here has been told of."""
        if fact.key is None or fact.told_by == self._context.id:
            return
        if change_in_key(fact.key) is not None:
            what = "the secret of {} was changed"
        else:
            what = "a public key was bound to {}" if fact.key.bound else "a public key of {} was taken away"
        name = self._book.name_of(fact.claim) or fact.username
        text = f"{what.format(name)}, says {self._server(fact.told_by)}"
        self._context.tell_few_of(fact.told_by, "security", text, "info", user=name)

    def registered(self, fact: AccountFact, voter: bytes | None, renamings: Sequence[Renaming]) -> None:
        """A registration has been taken in; `voter` is the key of who has allowed it."""
        for renaming in renamings:
            loser, holder = self._book.fact(renaming.claim), self._book.holder(renaming.before)
            if loser is None or holder is None or renaming.after == loser.username:
                text = f"{renaming.before} has the name {renaming.after} again, with which it was registered"
            else:
                self._context.note("gave way", person=renaming.before, after=renaming.after)
                text = self._conflict(renaming.before, holder, loser, renaming.after, fact, voter)
            self._context.notify("renamed", text, "warning", user=renaming.after)
        name = self._book.name_of(fact.claim)
        holder = self._book.holder(fact.username)
        if name in (None, fact.username) or holder is None or any(one.claim == fact.claim for one in renamings):
            return
        self._context.note("gave way", person=fact.username, after=name)
        self._context.notify(
            "renamed", self._conflict(fact.username, holder, fact, name, fact, voter), "warning", user=name
        )

    def _conflict(
        self,
        name: str,
        holder: AccountFact,
        loser: AccountFact,
        after: str | None,
        new: AccountFact,
        voter: bytes | None,
    ) -> str:
        def told(one: AccountFact) -> str:
            return self._registration(one, voter if one.claim == new.claim else None)

        return (
            f"{name} was registered twice: {told(holder)}, and {told(loser)}. The first has the name, the second is"
            f" {after} now. Parts of a network that meet bring that about, and so does a server that lies: see the"
            " README, When a member lies"
        )

    def _registration(self, fact: AccountFact, voter: bytes | None) -> str:
        when = _ago(self._context.now.wall - fact.stamp / MICROSECONDS)
        if not fact.allowed_at:
            allowed = "which no other server has allowed"
        else:
            allowed = f"allowed by {self._server_of(voter) if voter is not None else 'another server'}"
        told_by = f", as {self._server(fact.told_by)} says" if fact.told_by else ""
        return f"at {self._server(fact.claim.partition('.')[0])} {when}, {allowed}{told_by}"

    def _server_of(self, key: bytes) -> str:
        return self._server(self._known_keys.server_of(key))

    def _server(self, server: str) -> str:
        record = self._topology.records.get(server)
        if server == self._context.id:
            return "this server"
        return f"{record.name} ({server})" if record is not None else f"{server} (not on the map)"


def _ago(seconds: float) -> str:
    """How long ago something was, in the largest unit of which there are two."""
    unit, length = next((one for one in _UNITS if seconds >= 2 * one[1]), _UNITS[-1])
    return f"{max(0, int(seconds // length)):,} {unit} ago"
