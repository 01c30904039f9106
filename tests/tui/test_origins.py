"""Where an activity was accepted, and whether that is signed, in words."""

from __future__ import annotations

import pytest

from core.node import ServerView
from core.wire.server_keys import certified_id
from tui.feed.origins import origin_of

KEY = certified_id(b"k" * 32)
SERVERS = (
    ServerView("bound", "lund", "192.0.2.1", 3780, 0, "reachable", 9, key="abcd-efgh", signs_from=7),
    ServerView("older", "visby", "192.0.2.2", 3780, 0, "reachable", 9),
    ServerView("fresh", "malmö", "192.0.2.3", 3780, 0, "reachable", 9, key="ijkl-mnop"),
    ServerView("gone", "kiruna", "192.0.2.4", 3780, 0, "unreachable"),
    ServerView(KEY, "umeå", "192.0.2.5", 3780, 0, "here", 9, key="qrst-uvwx", signs_from=1),
)


@pytest.mark.parametrize(
    ("entry", "where", "signed", "words"),
    [
        ("bound.7.1", "lund (bound)", True, "by the server's key, abcd-efgh"),
        ("bound.6.1", "lund (bound)", False, "nothing: unsigned, from before its server had a key"),
        ("older.9.1", "visby (older)", False, "nothing: unsigned, its server is of a version before keys"),
        ("fresh.9.1", "malmö (fresh)", None, "has not said from when on"),
        ("gone.1.1", "kiruna (gone)", None, "cannot be reached"),
        ("nobody.1.1", "nobody, which is not here now", None, "is not here now"),
        (f"{KEY}.1.1", f"umeå ({KEY})", True, "by the key its id is made of"),
        (f"{certified_id(b'j' * 32)}.1.1", "which is not here now", True, "by the key its id is made of"),
    ],
)
def test_it_is_told_which_server_has_accepted_an_activity_and_whether_it_has_signed_it(
    entry: str, where: str, signed: bool | None, words: str
) -> None:
    origin = origin_of(entry, SERVERS)
    assert origin is not None
    assert (origin.entry, origin.signed) == (entry, signed)
    assert where in origin.where and words in origin.why


def test_where_nobody_has_said_which_servers_there_are_none_is_said_not_to_be_there() -> None:
    origin = origin_of("bound.7.1", None)
    assert origin is not None and origin.where == "bound"


@pytest.mark.parametrize("entry", [None, "", "nonsense", "a.b.c"])
def test_what_a_base_server_passes_on_has_no_origin_that_is_known(entry: str | None) -> None:
    assert origin_of(entry, SERVERS) is None
