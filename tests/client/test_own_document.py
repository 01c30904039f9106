"""A client's document goes to a server that keeps it: the latest that is wanted, once a minute, until one has it."""

from __future__ import annotations

import msgspec
import pytest

from core.client import DocumentArrived, DocumentRefused, DocumentSaved
from core.client.client_settings import ClientSettings
from core.wire import messages as wire
from core.wire.account_documents import DOCUMENT_BYTES_MAX
from tests.client.scripted import Driven

WELCOME = wire.LoginSuccess("", id="aa", vector={}, features=["document"])


def online(document: bytes = b"", stamp: int = 0) -> Driven:
    driven = Driven(ClientSettings(username="ada", secret="s"))
    driven.machine.start(driven.now)
    comes_in(driven, document, stamp)
    return driven


def comes_in(driven: Driven, document: bytes = b"", stamp: int = 0) -> None:
    """A server lets the client in, and tells what the document is."""
    driven.machine.connected(driven.now)
    driven.machine.received(WELCOME, driven.now)
    driven.machine.received(wire.AccountDocument(msgspec.Raw(document), stamp), driven.now)
    driven.take()


def passes(driven: Driven, seconds: float) -> None:
    """Time passes; the machine is woken whenever it asks to be, and its server answers each ping."""
    until = driven.now + seconds
    while driven.wake_at is not None and driven.wake_at <= until:
        driven.now = max(driven.now, driven.wake_at)
        driven.machine.woke(driven.now)
        driven.take()
        driven.machine.received(wire.Pong(1), driven.now)
        driven.take()
    driven.now = until


def wants(driven: Driven, document: bytes) -> None:
    assert driven.machine.keep_document(document, driven.now) is None
    driven.take()


def sent(driven: Driven) -> list[tuple[int, bytes]]:
    return [(one.number, bytes(one.document)) for one in driven.sent if isinstance(one, wire.KeepDocument)]


def answered(driven: Driven, message: wire.Message) -> None:
    driven.machine.received(message, driven.now)
    driven.take()


def test_the_application_is_told_what_the_document_is_after_each_login_and_when_it_changes() -> None:
    driven = online(b'{"x":1}', 5)
    answered(driven, wire.AccountDocument(msgspec.Raw(b'{"x":2}'), 6))
    driven.machine.lost("gone", driven.now)
    passes(driven, 5.0)
    comes_in(driven)
    found = [one for one in driven.events if isinstance(one, DocumentArrived)]
    assert found == [DocumentArrived(b'{"x":1}', 5), DocumentArrived(b'{"x":2}', 6), DocumentArrived(None, 0)]


def test_what_is_wanted_goes_out_at_once_and_the_next_one_a_minute_after_the_answer_as_the_latest() -> None:
    driven = online()
    passes(driven, 2.0)
    wants(driven, b'{"x":1}')
    assert sent(driven) == [(1, b'{"x":1}')]
    answered(driven, wire.DocumentKept(1, 7))
    assert DocumentSaved(b'{"x":1}', 7) in driven.events
    wants(driven, b'{"x":2}')
    passes(driven, 30.0)
    wants(driven, b'{"x":3}')
    passes(driven, 29.0)
    assert len(sent(driven)) == 1
    passes(driven, 2.0)
    assert sent(driven)[1:] == [(2, b'{"x":3}')]


def test_what_is_wanted_while_another_is_under_way_waits_for_its_answer() -> None:
    driven = online()
    passes(driven, 2.0)
    wants(driven, b'{"x":1}')
    wants(driven, b'{"x":2}')
    assert len(sent(driven)) == 1
    answered(driven, wire.DocumentKept(1, 7))
    passes(driven, 61.0)
    assert sent(driven)[1:] == [(2, b'{"x":2}')]


def test_a_server_that_keeps_it_later_is_asked_again_then() -> None:
    driven = online()
    passes(driven, 2.0)
    wants(driven, b"{}")
    answered(driven, wire.DocumentNotKept(1, "soon", 20.0))
    passes(driven, 19.0)
    assert len(sent(driven)) == 1
    passes(driven, 2.0)
    assert sent(driven)[1:] == [(2, b"{}")]
    assert not any(isinstance(one, DocumentRefused) for one in driven.events)


def test_what_no_server_keeps_is_told_and_not_sent_again() -> None:
    driven = online()
    passes(driven, 2.0)
    wants(driven, b"{}")
    answered(driven, wire.DocumentNotKept(1, "no"))
    passes(driven, 300.0)
    assert len(sent(driven)) == 1 and DocumentRefused(b"{}", "no") in driven.events


def test_what_has_no_answer_goes_to_the_next_server_once_that_has_told_its_own() -> None:
    driven = online()
    passes(driven, 2.0)
    wants(driven, b'{"x":1}')
    driven.machine.lost("gone", driven.now)
    wants(driven, b'{"x":2}')
    passes(driven, 5.0)
    assert len(sent(driven)) == 1
    comes_in(driven, b'{"y":1}', 9)
    assert len(sent(driven)) == 1, "the application may want another one, now that it knows"
    passes(driven, 1.5)
    assert sent(driven)[1:] == [(2, b'{"x":2}')]


def test_the_next_server_is_told_what_was_acknowledged_if_it_has_an_older_one() -> None:
    driven = online(b'{"x":0}', 1)
    passes(driven, 2.0)
    wants(driven, b'{"x":1}')
    answered(driven, wire.DocumentKept(1, 7))
    driven.machine.lost("gone", driven.now)
    passes(driven, 5.0)
    comes_in(driven, b'{"x":0}', 1)
    passes(driven, 70.0)
    assert sent(driven)[1:] == [(2, b'{"x":1}')]


def test_where_the_document_is_a_later_one_nothing_is_repeated() -> None:
    driven = online()
    passes(driven, 2.0)
    wants(driven, b'{"x":1}')
    answered(driven, wire.DocumentKept(1, 7))
    driven.machine.lost("gone", driven.now)
    passes(driven, 5.0)
    comes_in(driven, b'{"x":2}', 8)
    passes(driven, 300.0)
    assert len(sent(driven)) == 1


def test_who_ends_says_what_they_want_kept_however_early_it_is() -> None:
    driven = online()
    passes(driven, 2.0)
    wants(driven, b'{"x":1}')
    answered(driven, wire.DocumentKept(1, 7))
    wants(driven, b'{"x":2}')
    driven.machine.close(driven.now)
    driven.take()
    assert sent(driven)[1:] == [(2, b'{"x":2}')] and isinstance(driven.sent[-1], wire.Logout)


def test_a_server_that_tells_no_document_is_sent_none() -> None:
    driven = Driven(ClientSettings(username="ada", secret="s"))
    driven.machine.start(driven.now)
    driven.machine.connected(driven.now)
    driven.machine.received(wire.LoginSuccess("", id="aa", vector={}), driven.now)
    driven.take()
    wants(driven, b"{}")
    passes(driven, 300.0)
    assert sent(driven) == []


@pytest.mark.parametrize(
    ("document", "why"),
    [
        (b"[]", "not a JSON object"),
        (b"\xff", "not a JSON object"),
        ({"x": "x" * DOCUMENT_BYTES_MAX}, "at most 8,192"),
        (b'{"x":\n1}', "more than one line"),
        ({"x": object()}, "not a JSON object"),
    ],
)
def test_what_can_be_no_document_is_refused_with_a_clause(document: object, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        online().machine.keep_document(document, 100.0)  # type: ignore[arg-type]


def test_anonymous_people_are_told_that_they_have_none() -> None:
    driven = Driven(ClientSettings())
    assert "anonymous" in (driven.machine.keep_document({"x": 1}, driven.now) or "")
