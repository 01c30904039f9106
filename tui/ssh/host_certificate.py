"""The certificate of the host key: by it people know each server of a network who know the network's authority alone.

The clock plays no part in it: one that jumps would lock everybody out. What ends a certificate's use is another
authority's line in `known_hosts`, and `@revoked` there for a single host key.
"""

from __future__ import annotations

import socket
from collections.abc import Iterable
from typing import Final

import asyncssh
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from core.wire import Scope, scope_of
from tui.text.invitation import PATTERNS

HostKey = tuple[asyncssh.SSHKey, asyncssh.SSHCertificate]
LOOPBACK: Final = ("localhost", "127.0.0.1", "::1")


def authority_key(seed: bytes) -> asyncssh.SSHKey:
    """The authority's key, made of the 32 bytes that are kept of it. Raises ValueError for others."""
    private = Ed25519PrivateKey.from_private_bytes(seed)
    return asyncssh.import_private_key(private.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()))


def public_text(key: asyncssh.SSHKey) -> str:
    """A public key as it stands in `known_hosts`: its kind and its base 64."""
    return " ".join(key.export_public_key("openssh").decode("ascii").split()[:2])


def principals(listens: str, reached: Iterable[str], machine: str) -> tuple[str, ...]:
    """The names and addresses of which a certificate says that its server is found there.

    `listens`: where SSH listens, empty for everywhere; `reached`: what the node tells others; `machine`: this machine's
    name.
    """
    scope = scope_of(listens) if listens else Scope.UNSPECIFIED
    names = [*reached] if scope is Scope.UNSPECIFIED else [*reached, listens]
    if scope is Scope.UNSPECIFIED:
        names += [machine, machine.partition(".")[0]]
    if scope in (Scope.UNSPECIFIED, Scope.MACHINE):
        names += LOOPBACK
    # A client asks for what was typed, in lower case, and takes the last ones for patterns.
    return tuple(dict.fromkeys(name.lower() for name in names if name and PATTERNS.isdisjoint(name)))


class HostCertifier:
    """The host key with its certificate, which says at which hosts the server is found."""

    def __init__(self, host_key: asyncssh.SSHKey, node: str) -> None:
        """`node`: what a client's log calls the certificate."""
        self._host_key = host_key
        self._node = node
        self._certified: tuple[bytes, tuple[str, ...]] | None = None
        self.authority = ""
        """The authority's public key as `known_hosts` has it."""

    def host_keys(self, authority: bytes, listens: str, reached: Iterable[str]) -> list[HostKey]:
        """What `asyncssh.listen` serves: the key with its certificate; who asks for none is shown the key alone.

        `authority`: 32 bytes of which its key is made; `listens`: where SSH listens, empty for everywhere; `reached`:
        what the node tells others.
        """
        names = principals(listens, reached, socket.gethostname())
        assert names, "a certificate without names would be good for all hosts"
        key = authority_key(authority)
        made = key.generate_host_certificate(
            self._host_key, key_id=f"activity-tui {self._node}", principals=list(names)
        )
        self._certified, self.authority = (authority, names), public_text(key)
        return [(self._host_key, made)]

    def renewed(self, authority: bytes, listens: str, reached: Iterable[str]) -> list[HostKey] | None:
        """The same when the authority or the hosts are others than before; None when they are not."""
        before, keys = self._certified, self.host_keys(authority, listens, reached)
        return keys if self._certified != before else None
