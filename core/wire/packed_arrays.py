"""Numbers as bytes, little-endian on every machine, and back."""

from __future__ import annotations

import sys
from array import array


def unpacked_array(kind: str, data: bytes) -> array[int]:
    """`kind`: one of the type codes of `array`. Raises ValueError when `data` ends amid a number."""
    found: array[int] = array(kind)
    found.frombytes(data)
    if sys.byteorder == "big":
        found.byteswap()
    return found


def packed_array(numbers: array[int]) -> bytes:
    if sys.byteorder == "big":
        numbers = numbers[:]
        numbers.byteswap()
    return numbers.tobytes()
