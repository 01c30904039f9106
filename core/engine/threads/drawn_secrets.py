"""What a network's key and secret are made of, drawn where the system draws keys."""

from __future__ import annotations

import secrets
from typing import Final

from core.node.interface.events import SecretsDrawn
from core.wire.kept_network import NETWORK_SEED_BYTES
from core.wire.kept_secret import BLIND_BYTES

SECRET_BYTES: Final = 18
"""Of a network's secret: 144 bits, which nobody guesses."""


def made_secret() -> str:
    """A secret of a network's."""
    return secrets.token_urlsafe(SECRET_BYTES)


def drawn_secrets(token: int) -> SecretsDrawn:
    """The answer to a DrawSecrets."""
    seed, ssh = secrets.token_bytes(NETWORK_SEED_BYTES), secrets.token_bytes(NETWORK_SEED_BYTES)
    return SecretsDrawn(token, seed, ssh, made_secret(), secrets.token_bytes(BLIND_BYTES))
