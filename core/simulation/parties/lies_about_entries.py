"""Lies about entries, whose they are, and where streams end."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec

from core.simulation.parties.lying_server import LyingServer
from core.simulation.parties.telling_lies import BODY, Lie, goes_by, long_name, say_all, told
from core.wire import messages as wire
from core.wire.entries import IDENTIFIER_CHARACTERS_MAX
from core.wire.sealed_entries import encoded

ENDLESS: Final = 2**52
HOURS: Final = 4 * 3600 * 1_000_000
"""Microseconds."""


def _marks_beyond_the_end(liar: LyingServer) -> None:
    """It answers whoever asks for what is missing that nothing is, of anybody's, up to the largest numbers there are;
    and says that it has something else, so that it is asked."""
    goes_by(liar, "marks beyond the end")
    _always_another_digest(liar, 5)


def _marks_over_gaps(liar: LyingServer) -> None:
    """It sends whoever asks the newest of each stream, passes nothing on of what came before that, and says that
    nothing is missing up to there."""
    goes_by(liar, "marks over gaps")
    goes_by(liar, "withheld entries")
    _always_another_digest(liar, 20)


def _unused_numbers(liar: LyingServer) -> None:
    """It writes entries into others' streams, under the numbers that come next there."""
    told(
        liar,
        "unused numbers",
        (
            wire.ActivityBroadcast(BODY, id=f"{node}.{incarnation}.{top + 1 + ahead}", stamp=liar.stamp())
            for (node, incarnation), top in liar.memory.ends_of_streams().items()
            for ahead in range(30)
        ),
    )


def _far_numbers(liar: LyingServer) -> None:
    """The same under numbers that nobody will come to."""
    told(
        liar,
        "far numbers",
        (
            wire.ActivityBroadcast(BODY, id=f"{node}.{incarnation}.{ENDLESS + ahead}", stamp=liar.stamp())
            for node, incarnation in liar.memory.ends_of_streams()
            for ahead in range(0, 20, 2)
        ),
    )


def _invented_starts(liar: LyingServer) -> None:
    """It writes entries into starts of others that there never were, before and after the present ones."""
    told(
        liar,
        "invented starts",
        (
            wire.ActivityBroadcast(BODY, id=f"{node}.{max(1, incarnation + other)}.1", stamp=liar.stamp())
            for node, incarnation in liar.memory.ends_of_streams()
            for other in (-1000, -1, 1, 5000)
        ),
    )


def _invented_streams(liar: LyingServer) -> None:
    """It writes entries into thousands of streams of servers that there are none of."""
    messages = [
        wire.ActivityBroadcast(BODY, id=f"{long_name(liar, number, 47)}.{2**50}.1", stamp=liar.stamp())
        for number in liar.next_numbers()
    ]
    say_all(liar, "invented streams", messages)


def _names_of_full_length(liar: LyingServer) -> None:
    """It writes an entry into the stream of a server whose name, with the number of its start, is longer than what a
    server can ask for."""
    server = long_name(liar, liar.next_number(), IDENTIFIER_CHARACTERS_MAX)
    told(liar, "names of full length", [wire.ActivityBroadcast(BODY, id=f"{server}.{2**50}.1", stamp=liar.stamp())])


def _two_bodies(liar: LyingServer) -> None:
    """It tells each of its neighbours something else under one identity of its own."""
    for _ in range(5):
        entry_id = liar.next_id()
        for number, link in enumerate(liar.linked):
            body = msgspec.Raw(b'{"type":"Note","by":"a liar","n":%d}' % (2 + number))
            liar.say_over(link, wire.ActivityBroadcast(body, id=entry_id, stamp=liar.stamp()))
            liar.tell("two bodies")


def _old_entries(liar: LyingServer) -> None:
    """It says again what it has heard, from the first to the last, over every link."""
    if liar.linked:
        for message in liar.memory.heard:
            liar.repeat(message)
            liar.tell("replayed messages")


def _far_stamps(liar: LyingServer) -> None:
    """It dates what it writes in a far future."""
    told(
        liar,
        "far stamps",
        [wire.ActivityBroadcast(BODY, id=liar.next_id(), stamp=2**53 - 1 - number) for number in range(5)],
    )


def _another_body(liar: LyingServer) -> None:
    """It changes what it passes on, under the identity that it has."""
    goes_by(liar, "another body")


def _moved_dates(liar: LyingServer) -> None:
    """It dates what it passes on anew, hours earlier or later than its server has, as who sits beside a clock that is
    far off may."""
    liar.moves = HOURS if liar.rng.random() < 0.5 else -HOURS
    goes_by(liar, "moved dates")


def _withheld_entries(liar: LyingServer) -> None:
    """It passes nothing on, although the tree leads through it."""
    goes_by(liar, "withheld entries")


def _empty_answers(liar: LyingServer) -> None:
    """It says that it has something else, and sends nothing to who asks for it."""
    _always_another_digest(liar, 5)
    liar.tell("empty answers")


def _no_answer(liar: LyingServer) -> None:
    """It says nothing to who asks for what is missing."""
    goes_by(liar, "no answer at all")
    _always_another_digest(liar, 5)


def _lists_of_nothing(liar: LyingServer) -> None:
    """It lists entries that there are none of among what it has, and sends none of them."""
    goes_by(liar, "lists of nothing")
    _always_another_digest(liar, 5)


def _everything_dropped(liar: LyingServer) -> None:
    """It says of what somebody misses that it has had and dropped all of it, and has the newest of each stream come, so
    that something is missed."""
    goes_by(liar, "everything dropped")
    goes_by(liar, "withheld entries")
    for _, message in list(liar.memory.newest.values()):
        liar.repeat(message)
    _always_another_digest(liar, 20)


def _endless_answers(liar: LyingServer) -> None:
    """It says for ever that there is more to ask for."""
    goes_by(liar, "endless answers")
    _always_another_digest(liar, 5)


def _always_another_digest(liar: LyingServer, times: int, kind: str = "digests that differ") -> None:
    """It says that what it has differs from what others have, again and again."""
    if times > 0:
        number = liar.next_number()
        if liar.compares:
            liar.say(wire.ReconcileDigest(0, liar.stamp(), number, encoded(number.to_bytes(32, "big"))))
        else:
            liar.say(wire.SyncDigest(f"{number:016x}"))
        if liar.linked and kind == "digests that differ":
            liar.tell(kind)
        liar.later(0.5, lambda: _always_another_digest(liar, times - 1, kind))


def _digests_that_differ(liar: LyingServer) -> None:
    """It says all the time that what it has differs from what others have."""
    _always_another_digest(liar, 60)


LIES_ABOUT_ENTRIES: Final[Mapping[str, Lie]] = {
    "marks beyond the end": _marks_beyond_the_end,
    "marks over gaps": _marks_over_gaps,
    "another body": _another_body,
    "unused numbers": _unused_numbers,
    "far numbers": _far_numbers,
    "invented starts": _invented_starts,
    "invented streams": _invented_streams,
    "names of full length": _names_of_full_length,
    "two bodies": _two_bodies,
    "far stamps": _far_stamps,
    "withheld entries": _withheld_entries,
    "moved dates": _moved_dates,
    "empty answers": _empty_answers,
    "no answer at all": _no_answer,
    "lists of nothing": _lists_of_nothing,
    "everything dropped": _everything_dropped,
    "endless answers": _endless_answers,
    "digests that differ": _digests_that_differ,
    "replayed messages": _old_entries,
}
