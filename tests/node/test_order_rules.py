"""Who is an operator and which orders are heeded follows from the set of orders alone."""

from __future__ import annotations

import random

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.node.orders.order_book import OrderBook
from core.node.orders.order_effects import effects_of
from core.node.orders.order_kinds import ORDER_KINDS
from core.node.orders.standing import Operator, OperatorStanding, standing_of
from core.simulation.environment.hash_signing import HashVerifier
from core.wire.entries import KeyChange
from core.wire.signed_orders import ORDER_BYTES_MAX, Order, order_as_key, order_in_key, read_order, written_key
from tests.node.operators import key_of, order, signed, signer_of

PEOPLE = ("ada", "bob", "cy", "dan")
CLAIM = "n.1.1"


def root_of(key: bytes) -> Operator | None:
    return Operator(key, 0, "ada") if key == signer_of("ada").key else None


def standing(*orders: Order, network: str = "") -> OperatorStanding:
    return standing_of({one.id: one for one in orders}, root_of, network)


def in_force(*orders: Order) -> list[Order]:
    return [one for _, one in standing(*orders).in_force()]


@st.composite
def histories(draw: st.DrawFn) -> list[Order]:
    """Anything that four people may sign, about each other and what each has signed."""
    made: list[Order] = []
    for _ in range(draw(st.integers(1, 12))):
        by, other = draw(st.sampled_from(PEOPLE)), draw(st.sampled_from(PEOPLE))
        kinds = [
            "code",
            "appoint",
            "appoint",
            "dismiss",
            "undo",
            "silence",
            "close",
            "remove",
            "expel",
            "readmit",
            "ban",
        ]
        kind = draw(st.sampled_from([*kinds, "unknown"]))
        known = [one.id for one in made] or ["x" * 24]
        target = {
            "appoint": key_of(other),
            "dismiss": key_of(other),
            "undo": draw(st.sampled_from(known)),
            "silence": CLAIM,
            "close": CLAIM,
            "readmit": CLAIM,
            "code": CLAIM,
            "remove": draw(st.sampled_from(["n.1.5", "n.1.6", "nonsense"])),
            "expel": draw(st.sampled_from(["n", "m", "n.m"])),
            "ban": draw(st.sampled_from(["203.0.113.0/24", "0.0.0.0/0", "2001:db8::/64"])),
        }.get(kind, "anything")
        words = {
            "dismiss": draw(st.lists(st.sampled_from(known), max_size=3)),
            "remove": [draw(st.sampled_from(["7", "x"])), draw(st.sampled_from(["", "ab" * 16, "zz"]))],
            "code": [draw(st.sampled_from(["ab" * 32, "short"])), draw(st.sampled_from(["9", "never"]))],
            "expel": [draw(st.sampled_from(["0", "5", "-1"])), draw(st.sampled_from(["keep", "since", "all", ""]))],
        }.get(kind, [])
        made.append(order(by, kind, target, *words, stamp=draw(st.integers(1, 6)), name=other))
    return made


@given(histories(), st.randoms())
def test_the_order_in_which_orders_come_does_not_matter_nor_how_often(made: list[Order], shuffle: random.Random):
    book, other = (OrderBook(HashVerifier(), root_of) for _ in range(2))
    for one in made:
        book.take(signed(one))
    again = [*made, *made]
    shuffle.shuffle(again)
    for one in again:
        other.take(signed(one))
        # What is asked for in between changes nothing.
        _ = other.standing
    assert book.standing == other.standing
    assert book.effects == other.effects


@given(histories())
def test_nothing_is_heeded_but_of_operators_and_each_has_been_appointed_by_one_before(made: list[Order]):
    found = standing(*made)
    assert all(one.key in found.operators for one in found.heeded.values())
    for key, operator in found.operators.items():
        appointments = [one for _, one in found.in_force() if (one.kind, one.target) == ("appoint", written_key(key))]
        ranks = {found.operators[one.key].rank for one in appointments}
        assert operator.rank == (min(ranks) + 1 if operator.rank else 0)


@given(histories())
def test_nobody_but_themselves_dismisses_an_operator_of_rank_0(made: list[Order]):
    found = standing(*made)
    root = found.operators.get(signer_of("ada").key)
    if root is not None and root.dismissal:
        assert found.heeded[root.dismissal].key == root.key


@given(histories(), histories())
def test_what_who_was_dismissed_signs_later_changes_nothing(made: list[Order], later: list[Order]):
    appointed = order("ada", "appoint", key_of("bob"), stamp=0)
    kept = [one.id for one in made if one.key == signer_of("bob").key]
    dismissal = order("ada", "dismiss", key_of("bob"), *kept, stamp=9)
    before = [appointed, dismissal, *(one for one in made if one.key == signer_of("bob").key)]
    backdated = [one for one in later if one.key == signer_of("bob").key]
    assert in_force(*before) == in_force(*before, *(one for one in backdated if one.id not in kept))


def test_an_operator_may_be_appointed_and_dismissed_and_what_they_ordered_stays():
    appointed = order("ada", "appoint", key_of("bob"), stamp=1)
    silenced = order("bob", "silence", CLAIM, stamp=2)
    assert silenced in in_force(appointed, silenced)
    assert silenced not in in_force(silenced), "nobody has appointed bob"
    dismissed = order("ada", "dismiss", key_of("bob"), silenced.id, stamp=3)
    assert silenced in in_force(appointed, silenced, dismissed)
    assert silenced not in in_force(appointed, silenced, order("ada", "dismiss", key_of("bob"), stamp=3))


def test_two_operators_beside_each_other_do_not_dismiss_each_other():
    both = [order("ada", "appoint", key_of(name), stamp=1) for name in ("bob", "cy")]
    mutual = [order("bob", "dismiss", key_of("cy"), stamp=2), order("cy", "dismiss", key_of("bob"), stamp=2)]
    found = standing(*both, *mutual)
    assert not any(operator.dismissal for operator in found.operators.values())


def test_who_resigns_stays_so_and_what_they_name_stays_in_force():
    appointed = order("ada", "appoint", key_of("bob"), stamp=1)
    silenced = order("bob", "silence", CLAIM, stamp=2)
    resigned = order("bob", "dismiss", key_of("bob"), silenced.id, stamp=3)
    undone = order("ada", "undo", resigned.id, stamp=4)
    later = order("bob", "close", CLAIM, stamp=5)
    found = standing(appointed, silenced, resigned, undone, later)
    assert found.operators[signer_of("bob").key].dismissal == resigned.id
    assert silenced.id in found.heeded and later.id not in found.heeded


def test_an_appointment_is_undone_by_who_has_no_larger_rank_and_all_else_by_any_operator():
    appointed = order("ada", "appoint", key_of("bob"), stamp=1)
    banned = order("ada", "ban", "203.0.113.0/24", stamp=2)
    cy = order("ada", "appoint", key_of("cy"), stamp=2)
    tries = [order("bob", "undo", one.id, stamp=3) for one in (appointed, banned, cy)]
    found = standing(appointed, banned, cy, *tries)
    assert found.undone == {banned.id: tries[1].id}


def test_orders_of_another_network_count_only_of_whom_the_settings_name():
    elsewhere = order("ada", "silence", CLAIM, network="another")
    here = order("ada", "silence", CLAIM, network="this one")
    assert [*standing(elsewhere, here, network="this one").heeded] == [here.id]
    named = standing_of(
        {one.id: one for one in (elsewhere, here)}, lambda key: Operator(key, 0, everywhere=True), "this one"
    )
    assert {*named.heeded} == {elsewhere.id, here.id}


@pytest.mark.parametrize(
    ("kind", "target"),
    [
        ("ban", "0.0.0.0/0"),
        ("ban", "::/0"),
        ("ban", "127.0.0.1/32"),
        ("ban", "10.0.0.0/7"),
        ("ban", "203.0.113.7/24"),
        ("ban", "nonsense"),
        ("silence", "no claim"),
        ("close", "a.b"),
        ("appoint", "AAAA"),
        ("undo", "short"),
        ("remove", "n.1.1"),
        ("remove", "nonsense"),
        ("expel", "server"),
        ("expel", "a.b"),
        ("readmit", "nobody"),
        ("code", CLAIM),
    ],
)
def test_an_order_about_nothing_that_it_could_be_about_is_not_heeded(kind: str, target: str):
    assert not standing(order("ada", kind, target)).heeded


def test_a_ban_holds_for_addresses_in_any_form():
    effects = effects_of(standing(order("ada", "ban", "203.0.113.0/24"), order("ada", "ban", "2001:db8::/64")))
    for host in ("203.0.113.9", "::ffff:203.0.113.9", "2001:db8::1", "2001:db8::1%eth0"):
        assert effects.ban_of(host) is not None, host
    for host in ("203.0.114.1", "2001:db8:1::1", "a.name.example", ""):
        assert effects.ban_of(host) is None, host


def test_a_forged_signature_is_no_order():
    book = OrderBook(HashVerifier(), root_of)
    right = signed(order("ada", "silence", CLAIM))
    assert not book.take(msgspec.structs.replace(right, signature=b"x" * 64))
    assert book.take(right), "a forgery that came first keeps nothing out"
    assert not OrderBook(None, root_of).take(right)


# --- on the way -------------------------------------------------------------------------------------------------------

RELEASED_KEY = r"\A[a-z0-9@.-]{1,64} [A-Za-z0-9+/]+={0,2}\Z"


@given(st.sampled_from(sorted(ORDER_KINDS)), st.text(max_size=160), st.lists(st.text(max_size=24), max_size=96))
def test_an_order_is_carried_by_what_older_servers_keep_and_pass_on_as_it_is(kind: str, target: str, words: list[str]):
    import re

    try:
        one = signed(order("ada", kind, target, *words, because="why"))
    except ValueError:
        return
    key = order_as_key(one)
    assert order_in_key(key) == one
    assert re.match(RELEASED_KEY, key.text) and len(key.text) <= 4096 and len(key.comment) <= 100 and not key.bound


def test_what_is_no_order_is_none():
    key = order_as_key(signed(order("ada", "silence", CLAIM)))
    for text in ("order@activity-tui AAAA", "ssh-ed25519 AAAAkey", key.text.replace("order@", "orders@")):
        assert order_in_key(KeyChange(text, 1, False)) is None
    assert order_in_key(msgspec.structs.replace(key, bound=True)) is None
    right = msgspec.json.encode(signed(order("ada", "silence", CLAIM)))
    for data in (right + b" ", b" " + right, b"[" * 3000, b"\xff", b"{}", b"x" * (ORDER_BYTES_MAX + 1)):
        with pytest.raises(ValueError, match=r"order"):
            read_order(data)
