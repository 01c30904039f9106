"""A client that comes back says where it was, and what it has; to an older server it says that as a vector."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from core.client import ActivityArrived, CatchUpDone, ClientSettings, LoggedIn, inbox
from core.wire import messages as wire
from core.wire.entries import EntryId, Stream
from core.wire.holdings import Holdings, decode_holdings
from tests.client.scripted import Driven, broadcast

BEGINS = wire.HeldEntries(1_000_000, {"n.1": [0, 4]})


def welcome(server: str = "aa", **fields: Any) -> wire.LoginSuccess:
    return wire.LoginSuccess(id=server, features=["place"], stamp=1_000_004, **{"lacks": {}, **fields})


def begun(settings: ClientSettings | None = None) -> Driven:
    """A client that has begun at a server, where it has been told a place."""
    driven = Driven(settings)
    driven.start()
    driven.connected()
    driven.say(welcome(begins=BEGINS), wire.CaughtUp(0, (7, 30)))
    return driven


def back(driven: Driven) -> wire.Login:
    """It loses its connection, and has another one; what it says."""
    driven.lose()
    driven.until_dialled()
    driven.connected()
    return driven.said(wire.Login)[-1]


def had(login: wire.Login) -> wire.HeldEntries | None:
    """What a login says that the client has, but for the sums."""
    return None if login.have is None else msgspec.structs.replace(login.have, sums=[], until=0)


def reported(driven: Driven) -> list[str | None]:
    return [event.id for event in driven.of(ActivityArrived)]


def test_who_has_nothing_says_so() -> None:
    driven = begun()
    (login,) = driven.said(wire.Login)
    assert (login.seen, login.place, login.have, login.mine) == (None, None, None, {})
    assert "place" in login.features


def test_the_next_login_names_the_place_and_what_came() -> None:
    driven = begun()
    driven.say(broadcast(5), broadcast(7), broadcast(3, node="m"))
    login = back(driven)
    assert login.place == ("aa", 7, 30)
    assert had(login) == wire.HeldEntries(1_000_000, {"n.1": [0, 5, 7, 7], "m.1": [2, 3]})
    assert login.seen is None


def test_a_login_tells_sums_of_what_came_since_the_client_began() -> None:
    driven = begun(ClientSettings(range_items=2))
    driven.say(broadcast(3), *map(broadcast, (5, 6, 7)))
    have = back(driven).have
    assert have is not None
    # The first of them is older.
    assert [(begin, size) for begin, size, _ in have.sums] == [(1_000_004, 2), (1_000_007, 1)]
    assert have.until == 1_000_008


def test_a_later_place_takes_the_place_of_the_one_before() -> None:
    driven = begun()
    driven.say(broadcast(5), wire.PlaceReached((7, 94), {"n.1": [6, 7]}), broadcast(6))
    login = back(driven)
    assert login.place == ("aa", 7, 94)
    # What it lacked and has got meanwhile it does not lack.
    assert login.lacking == {"n.1": [7, 7]}


def test_what_it_lacks_at_a_place_it_lacks_until_that_has_come() -> None:
    driven = begun()
    driven.say(wire.PlaceReached((7, 94), {"n.1": [6, 7]}), wire.PlaceReached((7, 158), {"m.1": [1, 1]}), broadcast(6))
    assert back(driven).lacking == {"m.1": [1, 1], "n.1": [7, 7]}
    driven.say(welcome("bb"), wire.CaughtUp(0, (3, 9)))
    assert back(driven).lacking == {}


def test_it_keeps_the_place_until_another_server_has_told_one() -> None:
    driven = begun()
    assert back(driven).place == ("aa", 7, 30)
    driven.say(welcome("bb"))
    assert back(driven).place == ("aa", 7, 30)
    driven.say(welcome("bb"), wire.CaughtUp(0))
    assert back(driven).place == ("aa", 7, 30)
    driven.say(welcome("bb"), wire.CaughtUp(0, (3, 9)))
    assert back(driven).place == ("bb", 3, 9)


def test_what_comes_a_second_time_is_not_reported() -> None:
    driven = begun()
    driven.say(broadcast(5), broadcast(6))
    back(driven)
    driven.say(welcome(), broadcast(4), broadcast(5), broadcast(6), broadcast(7), wire.CaughtUp(4, (7, 40)))
    assert reported(driven) == ["n.1.5", "n.1.6", "n.1.7"]
    assert driven.of(CatchUpDone)[-1].count == 1


def test_who_is_redirected_at_once_has_begun_at_the_first_server() -> None:
    driven = Driven()
    driven.start()
    driven.connected()
    driven.say(welcome(begins=BEGINS), wire.Redirect("two.example", 2))
    driven.connected()
    login = driven.said(wire.Login)[-1]
    assert (had(login), login.place) == (BEGINS, None)


def test_who_asked_for_history_begins_once_that_has_come() -> None:
    driven = Driven(ClientSettings(history=2))
    driven.start()
    driven.connected()
    driven.say(welcome(begins=BEGINS), broadcast(3), wire.Redirect("two.example", 2))
    driven.connected()
    login = driven.said(wire.Login)[-1]
    assert (had(login), login.history) == (None, 2)
    driven.say(welcome(begins=BEGINS), broadcast(3), broadcast(4), wire.CaughtUp(2, (1, 9)))
    login = back(driven)
    assert (had(login), login.history) == (BEGINS, 0)
    assert reported(driven) == ["n.1.3", "n.1.4"]


def test_a_server_that_leaves_before_the_login_says_with_what_to_begin() -> None:
    driven = Driven()
    driven.start()
    driven.connected()
    driven.say(wire.Quit("two.example", 2, begins=BEGINS))
    driven.connected()
    assert had(driven.said(wire.Login)[-1]) == BEGINS


def test_what_is_too_long_for_a_login_is_told_when_a_server_asks() -> None:
    driven = begun(ClientSettings(have_bytes=40))
    for number in range(200):
        driven.say(broadcast(2 * number + 6), broadcast(9, node=f"m{number}"))
    login = back(driven)
    assert had(login) == wire.HeldEntries(1_000_000, more=True)
    driven.say(welcome(), wire.HaveRequest())
    pages = driven.said(wire.Have)
    assert [page.more for page in pages] == [True] * (len(pages) - 1) + [False]
    assert all(len(line) < 1_000 for line in driven.lines())
    told = Holdings(1_000_000)
    for page in pages:
        for stream, numbers in decode_holdings(page.entries):
            told.put(stream, numbers, 0)
    streams = {f"m{number}.1": [8, 9] for number in range(200)}
    assert told.encoded() == {
        "n.1": [0, 4, *(one for number in range(200) for one in (2 * number + 6,) * 2)],
        **streams,
    }


def test_an_older_server_is_told_once_more_by_a_vector() -> None:
    driven = begun()
    driven.say(broadcast(5), broadcast(1, node="young"))
    assert back(driven).seen is None
    old = {"n.1": 8, "young.1": 4, "quiet.1": 3, "later.300000000000": 6}
    driven.say(wire.LoginSuccess(id="bb", vector=old), wire.CaughtUp(0), broadcast(9))
    assert driven.machine.online is False
    login = driven.said(wire.Login)[-1]
    # Of a stream that it has not heard of it has all, unless it has begun later than the client.
    assert login.seen == {"n.1": 5, "young.1": 1}
    # What was live in between would stand before what was missed.
    assert "n.1.9" not in reported(driven)
    driven.say(wire.LoginSuccess(id="bb", vector=old), *map(broadcast, (6, 7, 8, 9)), wire.CaughtUp(4))
    assert driven.machine.online
    assert reported(driven)[-4:] == ["n.1.6", "n.1.7", "n.1.8", "n.1.9"]
    assert [done.count for done in driven.of(CatchUpDone)] == [0, 4]
    assert len(driven.of(LoggedIn)) == 2
    assert back(driven).seen is not None


def test_what_an_older_server_sends_of_the_time_before_the_client_began_counts_as_had() -> None:
    """A vector cannot say that of a stream that had begun just before: the server sends all of it."""
    started = 300_000_000_000
    since = (1_577_836_800 + 300_000_000 + 60) * 1_000_000
    driven = Driven(wall_ahead=since / 1_000_000)
    driven.start()
    driven.connected()
    driven.say(welcome(begins=wire.HeldEntries(since, {"n.1": [0, 4]})), wire.CaughtUp(0, (7, 30)), broadcast(5))
    young, later = f"young.{started}", f"later.{started + 120_000}"
    old = {"n.1": 5, young: 2, later: 1}

    def sent(entry_id: str, stamp: int) -> wire.ActivityBroadcast:
        return msgspec.structs.replace(broadcast(int(entry_id[-1])), id=entry_id, stamp=stamp)

    back(driven)
    driven.say(wire.LoginSuccess(id="bb", vector=old), wire.CaughtUp(0))
    # The connection is lost meanwhile, and the next server is an older one as well.
    for server in ("bb", "cc"):
        back(driven)
        driven.say(wire.LoginSuccess(id=server, vector=old), sent(f"{young}.1", since - 320_000_000))
    # What began later is all of the time after, also where a server whose clock is behind has dated it.
    driven.say(sent(f"{later}.1", since - 320_000_000), sent(f"{young}.2", since), wire.CaughtUp(2))
    driven.say(sent(f"{young}.3", since - 320_000_000))
    assert reported(driven) == ["n.1.5", f"{later}.1", f"{young}.2", f"{young}.3"]


@pytest.mark.parametrize("behind", [2_700_000, 25_000_000, 299_000_000])
def test_what_an_older_server_dates_behind_the_clients_beginning_is_told(behind: int) -> None:
    """Clocks differ by up to five minutes, and nobody follows who hears of nobody: rather is something told that is a
    little too old."""
    begun_at = (1_577_836_800 + 300_000_000 + 600) * 1_000_000
    driven = Driven(wall_ahead=begun_at / 1_000_000)
    driven.start()
    driven.connected()
    young = "young.300000000000"
    driven.say(wire.LoginSuccess(id="aa", vector={"n.1": 4}, stamp=begun_at), wire.CaughtUp(0))
    back(driven)
    dated = msgspec.structs.replace(broadcast(1), id=f"{young}.1", stamp=begun_at - behind)
    driven.say(wire.LoginSuccess(id="bb", vector={"n.1": 4, young: 1}, stamp=begun_at), dated, wire.CaughtUp(1))
    assert reported(driven) == [f"{young}.1"]


def test_who_began_at_a_server_that_had_been_days_ahead_leaves_out_nothing_that_others_have_written_since() -> None:
    """That had dated its own by its clock, and knows no later time of streams that it does not name."""
    now = (1_577_836_800 + 300_000_000) * 1_000_000
    days_ahead = now + 196_477_000_000
    driven = Driven(wall_ahead=now / 1_000_000 - 100.0)
    driven.start()
    driven.connected()
    driven.say(welcome(begins=wire.HeldEntries(days_ahead, {"n.1": [0, 4]})), wire.CaughtUp(0, (7, 30)))
    have = back(driven).have
    assert have is not None
    holdings = Holdings(have.since)
    for stream, numbers in decode_holdings(have.entries):
        holdings.put(stream, numbers, 0)
    assert not holdings.covers(EntryId("back", 300_000_000_000, 1), now + 15_000_000)
    assert holdings.covers(EntryId("back", 300_000_000_000, 1), now - 15_000_000)
    assert holdings.covers(EntryId("n", 1, 4), days_ahead - 1)


def test_what_was_being_kept_elsewhere_when_a_client_began_at_an_older_server_does_not_count_as_had() -> None:
    """It was dated before the client began, and accepted after: by a server whose disk is slow, and whose stream the
    older server had not heard of."""
    begun_at = (1_577_836_800 + 300_000_000 + 60) * 1_000_000
    driven = Driven(wall_ahead=begun_at / 1_000_000)
    driven.start()
    driven.connected()
    driven.say(wire.LoginSuccess(id="aa", vector={"n.1": 4}, stamp=begun_at), wire.CaughtUp(0))
    have = back(driven).have
    assert have is not None
    holdings = Holdings(have.since)
    for stream, numbers in decode_holdings(have.entries):
        holdings.put(stream, numbers, 0)
    assert not holdings.covers(EntryId("slow", 300_000_000_000, 1), begun_at - 2_000_000)
    assert holdings.covers(EntryId("slow", 300_000_000_000, 1), begun_at - 360_000_000)
    assert holdings.covers(EntryId("n", 1, 4), begun_at - 1)


def test_who_began_at_an_older_server_that_was_days_ahead_leaves_out_nothing_that_others_have_written_since() -> None:
    now = (1_577_836_800 + 300_000_000 + 3_600) * 1_000_000
    days_ahead = now + 217_507_000_000
    driven = Driven(wall_ahead=now / 1_000_000 - 100.0)
    driven.start()
    driven.connected()
    old, young = "old.300000000000", "young.300003200000"
    driven.say(wire.LoginSuccess(id="aa", stamp=days_ahead, vector={"n.1": 4}), wire.CaughtUp(0))
    login = back(driven)
    assert login.have is not None
    assert login.have.since == now - inbox.CLOCKS_APART
    driven.say(wire.LoginSuccess(id="bb", vector={"n.1": 4, old: 6, young: 2}, stamp=now + 20_000_000))
    sent = [
        msgspec.structs.replace(broadcast(number), id=f"{young}.{number}", stamp=stamp)
        for number, stamp in ((1, now - 625_000_000), (2, now + 5_000_000))
    ]
    driven.say(*sent, wire.CaughtUp(2))
    assert reported(driven) == [f"{young}.2"]


def test_streams_that_began_before_the_client_count_as_had_at_an_older_server() -> None:
    # Half an hour after the first of these two had begun, and before the other.
    since = (1_577_836_800 + 300_000_000 + 1_800) * 1_000_000
    driven = Driven(wall_ahead=since / 1_000_000)
    driven.start()
    driven.connected()
    driven.say(welcome(begins=wire.HeldEntries(since, {"n.1": [0, 4]})), wire.CaughtUp(0, (7, 30)))
    back(driven)
    driven.say(wire.LoginSuccess(id="bb", vector={"old.300000000000": 7, "new.300003600000": 9}))
    assert driven.said(wire.Login)[-1].seen == {"n.1": 4, "old.300000000000": 7}


def test_who_comes_from_an_older_server_says_both_until_it_has_caught_up() -> None:
    driven = Driven(wall_ahead=1_000.0)
    driven.start()
    driven.connected()
    driven.say(wire.LoginSuccess(id="bb", vector={"n.1": 4}, stamp=301_000_004), wire.CaughtUp(0), broadcast(5))
    login = back(driven)
    assert (login.seen, had(login)) == ({"n.1": 5}, wire.HeldEntries(1_000_004, {"n.1": [0, 5]}))
    driven.say(welcome(), broadcast(6))
    assert back(driven).seen == {"n.1": 6}
    driven.say(welcome(), wire.CaughtUp(0, (1, 2)))
    assert back(driven).seen is None


def test_another_client_goes_on_where_one_has_ended() -> None:
    driven = begun()
    driven.say(broadcast(5), wire.PlaceReached((7, 94), {"n.1": [6, 7]}))
    point = driven.machine.resume_point
    assert point is not None
    assert point.vector == {Stream("n", 1): 5}
    other = Driven(ClientSettings(resume=point))
    other.start()
    other.connected()
    (login,) = other.said(wire.Login)
    assert login.place == ("aa", 7, 94)
    assert login.lacking == {"n.1": [6, 7]}
    assert had(login) == wire.HeldEntries(1_000_000, {"n.1": [0, 5]})


def test_a_server_says_what_it_lacks_of_the_clients_own_and_gets_that_first() -> None:
    driven = begun()
    refs = [driven.post({"n": number}) for number in range(3)]
    for number, ref in enumerate(refs):
        driven.say(wire.ActivityAck(ref, f"n.1.{number + 5}", 1_000_010 + number))
    driven.sent.clear()
    login = back(driven)
    assert login.mine == {"n.1": [5, 7]}
    new = driven.post({"n": "new"})
    driven.say(welcome("bb", lacks={"n.1": [6, 7]}))
    posted = driven.said(wire.ActivityMessage)
    assert [one.ref for one in posted] == [*refs[1:], new]
    assert posted[0].previous == "n.1.5"


def test_to_another_network_nothing_is_repeated() -> None:
    driven = begun()
    driven.say(wire.ActivityAck(driven.post({"n": 1}), "n.1.5", 1_000_010))
    driven.sent.clear()
    back(driven)
    driven.say(welcome("bb", lacks=None))
    assert driven.said(wire.ActivityMessage) == []


@pytest.mark.parametrize(
    "wrong",
    [
        wire.CaughtUp(0, (1, 2), {"n.1": [5, 4]}),
        wire.PlaceReached((1, 2), {"n.1": [1, 2**53 - 1]}),
        wire.PlaceReached((1, 2), {"nonsense": [1, 2]}),
    ],
)
def test_a_server_that_talks_nonsense_of_places_is_left(wrong: wire.Message) -> None:
    driven = begun()
    driven.say(wrong)
    assert isinstance(driven.sent[-1], wire.InvalidMessage)
    assert not driven.machine.online


def test_beginnings_that_are_none_are_nonsense() -> None:
    driven = Driven()
    driven.start()
    driven.connected()
    driven.say(welcome(begins=wire.HeldEntries(5, {"n.1": [4, 0]})))
    assert isinstance(driven.sent[-1], wire.InvalidMessage)


def test_what_is_under_way_in_the_latest_streams_does_not_count_as_had_after_a_beginning_at_an_older_server(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """That one counts its starts in milliseconds, and those of newer servers that it knows have larger numbers."""
    monkeypatch.setattr(inbox, "STREAMS_BEGUN_WITH", 2)
    others = {f"n.{2**18 * 31_536_000 * year}": 3 for year in (3, 4, 5)}
    its_own = 6 * 31_536_000_000
    driven = Driven()
    driven.start()
    driven.connected()
    driven.say(wire.LoginSuccess(id="aa", vector={f"aa.{its_own}": 4, **others}, stamp=1_000_000), wire.CaughtUp(0))
    have = back(driven).have
    assert have is not None
    holdings = Holdings(have.since)
    for stream, numbers in decode_holdings(have.entries):
        holdings.put(stream, numbers, 0)
    assert holdings.covers(EntryId("aa", its_own, 4), 999_999)
    assert not holdings.covers(EntryId("aa", its_own, 5), 999_999)
