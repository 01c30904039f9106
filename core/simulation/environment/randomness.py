"""Randomness that a seed decides."""

from __future__ import annotations

import hashlib
import random


def seeded(seed: int, *names: object) -> random.Random:
    """A random source of its own for each use of a seed, so that leaving out one thing does not change all others.

    Only `random()` and what follows from it by arithmetic is used in this package: its sequence is the same in every
    version of Python.
    """
    return random.Random(number_of(seed, *names))


def number_of(seed: int, *names: object) -> int:
    """A number of 64 bits that depends on the seed and the names alone."""
    text = "/".join([str(seed), *map(str, names)])
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big")


def pick(rng: random.Random, count: int) -> int:
    """A number from 0 up to, not including, `count`."""
    return int(rng.random() * count)


def between(rng: random.Random, low: float, high: float) -> float:
    return low + (high - low) * rng.random()
