"""What a node remembers of its clients' secrets: enough to recognise one, and nothing to learn it from."""

from __future__ import annotations

import hashlib

from core.node.kernel.context import Context


class SecretMacs:
    """Keyed hashes of secrets. The key is this process's own, and is written nowhere."""

    def __init__(self, context: Context) -> None:
        self._key = context.rng.randbytes(32)

    def of(self, secret: str) -> bytes:
        """The hash by which a secret is recognised."""
        return hashlib.blake2b(secret.encode(errors="surrogatepass"), key=self._key, digest_size=16).digest()
