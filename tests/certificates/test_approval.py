"""Who knows a network's operator follows no other key than one of which that operator has approved."""

from __future__ import annotations

import secrets

import pytest

from core.certificates.approval import Approval, read_approval, shown_approval
from core.certificates.leaf import ShownLeaf
from core.certificates.network_key import NetworkKey
from core.certificates.succession import succeed
from core.client import NetworkTrust
from core.wire.ed25519 import Ed25519Signer
from core.wire.kept_network import KeptNetwork
from core.wire.kept_secret import KeptSecret
from core.wire.network_orders import REKEY, approved, network_tag
from core.wire.signed_orders import Order, sign_order, written_key

ADA, EVE = Ed25519Signer(b"a" * 32), Ed25519Signer(b"e" * 32)
FOUNDER = "the server that began it"


def a_key() -> NetworkKey:
    return NetworkKey(secrets.token_bytes(32))


def rekeyed(
    old: NetworkKey, new: NetworkKey, *, by: Ed25519Signer = ADA, stamp: int = 5, of: str = FOUNDER
) -> KeptNetwork:
    """A network whose operator has given it a new key."""
    succession = succeed(old, new.public)
    commitment = KeptSecret("secret", b"b" * 32).commitment
    words = (written_key(old.public), written_key(succession.signature), "", commitment, written_key(b"s" * 32), "")
    order = approved(Order(of, by.key, stamp, REKEY, written_key(new.public), "ada", "", words), by)
    return KeptNetwork(
        new.seed, new.public, 1.0, (succession,), order=sign_order(order, by), operator=by.key, founder=of
    )


def leaf_of(network: KeptNetwork) -> ShownLeaf:
    return ShownLeaf(network.key, b"k" * 32, (*network.successions, *shown_approval(network)))


def introduced(key: NetworkKey, operator: Ed25519Signer = ADA) -> ShownLeaf:
    return leaf_of(KeptNetwork(key.seed, key.public, 1.0, operator=operator.key, founder=FOUNDER))


def met_before(key: NetworkKey) -> Approval:
    """What is known of who has met the network, when nobody had given it another key."""
    found = introduced(key).approval
    assert found == Approval(ADA.key, network_tag(FOUNDER), 0)
    return found


def test_whose_word_it_is_stands_in_a_leaf_and_nobody_else_can_say_it() -> None:
    old, new = a_key(), a_key()
    network = rekeyed(old, new)
    assert leaf_of(network).approval == Approval(ADA.key, network_tag(FOUNDER), 5)
    (piece,) = shown_approval(network)
    assert read_approval(old.public, (piece,)) is None, "it is about one key"
    assert read_approval(new.public, ()) is None


def test_who_knows_the_operator_follows_what_they_have_approved_of() -> None:
    old, new = a_key(), a_key()
    known = met_before(old)
    assert leaf_of(rekeyed(old, new)).is_of(old.fingerprint, known)
    assert leaf_of(rekeyed(old, new)).is_of(old.fingerprint), "as does who knows nobody"


def test_a_member_that_has_the_key_leads_nobody_away_who_knows_the_operator() -> None:
    old, own = a_key(), a_key()
    known = met_before(old)
    alone = ShownLeaf(own.public, b"k" * 32, (succeed(old, own.public),))
    assert alone.is_of(old.fingerprint), "as it was where no operator is known"
    assert not alone.is_of(old.fingerprint, known)
    assert not leaf_of(rekeyed(old, own, by=EVE)).is_of(old.fingerprint, known)
    named = leaf_of(
        KeptNetwork(own.seed, own.public, 1.0, (succeed(old, own.public),), operator=ADA.key, founder=FOUNDER)
    )
    assert not named.is_of(old.fingerprint, known), "that she is the operator is not that she has approved"


def test_another_network_of_the_same_operator_is_another_one() -> None:
    old, other = a_key(), a_key()
    assert not leaf_of(rekeyed(old, other, of="another server")).is_of(old.fingerprint, met_before(old))


def test_nobody_goes_back_to_a_key_that_was_approved_of_earlier() -> None:
    first, second, third = a_key(), a_key(), a_key()
    earlier = rekeyed(first, second, stamp=5)
    now = Approval(ADA.key, network_tag(FOUNDER), 9)
    # A member has the third key, and signs that the second one takes its place.
    back = ShownLeaf(second.public, b"k" * 32, (succeed(third, second.public), *shown_approval(earlier)))
    assert back.is_of(third.fingerprint), "the signatures fit"
    assert not back.is_of(third.fingerprint, now)


@pytest.mark.parametrize("fills", range(1, 12))
def test_what_a_member_puts_in_front_keeps_nobody_from_following(fills: int) -> None:
    """Where an operator is known no server takes such successions; what it shows itself is its own leaf."""
    old, new = a_key(), a_key()
    network = rekeyed(old, new)
    junk = tuple(succeed(a_key(), new.public) for _ in range(fills))
    shown = ShownLeaf(new.public, b"k" * 32, ((*junk, *network.successions)[-7:] + shown_approval(network)))
    assert shown.is_of(old.fingerprint, met_before(old))


class Shown:
    """An encrypted connection, as far as what is shown on it is looked at."""

    def __init__(self, leaf: ShownLeaf) -> None:
        self.leaf = leaf


def test_the_first_operator_that_is_shown_is_known_from_then_on(monkeypatch: pytest.MonkeyPatch) -> None:
    from core.client import network_trust
    from core.wire.address import Address

    monkeypatch.setattr(network_trust, "leaf_of", lambda encrypted: encrypted.leaf)
    old, new = a_key(), a_key()
    told: list[tuple[str, Approval]] = []
    trust = NetworkTrust(old.fingerprint, on_approved=lambda network, approval: told.append((network, approval)))
    address = Address("here", 1)
    trust.meet(address, Shown(introduced(old)))  # type: ignore[arg-type]
    trust.meet(address, Shown(introduced(old, EVE)))  # type: ignore[arg-type]
    assert told == [(old.fingerprint, met_before(old))]
    with pytest.raises(network_trust.WrongNetwork):
        trust.meet(address, Shown(leaf_of(rekeyed(old, a_key(), by=EVE))))  # type: ignore[arg-type]
    trust.meet(address, Shown(leaf_of(rekeyed(old, new))))  # type: ignore[arg-type]
    assert told[-1] == (new.fingerprint, Approval(ADA.key, network_tag(FOUNDER), 5))
    with pytest.raises(network_trust.WrongNetwork):
        trust.meet(address, Shown(introduced(old)))  # type: ignore[arg-type]


def test_who_is_stopped_while_a_key_is_succeeded_knows_whose_word_counts_under_both(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Under the new key alone, the next member that was met could name an operator of its own."""
    from core.client import network_trust
    from core.wire.address import Address

    monkeypatch.setattr(network_trust, "leaf_of", lambda encrypted: encrypted.leaf)
    old, new = a_key(), a_key()
    told: list[str] = []
    trust = NetworkTrust(
        old.fingerprint,
        approved=met_before(old),
        on_succeeded=lambda before, after: told.append("succeeded"),
        on_approved=lambda network, approval: told.append(f"approved {network}"),
    )
    trust.meet(Address("here", 1), Shown(leaf_of(rekeyed(old, new))))  # type: ignore[arg-type]
    assert told == [f"approved {new.fingerprint}", "succeeded"]
