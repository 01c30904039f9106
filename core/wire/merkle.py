"""A hash tree, of which parts may be left out without a change of its root.

The tree is that of Certificate Transparency (RFC 6962, section 2.1; Merkle, "A Digital Signature Based on a
Conventional Encryption Function", 1987): leaves and nodes are hashed with different first bytes, and the left half of n
leaves is the largest power of two below n. Hashes are BLAKE2b with 256 bits (RFC 7693).
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Final, NamedTuple

HASH_BYTES: Final = 32


class Gap(NamedTuple):
    """Leaves that are left out: all of one subtree, whose hash this is."""

    hash: bytes
    leaves: int


Part = bytes | Gap
"""A leaf, or leaves that are left out."""


def root(parts: Sequence[Part]) -> bytes:
    """The root over leaves, of which some may be left out. Raises ValueError when a gap is no subtree, or when one
    that holds two others could take their place."""
    hashes = [part.hash if isinstance(part, Gap) else _leaf(part) for part in parts]
    sizes = [part.leaves if isinstance(part, Gap) else 1 for part in parts]
    folded, top = _fold(parts, hashes, sizes)
    if len(folded) != len(parts):
        raise ValueError("two parts that are left out are not written as one")
    return top


def root_of_leaves(leaves: Sequence[bytes]) -> bytes:
    """The same where nothing is left out, in half the time: level by level, an odd one at the end goes up as it is."""
    begun_leaf, begun_node = _begun_leaf, _begun_node
    hashes: list[bytes] = []
    for leaf in leaves:
        # `_leaf` and `_node` written out: to call them takes a fifth of it.
        hasher = begun_leaf()
        hasher.update(leaf)
        hashes.append(hasher.digest())
    while len(hashes) > 1:
        paired: list[bytes] = []
        for left, right in zip(hashes[::2], hashes[1::2], strict=False):
            hasher = begun_node()
            hasher.update(left + right)
            paired.append(hasher.digest())
        if len(hashes) % 2:
            paired.append(hashes[-1])
        hashes = paired
    return hashes[0]


def pruned(parts: Sequence[Part], places: frozenset[int]) -> list[Part]:
    """The parts of the same tree without the leaves at these places, counted from 0; with as few gaps as there can be.

    Raises ValueError as `root` does.
    """
    left: list[Part] = []
    place = 0
    for part in parts:
        if isinstance(part, Gap):
            left.append(part)
            place += part.leaves
        else:
            left.append(Gap(_leaf(part), 1) if place in places else part)
            place += 1
    hashes = [part.hash if isinstance(part, Gap) else _leaf(part) for part in left]
    sizes = [part.leaves if isinstance(part, Gap) else 1 for part in left]
    return _fold(left, hashes, sizes)[0]


def joined(parts: Sequence[Part], others: Sequence[Part]) -> list[Part]:
    """The parts of one tree, each leaf that is among these or the others, with as few gaps as there can be."""

    def sizes(some: Sequence[Part]) -> list[int]:
        return [part.leaves if isinstance(part, Gap) else 1 for part in some]

    def taken(some: Sequence[Part], size: list[int], at: int, leaves: int) -> tuple[Sequence[Part], int]:
        """The parts from `at` on that have so many leaves, and where the next ones begin."""
        end = at
        while leaves > 0:
            leaves -= size[end]
            end += 1
        return some[at:end], end

    def subtree(ours: Sequence[Part], theirs: Sequence[Part], leaves: int) -> list[Part]:
        if len(ours) == 1 and (leaves == 1 or isinstance(ours[0], Gap)):
            return list(theirs if isinstance(ours[0], Gap) else ours)
        if len(theirs) == 1 and isinstance(theirs[0], Gap):
            return list(ours)
        half = 1 << (leaves - 1).bit_length() - 1
        left, middle = taken(ours, sizes(ours), 0, half)
        other_left, other_middle = taken(theirs, sizes(theirs), 0, half)
        return subtree(left, other_left, half) + subtree(ours[middle:], theirs[other_middle:], leaves - half)

    return subtree(parts, others, sum(sizes(parts)))


def _fold(parts: Sequence[Part], hashes: Sequence[bytes], sizes: Sequence[int]) -> tuple[list[Part], bytes]:
    """The parts with as few gaps as there can be, and the root."""
    at = 0

    def subtree(leaves: int) -> tuple[list[Part], bytes]:
        nonlocal at
        if sizes[at] == leaves:
            at += 1
            return [parts[at - 1]], hashes[at - 1]
        if sizes[at] > leaves:
            raise ValueError("what is left out is no part of the tree")
        half = 1 << (leaves - 1).bit_length() - 1
        left, left_hash = subtree(half)
        right, right_hash = subtree(leaves - half)
        top = _node(left_hash, right_hash)
        if len(left) == len(right) == 1 and isinstance(left[0], Gap) and isinstance(right[0], Gap):
            return [Gap(top, leaves)], top
        return left + right, top

    return subtree(sum(sizes))


# To copy a hash that has begun takes two thirds of the time that a new one does.
_begun_leaf: Final = hashlib.blake2b(b"\0", digest_size=HASH_BYTES).copy
_begun_node: Final = hashlib.blake2b(b"\1", digest_size=HASH_BYTES).copy


def _leaf(data: bytes) -> bytes:
    hasher = _begun_leaf()
    hasher.update(data)
    return hasher.digest()


def _node(left: bytes, right: bytes) -> bytes:
    hasher = _begun_node()
    hasher.update(left + right)
    return hasher.digest()
