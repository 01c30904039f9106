"""Activities: processing one without disturbing what its sender wrote."""

from __future__ import annotations

import msgspec

from core.wire.limits import NESTING_DEPTH_MAX

_encoder = msgspec.json.Encoder()


def stamp_activity(activity: dict[str, msgspec.Raw], user: str) -> bytes:
    """The processed activity as JSON: `authenticated_user` is set to `user`, over any value that it had.

    Every other member keeps its bytes: number precision, nesting, unknown members and their order.
    """
    processed: dict[str, object] = dict(activity)
    processed["authenticated_user"] = user
    return _encoder.encode(processed)


def unique_members(activity: bytes) -> bytes:
    """The activity without repeated members, the last of each kept; the same bytes where there are none.

    Some base servers end a link over a member that is there twice (RFC 8259, section 4, only says that names should be
    unique), so towards base servers there are none.
    """
    if activity.count(b"{") <= 1:
        return activity
    unique = _unique(activity)
    return activity if len(unique) == len(activity) else unique


def _unique(value: bytes) -> bytes:
    value = value.strip(b" \t\r\n")
    if value.startswith(b"{"):
        members = msgspec.json.decode(value, type=dict[str, msgspec.Raw])
        return _encoder.encode({name: msgspec.Raw(_unique(bytes(raw))) for name, raw in members.items()})
    if value.startswith(b"["):
        items = msgspec.json.decode(value, type=list[msgspec.Raw])
        return _encoder.encode([msgspec.Raw(_unique(bytes(raw))) for raw in items])
    return value


def too_deep(activity: bytes, depth_max: int = NESTING_DEPTH_MAX) -> bool:
    """Whether an activity nests deeper than every node is sure to be able to parse."""
    if activity.count(b"[") + activity.count(b"{") <= depth_max:
        return False
    depth = 0
    in_string = False
    escaped = False
    for byte in activity:
        if in_string:
            if escaped:
                escaped = False
            elif byte == 0x5C:
                escaped = True
            elif byte == 0x22:
                in_string = False
        elif byte == 0x22:
            in_string = True
        elif byte in (0x5B, 0x7B):
            depth += 1
            if depth > depth_max:
                return True
        elif byte in (0x5D, 0x7D):
            depth -= 1
    return False
