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


def too_deep(activity: bytes) -> bool:
    """Whether an activity nests deeper than every node is sure to be able to parse."""
    if activity.count(b"[") + activity.count(b"{") <= NESTING_DEPTH_MAX:
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
            if depth > NESTING_DEPTH_MAX:
                return True
        elif byte in (0x5D, 0x7D):
            depth -= 1
    return False
