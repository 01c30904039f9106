"""The wire: messages as typed structs, lines, limits, and what the network replicates.

What other rooms than the core's need of it is gathered here. Each name loads its own module and no other, so that a
command that only parses an address loads no more than that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from core.lazy_face import lazy

if TYPE_CHECKING:
    from core.wire.address import Address, parse_address, parse_port
    from core.wire.ed25519 import Ed25519Signer
    from core.wire.entries import AccountFact, Entry, EntryId, KeyChange, Stream, parse_entry_id
    from core.wire.framing import LineSplitter, LineTooLong
    from core.wire.idempotency import idempotency_fingerprint
    from core.wire.invitations import CODE_BYTES, Invited, code_id, code_of, invitation_line, read_invitation
    from core.wire.limits import CLIENT_LINE_BYTES_MAX, DEFAULT_PORT, SECRET_CHARACTERS_MAX
    from core.wire.messages import OrderList
    from core.wire.names import ANONYMOUS, name_problem, original_name, registrable_problem, secret_problem
    from core.wire.references import (
        REFERENCE_CHARACTERS_MAX,
        EntryReference,
        PostReference,
        Reference,
        entry_reference,
        post_reference,
        read_reference,
        reference_in,
    )
    from core.wire.scope import Scope, literal, scope_of, why_not_advertised, why_not_reached
    from core.wire.secret_keeping import KeepsSecret
    from core.wire.server_keys import ServerKey, fingerprint, is_certified
    from core.wire.signed_orders import (
        ListedOperator,
        ListedOrder,
        Order,
        code_verifier,
        operator_fingerprint,
        read_public_key,
    )

__all__ = [
    "ANONYMOUS",
    "CLIENT_LINE_BYTES_MAX",
    "CODE_BYTES",
    "DEFAULT_PORT",
    "REFERENCE_CHARACTERS_MAX",
    "SECRET_CHARACTERS_MAX",
    "AccountFact",
    "Address",
    "Ed25519Signer",
    "Entry",
    "EntryId",
    "EntryReference",
    "Invited",
    "KeepsSecret",
    "KeyChange",
    "LineSplitter",
    "LineTooLong",
    "ListedOperator",
    "ListedOrder",
    "Order",
    "OrderList",
    "PostReference",
    "Reference",
    "Scope",
    "ServerKey",
    "Stream",
    "code_id",
    "code_of",
    "code_verifier",
    "entry_reference",
    "fingerprint",
    "idempotency_fingerprint",
    "invitation_line",
    "is_certified",
    "literal",
    "name_problem",
    "operator_fingerprint",
    "original_name",
    "parse_address",
    "parse_entry_id",
    "parse_port",
    "post_reference",
    "read_invitation",
    "read_public_key",
    "read_reference",
    "reference_in",
    "registrable_problem",
    "scope_of",
    "secret_problem",
    "why_not_advertised",
    "why_not_reached",
]

if not TYPE_CHECKING:
    # A checker that sees it takes every name for one of the package's.
    __getattr__ = lazy(
        __name__,
        {
            "address": (
                "Address",
                "parse_address",
                "parse_port",
            ),
            "ed25519": ("Ed25519Signer",),
            "entries": (
                "AccountFact",
                "Entry",
                "EntryId",
                "KeyChange",
                "Stream",
                "parse_entry_id",
            ),
            "framing": (
                "LineSplitter",
                "LineTooLong",
            ),
            "idempotency": ("idempotency_fingerprint",),
            "invitations": ("CODE_BYTES", "Invited", "code_id", "code_of", "invitation_line", "read_invitation"),
            "limits": (
                "CLIENT_LINE_BYTES_MAX",
                "DEFAULT_PORT",
                "SECRET_CHARACTERS_MAX",
            ),
            "messages": ("OrderList",),
            "names": (
                "ANONYMOUS",
                "name_problem",
                "original_name",
                "registrable_problem",
                "secret_problem",
            ),
            "references": (
                "REFERENCE_CHARACTERS_MAX",
                "EntryReference",
                "PostReference",
                "Reference",
                "post_reference",
                "entry_reference",
                "read_reference",
                "reference_in",
            ),
            "secret_keeping": ("KeepsSecret",),
            "signed_orders": (
                "ListedOperator",
                "ListedOrder",
                "Order",
                "code_verifier",
                "operator_fingerprint",
                "read_public_key",
            ),
            "server_keys": ("ServerKey", "fingerprint", "is_certified"),
            "scope": (
                "Scope",
                "literal",
                "scope_of",
                "why_not_advertised",
                "why_not_reached",
            ),
        },
    )
