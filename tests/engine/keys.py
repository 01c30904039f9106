"""Keys for servers that encrypt."""

from __future__ import annotations

import secrets
import ssl

from core.certificates.network_key import NetworkKey
from core.engine.sockets.network_tls import NetworkTls
from core.wire.kept_network import KeptNetwork


def some_network(founded_at: float | None = 1.0) -> KeptNetwork:
    """A network of its own."""
    seed = secrets.token_bytes(32)
    return KeptNetwork(seed, NetworkKey(seed).public, founded_at, ssh=secrets.token_bytes(32))


def some_tls(network: KeptNetwork | None = None) -> NetworkTls:
    """What a server of a network shows, of one of its own where none is named."""
    return NetworkTls(secrets.token_bytes(32), network or some_network())


def some_person() -> ssl.SSLContext:
    """How somebody encrypts who shows nothing, and looks at nothing."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
