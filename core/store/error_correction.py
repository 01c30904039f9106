"""Damage within one byte of a line is put right, from the line's checksum.

A checksum of 32 bits says of a line that is no longer than half a gigabyte where a single flipped bit is: each place
changes it in a way of its own (as the header check of ATM corrects one bit, ITU-T I.432.1). An error within one byte is
found in the same way. Other damage may look like one, once in some millions of times, so who asks believes the outcome
by a signature only.
"""

from __future__ import annotations

import zlib
from typing import Final

_POLYNOMIAL: Final = 0xEDB88320


def _table() -> list[int]:
    table = []
    for byte in range(256):
        value = byte
        for _ in range(8):
            value = (value >> 1) ^ (_POLYNOMIAL if value & 1 else 0)
        table.append(value)
    return table


_TABLE: Final = _table()
"""By how much a byte at the end of a line changes the CRC-32."""
_LAST_BYTE: Final = {value: byte for byte, value in enumerate(_TABLE) if byte}
_BY_TOP: Final = {value >> 24: byte for byte, value in enumerate(_TABLE)}


def corrected(line: bytes, expected: int, before: int = 0) -> bytes | None:
    """The line that differs from `line` in one byte and has the checksum that is `expected`; None if there is none.

    `before` is the CRC-32 of what stands before the line.
    """
    change = zlib.crc32(line, before) ^ expected
    if not change:
        return None
    for place in range(len(line) - 1, -1, -1):
        error = _LAST_BYTE.get(change)
        if error is not None:
            found = bytearray(line)
            found[place] ^= error
            return bytes(found)
        # What the same change was one byte earlier.
        byte = _BY_TOP[change >> 24]
        change = ((change ^ _TABLE[byte]) << 8 | byte) & 0xFFFFFFFF
    return None
