"""Agreeing on a key by a secret: SPAKE2 (RFC 9382) on the curve of Ed25519, as magic-wormhole does it.

Who listens, or has only one side's share, cannot tell a right guess at the secret from a wrong one. A step takes a few
milliseconds, so it is computed in a thread.
"""

from __future__ import annotations

import logging
import time
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec.structs import replace

from core.node.interface.actions import AgreeOnKey, UseInvitation
from core.node.interface.events import KeyAgreed
from core.store.invitation_file import code_named, take

if TYPE_CHECKING:
    from spake2 import SPAKE2_A, SPAKE2_B

log = logging.getLogger(__name__)


def use(action: UseInvitation, data_dir: Path | None) -> bool:
    """Use an invitation once; whether it was still good. Whatever is wrong with the file, it raises nothing."""
    try:
        return data_dir is not None and take(data_dir, action.invitation, time.time())
    except (OSError, ValueError) as error:
        log.warning("no invitation can be used: %s", error)
        return False


def agree(action: AgreeOnKey, data_dir: Path | None = None) -> KeyAgreed:
    """Compute a step; codes of invitations are in `data_dir`. Whatever the other side has sent, it raises nothing: what
    is no share leads to no key."""
    from spake2.spake2 import SPAKEError  # Here and below: hardly any start needs it, and it takes a while.

    try:
        if action.invitation:
            code = code_named(data_dir, action.invitation, time.time()) if data_dir is not None else None
            if code is None:
                return KeyAgreed(action.token)
            action = replace(action, secret=code)
        return _step(action)
    except (SPAKEError, OSError, ValueError, AssertionError, IndexError, TypeError) as error:
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
