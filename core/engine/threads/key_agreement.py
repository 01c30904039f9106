"""Agreeing on a key by a secret: SPAKE2 (RFC 9382) on the curve of Ed25519, as magic-wormhole does it.

Who listens, or has only one side's share, cannot tell a right guess at the secret from a wrong one. A step takes a few
milliseconds, so it is computed in a thread.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from core.node.interface.actions import AgreeOnKey
from core.node.interface.events import KeyAgreed

if TYPE_CHECKING:
    from spake2 import SPAKE2_A, SPAKE2_B

log = logging.getLogger(__name__)


def agree(action: AgreeOnKey) -> KeyAgreed:
    """Compute a step. Whatever the other side has sent, it raises nothing: what is no share leads to no key."""
    from spake2.spake2 import SPAKEError  # Here and below: hardly any start needs it, and it takes a while.

    try:
        return _step(action)
    except (SPAKEError, ValueError, AssertionError, IndexError, TypeError) as error:
        # What is no point of the curve is an AssertionError or a ValueError, by what is wrong with it.
        log.info("no key was agreed on: %s", type(error).__name__)
        return KeyAgreed(action.token)


def _step(action: AgreeOnKey) -> KeyAgreed:
    from spake2 import SPAKE2_A, SPAKE2_B

    secret = action.secret.encode(errors="surrogatepass")
    if action.answers:
        answering: SPAKE2_B = SPAKE2_B(secret, idA=action.dialling, idB=action.answering)
        share = answering.start()
        return KeyAgreed(action.token, share=share, key=answering.finish(action.share))
    if action.state is not None:
        dialling: SPAKE2_A = SPAKE2_A.from_serialized(action.state)
        return KeyAgreed(action.token, key=dialling.finish(action.share))
    dialling = SPAKE2_A(secret, idA=action.dialling, idB=action.answering)
    share = dialling.start()
    return KeyAgreed(action.token, share=share, state=dialling.serialize())
