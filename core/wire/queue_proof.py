"""The proof with which somebody asks a server for its queues: that the network's secret is known, without saying it.

A keyed hash (HMAC, RFC 2104) over the server's id and the time at that server, as its own status told them: whoever
listens can ask that server the same for as long as the time counts, and nothing else.
"""

from __future__ import annotations

import hashlib
import hmac

SECONDS_VALID = 60.0
"""For how long after it was told a time may be named."""


def milliseconds(at: float) -> int:
    """A status's time as a proof names it."""
    return int(at * 1000)


def queue_proof(secret: str, server: str, at: int) -> str:
    """What proves to `server` that the network's secret is known; `at`: its time, in milliseconds since 1970."""
    told = f"activity-tui queues {server} {at}"
    return hmac.new(secret.encode(errors="replace"), told.encode(), hashlib.sha256).hexdigest()


def is_proof(proof: str, secret: str, server: str, at: int) -> bool:
    """Whether it is the one. Takes as long when it is not."""
    return hmac.compare_digest(proof.encode(errors="replace"), queue_proof(secret, server, at).encode())
