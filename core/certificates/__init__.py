"""The network's key, and what servers show under it: certificates by which a network and a server of it are known.

What other rooms than the core's need of it is gathered here; each name loads its own module and no other.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from core.lazy_face import lazy

if TYPE_CHECKING:
    from core.certificates.approval import Approval
    from core.certificates.leaf import NotALeaf, ShownLeaf
    from core.certificates.network_key import NetworkKey, fingerprint, is_fingerprint

__all__ = [
    "Approval",
    "NetworkKey",
    "NotALeaf",
    "ShownLeaf",
    "fingerprint",
    "is_fingerprint",
]

if not TYPE_CHECKING:
    __getattr__ = lazy(
        __name__,
        {
            "approval": ("Approval",),
            "leaf": ("NotALeaf", "ShownLeaf"),
            "network_key": ("NetworkKey", "fingerprint", "is_fingerprint"),
        },
    )
