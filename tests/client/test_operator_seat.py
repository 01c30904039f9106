"""What an operator signs: the order that they have asked for, and none that a server has put in its place."""

from __future__ import annotations

import time
from typing import Any

import pytest

from core.client import OperatorSeat, OrderNotTaken
from core.client.operator_questions import OrderAnswer, OrderQuestion
from core.wire import Ed25519Signer, operator_fingerprint
from core.wire.messages import GiveOrder, OrderDraft, OrderDrafted, OrderTaken
from core.wire.signed_orders import Order, SignedOrder, written_key
from tui.remembered.operator_key import public_line

ADA, BOB, MALLORY = (Ed25519Signer(letter * 32) for letter in (b"a", b"b", b"m"))
CLAIM, OTHER = "n1.1.1", "n1.1.2"
ORDER_ID = "abcdefgh" * 3


class Server:
    """Drafts what it is told to, and keeps what is signed."""

    username = "ada"

    def __init__(self, target: str, name: str = "", words: tuple[str, ...] = (), **more: Any) -> None:
        self._said = {"target": target, "name": name, "words": words, **more}
        self.signed: list[SignedOrder] = []

    async def request_status(self) -> dict[str, object]:
        return {}

    async def ask_about_orders(self, question: OrderQuestion) -> OrderAnswer:
        if isinstance(question, GiveOrder):
            self.signed.append(question.order)
            return OrderTaken(question.order.order.id)
        assert isinstance(question, OrderDraft)
        said = {
            "network": "n1",
            "key": question.key,
            "stamp": int(time.time() * 1_000_000),
            "kind": question.kind,
            "because": question.because,
            **self._said,
        }
        return OrderDrafted(Order(**said), "bob", 0)


async def signs(server: Server, kind: str, target: str, *words: str) -> bool:
    """Whether an operator signs what a server drafts when they ask for something."""
    seat = OperatorSeat(server, ADA)
    try:
        await seat.give(await seat.draft(kind, target, words))
    except OrderNotTaken:
        return False
    return len(server.signed) == 1


@pytest.mark.parametrize(
    ("asked", "drafted"),
    [
        (("silence", "bob"), Server(CLAIM, "bob")),
        (("close", CLAIM), Server(CLAIM, "bob")),
        (("ban", "203.0.113.7"), Server("203.0.113.7/32")),
        (("ban", "2001:db8::1"), Server("2001:db8::/64")),
        (("remove", "n1.1.7"), Server("n1.1.7", words=("5", ""))),
        (("expel", "south", "0", "since"), Server("n2", "south", ("0", "since"))),
        (("undo", "ABCDEFGH"), Server(ORDER_ID, "ban")),
        (("appoint", "bob", public_line(BOB)), Server(written_key(BOB.key), "bob", (CLAIM,))),
        (("dismiss", operator_fingerprint(BOB.key)), Server(written_key(BOB.key), "bob", (ORDER_ID,))),
        (("dismiss", "ada"), Server(written_key(ADA.key), "ada", (ORDER_ID,))),
        (("code", "bob", "0" * 64, "9"), Server(CLAIM, "bob", ("0" * 64, "9"))),
    ],
)
async def test_what_was_asked_for_is_signed(asked: tuple[str, ...], drafted: Server) -> None:
    assert await signs(drafted, *asked)


@pytest.mark.parametrize(
    ("asked", "drafted"),
    [
        (("silence", "bob"), Server(OTHER, "carol")),
        (("silence", "bob"), Server(CLAIM, "bob", kind="close")),
        (("close", CLAIM), Server(OTHER, "bob")),
        (("ban", "203.0.113.7"), Server("203.0.0.0/8")),
        (("remove", "n1.1.7"), Server("n1.1.8", words=("5", ""))),
        (("expel", "south", "1700000000000000", "since"), Server("n2", "south", ("0", "all"))),
        (("expel", "n2", "0", "since"), Server("n1", "north", ("0", "since"))),
        (("undo", "abcdefgh"), Server("h" + ORDER_ID[1:], "ban")),
        (("appoint", "bob", public_line(BOB)), Server(written_key(MALLORY.key), "bob", (CLAIM,))),
        (("dismiss", operator_fingerprint(MALLORY.key)), Server(written_key(BOB.key), "mallory")),
        (("dismiss", "bob", "none"), Server(written_key(BOB.key), "bob", (ORDER_ID,))),
        (("dismiss", "bob"), Server(written_key(ADA.key), "bob")),
        (("code", "bob", "0" * 64, "9"), Server(CLAIM, "bob", ("1" * 64, "9"))),
        (("silence", "bob"), Server(CLAIM, "bob", stamp=1)),
    ],
)
async def test_what_a_server_drafts_in_its_place_is_not_signed(asked: tuple[str, ...], drafted: Server) -> None:
    assert not await signs(drafted, *asked)
    assert drafted.signed == []
