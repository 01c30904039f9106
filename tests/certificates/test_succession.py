"""Another key takes the place of a network's, and who knew the old one follows."""

from __future__ import annotations

import itertools
import secrets
import ssl

from msgspec.structs import replace

from core.certificates.leaf import make_leaf, read_leaf
from core.certificates.network_key import NetworkKey
from core.certificates.succession import is_signed, succeed, succeeds
from core.wire.kept_network import SUCCESSIONS_MAX, Succession


def some_key() -> NetworkKey:
    return NetworkKey(secrets.token_bytes(32))


def test_who_knows_the_old_key_follows_to_the_new_one_and_not_back() -> None:
    old, new = some_key(), some_key()
    led = succeed(old, new.public)
    assert succeeds(new.public, old.fingerprint, [led])
    assert succeeds(new.public, new.fingerprint, [led])
    assert not succeeds(old.public, new.fingerprint, [led])
    assert not succeeds(new.public, old.fingerprint, [])


def test_who_has_been_away_for_several_changes_follows_through_all_of_them() -> None:
    keys = [some_key() for _ in range(SUCCESSIONS_MAX + 1)]
    led = [succeed(old, new.public) for old, new in itertools.pairwise(keys)]
    assert succeeds(keys[-1].public, keys[0].fingerprint, led)
    assert not succeeds(keys[-1].public, keys[0].fingerprint, led[1:])


def test_a_succession_that_the_old_key_has_not_signed_leads_nowhere() -> None:
    old, new, thief = some_key(), some_key(), some_key()
    claimed = Succession(old.public, thief.public, thief.sign(b"it is mine"))
    assert not is_signed(claimed)
    assert not succeeds(thief.public, old.fingerprint, [claimed])
    redirected = replace(succeed(old, new.public), new=thief.public)
    assert not succeeds(thief.public, old.fingerprint, [redirected])


def test_successions_in_a_circle_come_to_an_end() -> None:
    one, two, other = some_key(), some_key(), some_key()
    circle = [succeed(one, two.public), succeed(two, one.public)]
    assert succeeds(one.public, two.fingerprint, circle)
    assert not succeeds(one.public, other.fingerprint, circle)


def test_a_leaf_brings_the_latest_successions_along() -> None:
    keys = [some_key() for _ in range(SUCCESSIONS_MAX + 2)]
    led = tuple(succeed(old, new.public) for old, new in itertools.pairwise(keys))
    leaf = read_leaf(ssl.PEM_cert_to_DER_cert(make_leaf(keys[-1], secrets.token_bytes(32), led).certificate))
    assert leaf.successions == led[-SUCCESSIONS_MAX:]
    assert leaf.is_of(keys[1].fingerprint)
    assert not leaf.is_of(keys[0].fingerprint)
