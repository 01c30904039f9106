"""Agreeing on a key by a secret, for simulated worlds: hashes in the place of SPAKE2.

Nobody there can undo one, and who does not know the secret gets another key, as is meant.
"""

from __future__ import annotations

import hashlib

from core.node.interface.actions import AgreeOnKey
from core.node.interface.events import KeyAgreed

SECONDS = 0.02
"""What a step takes."""


def agree(action: AgreeOnKey, entropy: bytes) -> KeyAgreed:
    """A step of it. `entropy` is what nobody else draws."""
    if action.state is not None and action.share is not None:
        return KeyAgreed(action.token, key=_key(action, action.state, action.share))
    own = hashlib.blake2b(entropy, digest_size=32).digest()
    if not action.answers:
        return KeyAgreed(action.token, share=own, state=own)
    return KeyAgreed(action.token, share=own, key=_key(action, action.share or b"", own))


def _key(action: AgreeOnKey, dialling: bytes, answering: bytes) -> bytes:
    known = (action.secret.encode(errors="replace"), action.dialling, action.answering, dialling, answering)
    return hashlib.blake2b(b"".join(len(one).to_bytes(4, "big") + one for one in known), digest_size=32).digest()
