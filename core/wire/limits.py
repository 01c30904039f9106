"""Limits on everything that a peer can make long, each a default that a setting may change.

Precedents: IRC servers cap a line at 512 bytes, NATS a payload at 1 MiB and a control line at 4 KiB; the network's
protocol names 64 KiB for clients and 1 MiB for servers.
"""

from __future__ import annotations

from typing import Final

DEFAULT_PORT: Final = 3780

CLIENT_LINE_BYTES_MAX: Final = 64 * 1024
"""Longest line, without its terminator, from a client or from a peer that has not authenticated."""

SERVER_LINE_BYTES_MAX: Final = 1024 * 1024
"""Longest line, without its terminator, from an authenticated server."""

ACTIVITY_BYTES_MAX: Final = SERVER_LINE_BYTES_MAX - 4096
"""Longest processed activity. With what the network adds to it, it still fits a line between servers: what one node
accepts every other node must be able to read."""

NESTING_DEPTH_MAX: Final = 128
"""Deepest nesting of an activity. What one node accepts every other node must be able to parse."""

RECORD_ENTRIES_MAX: Final = 128
"""Most entries of one record: who needs one of them reads no more than these."""

RECORD_BODIES_BYTES_MAX: Final = 256 * 1024
"""Most bytes of bodies that are sealed into one record; one body alone may have ACTIVITY_BYTES_MAX."""

NAME_CHARACTERS_MAX: Final = 64
"""Longest user name, in Unicode code points."""

REF_CHARACTERS_MAX: Final = 64
"""Longest name that a client gives an activity of its own."""

SECRET_CHARACTERS_MAX: Final = 1024
"""Longest secret: longer ones would make a slow hash slower at the attacker's choice."""

VERIFIER_CHARACTERS_MAX: Final = 1024
"""Longest verifier of an account."""

KEY_CHARACTERS_MAX: Final = 4096
"""Longest public key that opens an account: RSA with 16384 bits has 2800."""

LINKS_TOLD_MAX: Final = 4096
"""Most links, base servers and neighbours on its machine that a server's record can tell of."""

FEATURES_MAX: Final = 64
INFO_CHARACTERS_MAX: Final = 400
"""How much of a peer's or of our own `info` text is kept."""

USER_INFO_CHUNK_BYTES: Final = 256 * 1024
"""Largest `USER_INFO` that is sent; a larger table goes out as several."""
