"""Which servers a client talks to: those that prove to be of the one network that it knows.

A connection is encrypted, and its other side has shown who it is, before the client says a word. So whoever listens at
an address where a server was, or was said to be, hears nothing: no name, no secret, not even that somebody wanted to
log in."""

from __future__ import annotations

import functools
import ssl
from collections.abc import Callable
from typing import Final

from core.certificates.approval import Approval
from core.certificates.leaf import NotALeaf, ShownLeaf, read_leaf
from core.wire.address import Address

_NO_ROOM: Final = "TLSV1_ALERT_INTERNAL_ERROR"
"""What a server of ours says to who encrypts, in the place of a reason."""


class WrongNetwork(ConnectionError):
    """Whoever listens at an address is no server of the network. `shown` is the fingerprint of the one that it has
    shown; None: it does not encrypt, or shows what is no server's of any network."""

    def __init__(self, shown: str | None) -> None:
        super().__init__(f"it is a server of another network, {shown}" if shown else "it is no server of the network")
        self.shown = shown


class NetworkTrust:
    """A network, known by its fingerprint. Where the network's key is succeeded by another one, that is known from then
    on."""

    def __init__(
        self,
        fingerprint: str,
        *,
        on_met: Callable[[Address], None] = lambda address: None,
        on_succeeded: Callable[[str, str], None] = lambda old, new: None,
        approved: Approval | None = None,
        on_approved: Callable[[str, Approval], None] = lambda network, approval: None,
    ) -> None:
        """`on_met` is called with each address at which a server of the network was met; `on_succeeded` with both
        fingerprints, when there is another one.

        `approved` is whose word it is that the network has this key, as far as that is known: then no other key is
        followed but by a later word of theirs. The first that is shown is known from then on, and `on_approved` called
        with the network and it.
        """
        self.fingerprint = fingerprint
        self.approved = approved
        self._on_approved = on_approved
        self._on_met = on_met
        self._on_succeeded = on_succeeded

    def meet(self, address: Address, encrypted: ssl.SSLObject) -> None:
        """Somebody has been connected to. Raises WrongNetwork."""
        leaf = leaf_of(encrypted)
        if leaf is None or not leaf.is_of(self.fingerprint, self.approved):
            raise WrongNetwork(leaf.fingerprint if leaf is not None else None)
        before, self.fingerprint = self.fingerprint, leaf.fingerprint
        # First: who is stopped in between knows whose word counts under the key before, or under this one.
        self._know_operator(leaf.approval)
        if before != self.fingerprint:
            self._on_succeeded(before, self.fingerprint)
        self._on_met(address)

    def _know_operator(self, shown: Approval | None) -> None:
        known = self.approved
        if shown is None or shown == known:
            return
        if known is None or ((shown.operator, shown.tag) == (known.operator, known.tag) and shown.stamp > known.stamp):
            self.approved = shown
            self._on_approved(self.fingerprint, shown)


def leaf_of(encrypted: ssl.SSLObject) -> ShownLeaf | None:
    """What the other side of a connection has shown; None if that is nothing of ours."""
    certificate = encrypted.getpeercert(True)
    try:
        return read_leaf(certificate) if certificate is not None else None
    except NotALeaf:
        return None


def speaks_no_tls(error: OSError) -> bool:
    """Whether an attempt at agreeing on keys has failed because the other side speaks something else."""
    return isinstance(error, ssl.SSLError) and error.reason not in (None, _NO_ROOM)


@functools.cache
def client_tls() -> ssl.SSLContext:
    """How a client encrypts: TLS 1.3. OpenSSL proves that the other side has the key that it shows, and no more: whose
    that is, `NetworkTrust` looks at."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
