"""Who counts as one, and who has the most."""

from __future__ import annotations

import random
from collections import Counter

import pytest

from core.admission.shares import Weights, share_of


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("2001:db8:1:2::1", "2001:db8:1:2:ffff:ffff:ffff:ffff"),
        ("192.0.2.1", "::ffff:192.0.2.1"),
        ("fe80::1%eth0", "fe80::1%eth1"),
        ("fe80::1", "fe80::abcd%2"),
    ],
)
def test_addresses_of_one_owner_share(one: str, other: str) -> None:
    assert share_of(one) == share_of(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("2001:db8:1:2::1", "2001:db8:1:3::1"),
        ("192.0.2.1", "192.0.2.2"),
        ("127.0.0.1", "127.0.0.2"),
        ("::1", "::2"),
        ("local", "client.example"),
        ("not:an:address", "not:another"),
    ],
)
def test_others_do_not(one: str, other: str) -> None:
    assert share_of(one) != share_of(other)


def test_the_heaviest_is_known_after_any_history() -> None:
    rng = random.Random(1)
    weights, counted = Weights(), Counter[str]()
    for _ in range(5000):
        key = rng.choice("abcdefgh")
        if rng.random() < 0.5:
            weights.add(key)
            counted[key] += 1
        else:
            weights.remove(key)
            counted[key] = max(0, counted[key] - 1)
        most = max(counted.values())
        assert weights.total == counted.total()
        if most:
            assert weights.heaviest is not None
            assert counted[weights.heaviest] == weights[weights.heaviest] == most
        else:
            assert weights.heaviest is None
        assert len(weights) == sum(count > 0 for count in counted.values())
