"""A client reads pages of the past: one at a time, whole or not at all, whatever a server says in between."""

from __future__ import annotations

import msgspec

from core.client import ClientSettings, PastArrived, PastEntry, PastPage, PastPlace
from core.wire import messages as wire
from core.wire.entries import EntryId
from tests.client.scripted import Driven

OURS = wire.LoginSuccess("", id="aa", vector={}, features=["past"])


def online(success: wire.LoginSuccess = OURS) -> Driven:
    driven = Driven(ClientSettings())
    driven.start()
    driven.connected()
    driven.say(success, wire.CaughtUp(0))
    driven.take()
    return driven


def pages(driven: Driven) -> list[PastArrived]:
    driven.take()
    return [one for one in driven.events if isinstance(one, PastArrived)]


def part(number: int, seq: int) -> wire.PastActivity:
    return wire.PastActivity(number, msgspec.Raw(b"{}"), f"aa.1.{seq}", seq, "ada")


def test_a_page_is_told_when_it_is_through_with_the_place_to_go_on_from() -> None:
    driven = online()
    assert driven.machine.ask_for_past(PastPlace(9, EntryId("aa", 1, 9)), backward=True) is None
    driven.take()
    assert driven.sent[-1] == wire.PastRequest(1, True, 9, "aa.1.9")
    driven.say(part(1, 3), part(1, 4))
    assert pages(driven) == []
    driven.say(wire.PastDone(1, True, 3, "aa.1.3"))
    entries = (PastEntry(b"{}", "ada", "aa.1.3", 3), PastEntry(b"{}", "ada", "aa.1.4", 4))
    assert pages(driven) == [PastArrived(PastPage(entries, True, PastPlace(3, EntryId("aa", 1, 3))))]


def test_what_belongs_to_another_question_is_left_out() -> None:
    driven = online()
    driven.machine.ask_for_past(None, backward=True)
    driven.machine.ask_for_past(None, backward=False)
    driven.say(part(1, 3), wire.PastDone(1, info="another page was asked for meanwhile"), part(2, 5), wire.PastDone(2))
    assert pages(driven) == [PastArrived(PastPage((PastEntry(b"{}", "ada", "aa.1.5", 5),), False))]


def test_why_there_is_no_page_is_told() -> None:
    driven = online()
    driven.machine.ask_for_past(None, backward=True)
    driven.say(wire.PastDone(1, more=True, info="the server cannot read what it keeps"))
    assert pages(driven) == [PastArrived(None, "the server cannot read what it keeps")]


def test_nothing_is_asked_of_a_server_that_shows_no_past() -> None:
    older = online(wire.LoginSuccess("", id="aa", vector={}, features=["change_secret"]))
    assert older.machine.ask_for_past(None, backward=True) == "this server is of a version that shows no more"
    base = online(wire.LoginSuccess("welcome"))
    assert base.machine.ask_for_past(None, backward=True) == "this server speaks only the base protocol"
    for driven in (older, base):
        driven.take()
        assert not any(isinstance(one, wire.PastRequest) for one in driven.sent)


def test_a_server_that_sends_more_than_was_asked_for_is_left() -> None:
    driven = online()
    driven.machine.ask_for_past(None, backward=True)
    driven.say(*(part(1, seq) for seq in range(501)))
    driven.take()
    assert isinstance(driven.sent[-1], wire.InvalidMessage)
    assert not driven.machine.online


def test_a_server_that_says_there_is_more_and_not_where_is_left() -> None:
    driven = online()
    driven.machine.ask_for_past(None, backward=True)
    driven.say(wire.PastDone(1, more=True))
    driven.take()
    assert isinstance(driven.sent[-1], wire.InvalidMessage)


def test_a_page_that_a_lost_connection_has_cut_is_dropped() -> None:
    driven = online()
    driven.machine.ask_for_past(None, backward=True)
    driven.say(part(1, 3))
    driven.machine.lost("gone", driven.now)
    driven.take()
    driven.now = driven.wake_at or driven.now
    driven.machine.woke(driven.now)
    driven.connected()
    driven.say(OURS, wire.CaughtUp(0), wire.PastDone(1))
    assert pages(driven) == []
