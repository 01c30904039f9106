"""Signed link-state records: what a server's key signs of one, and how it goes through servers that know no keys.

What is signed is what the fields say, in a fixed order, not the bytes of a line: a server of the version before reads
a record and writes it anew, without the fields that it does not know. So towards such a server key and signature
travel as a name among `sent`, which they keep and pass on as it is; whoever knows keys puts them back.
"""

from __future__ import annotations

import base64
import hashlib
from typing import Annotated, Final

import msgspec

from core.wire.base_messages import ServerAnnounce
from core.wire.server_keys import PublicKey, Signature

CARRIER: Final = "link-state-signature@activity-tui"
"""The beginning of what is no server's id among those to which clients were sent, but has a key and a signature."""


def signed_digest(record: ServerAnnounce) -> bytes:
    """What the key of a link-state record signs."""
    text = msgspec.json.encode(
        [
            "activity-tui link-state",
            str(record.id),
            record.incarnation,
            record.version,
            record.hostname,
            record.port,
            record.load,
            record.name,
            record.links,
            record.attached,
            record.users,
            record.draining,
            record.left,
            record.successor,
            record.sent,
            record.ssh,
            record.away,
            record.also,
            record.near,
            record.signs_from,
            record.more,
        ]
    )
    return hashlib.blake2b(text, digest_size=32).digest()


def for_servers_before(record: ServerAnnounce) -> ServerAnnounce:
    """A record as it goes to a server that knows no keys: with its signature where that passes it on."""
    if record.key is None or record.signature is None or record.more:
        # What is signed and gets lost there cannot be put back.
        return record
    signs_from = "" if record.signs_from is None else f" {record.signs_from}"
    carrier = f"{CARRIER} {_text(record.key)} {_text(record.signature)}{signs_from}"
    return msgspec.structs.replace(record, sent={**record.sent, carrier: 0}, key=None, signature=None, signs_from=None)


def from_servers_before(record: ServerAnnounce) -> ServerAnnounce:
    """A record as its server signed it, whoever has passed it on."""
    carrier = next((name for name in record.sent if name.startswith(CARRIER)), None)
    if carrier is None or record.key is not None:
        return record
    try:
        carried = _decoder.decode(msgspec.json.encode(carrier.split(" ")[1:]))
    except msgspec.ValidationError:
        return record
    return msgspec.structs.replace(
        record,
        sent={name: count for name, count in record.sent.items() if name != carrier},
        key=carried.key,
        signature=carried.signature,
        signs_from=int(carried.signs_from) if carried.signs_from else None,
    )


class _Carried(msgspec.Struct, array_like=True):
    """What stands behind the name."""

    key: PublicKey
    signature: Signature
    signs_from: Annotated[str, msgspec.Meta(pattern=r"\A[0-9]{1,15}\Z")] = ""


_decoder = msgspec.json.Decoder(_Carried)


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")
