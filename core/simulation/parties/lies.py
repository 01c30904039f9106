"""The kinds of lies that a member of the network can tell, each as what a lying server does.

Some are said once; by others it goes from then on, in all that it does (`LyingServer.ways`). Who tells one that needs
something to be heard first (a registration, a stream) tells none as long as it has heard of none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Final

import msgspec

from core.simulation.environment.randomness import pick
from core.simulation.environment.verifiers import verifier_of
from core.simulation.parties.lying_server import LyingServer
from core.wire import messages as wire
from core.wire.address import Address
from core.wire.entries import IDENTIFIER_CHARACTERS_MAX, SecretChange, change_as_key
from core.wire.messages import LinkEnd, Message

Lie = Callable[[LyingServer], None]

BODY: Final = msgspec.Raw(b'{"type":"Note","by":"a liar","n":1}')
ENDLESS: Final = 2**52
AT_ONCE: Final = 100
BETWEEN: Final = 0.02
"""It says so many messages in one go, and waits so many seconds: nobody cuts it off for the sheer mass of it."""
NOWHERE: Final = "nowhere"
"""A host that there is none of."""


def _say_all(liar: LyingServer, kind: str, messages: Sequence[Message]) -> None:
    """Say very many things, one after the other."""
    for message in messages[:AT_ONCE]:
        liar.say(message)
    liar.tell(kind)
    if len(messages) > AT_ONCE:
        liar.later(BETWEEN, lambda: _say_all(liar, kind, messages[AT_ONCE:]))


def _told(liar: LyingServer, kind: str, messages: Iterable[Message]) -> None:
    if liar.linked:
        for message in messages:
            liar.say(message)
            liar.tell(kind)


def _long(liar: LyingServer, number: int, length: int) -> str:
    """The name of a server that there is none of, as long as a name can be where it is said."""
    return f"{liar.id}{number}".ljust(length, "x")


# --- entries, and where streams end -----------------------------------------------------------------------------------


def _marks_beyond_the_end(liar: LyingServer) -> None:
    """It answers whoever asks for what is missing that nothing is, of anybody's, up to the largest numbers there are;
    and says that it has something else, so that it is asked."""
    _always(liar, "marks beyond the end")
    _always_another_digest(liar, 5)


def _unused_numbers(liar: LyingServer) -> None:
    """It writes entries into others' streams, under the numbers that come next there."""
    _told(
        liar,
        "unused numbers",
        (
            wire.ActivityBroadcast(BODY, id=f"{node}.{incarnation}.{top + 1 + ahead}", stamp=liar.stamp())
            for (node, incarnation), top in liar.ends_of_streams().items()
            for ahead in range(30)
        ),
    )


def _far_numbers(liar: LyingServer) -> None:
    """The same under numbers that nobody will come to."""
    _told(
        liar,
        "far numbers",
        (
            wire.ActivityBroadcast(BODY, id=f"{node}.{incarnation}.{ENDLESS + ahead}", stamp=liar.stamp())
            for node, incarnation in liar.ends_of_streams()
            for ahead in range(0, 20, 2)
        ),
    )


def _invented_starts(liar: LyingServer) -> None:
    """It writes entries into starts of others that there never were, before and after the present ones."""
    _told(
        liar,
        "invented starts",
        (
            wire.ActivityBroadcast(BODY, id=f"{node}.{max(1, incarnation + other)}.1", stamp=liar.stamp())
            for node, incarnation in liar.ends_of_streams()
            for other in (-1000, -1, 1, 5000)
        ),
    )


def _invented_streams(liar: LyingServer) -> None:
    """It writes entries into thousands of streams of servers that there are none of."""
    messages = [
        wire.ActivityBroadcast(BODY, id=f"{_long(liar, number, 47)}.{2**50}.1", stamp=liar.stamp())
        for number in liar.next_numbers()
    ]
    if liar.linked:
        _say_all(liar, "invented streams", messages)


def _names_of_full_length(liar: LyingServer) -> None:
    """It writes an entry into the stream of a server whose name, with the number of its start, is longer than what a
    server can ask for."""
    server = _long(liar, liar.next_number(), IDENTIFIER_CHARACTERS_MAX)
    _told(liar, "names of full length", [wire.ActivityBroadcast(BODY, id=f"{server}.{2**50}.1", stamp=liar.stamp())])


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
    if liar.linked and liar.heard:
        _say_all(liar, "replayed messages", list(liar.heard))


def _far_stamps(liar: LyingServer) -> None:
    """It dates what it writes in a far future."""
    _told(
        liar,
        "far stamps",
        [wire.ActivityBroadcast(BODY, id=liar.next_id(), stamp=2**53 - 1 - number) for number in range(5)],
    )


def _always(liar: LyingServer, kind: str) -> None:
    liar.ways.add(kind)


def _another_body(liar: LyingServer) -> None:
    """It changes what it passes on, under the identity that it has."""
    _always(liar, "another body")


def _withheld_entries(liar: LyingServer) -> None:
    """It passes nothing on, although the tree leads through it."""
    _always(liar, "withheld entries")


def _empty_answers(liar: LyingServer) -> None:
    """It says that it has something else, and sends nothing to who asks for it."""
    _always_another_digest(liar, 5)
    liar.tell("empty answers")


def _no_answer(liar: LyingServer) -> None:
    """It says nothing to who asks for what is missing."""
    _always(liar, "no answer at all")
    _always_another_digest(liar, 5)


def _endless_answers(liar: LyingServer) -> None:
    """It says for ever that there is more to ask for."""
    _always(liar, "endless answers")
    _always_another_digest(liar, 5)


def _always_another_digest(liar: LyingServer, times: int, kind: str = "digests that differ") -> None:
    """It says that what it has differs from what others have, again and again."""
    if times > 0:
        liar.say(wire.SyncDigest(f"{liar.next_number():016x}"))
        if liar.linked and kind == "digests that differ":
            liar.tell(kind)
        liar.later(0.5, lambda: _always_another_digest(liar, times - 1, kind))


def _digests_that_differ(liar: LyingServer) -> None:
    """It says all the time that what it has differs from what others have."""
    _always_another_digest(liar, 60)


# --- people -----------------------------------------------------------------------------------------------------------


def _posts_in_their_names(liar: LyingServer) -> None:
    """It says that people wrote what they did not, behind something that nobody has."""
    names = sorted({entry.username for entry in liar.accounts()})
    _told(
        liar,
        "posts in others' names",
        [
            wire.ActivityBroadcast(
                BODY, id=liar.next_id(), stamp=liar.stamp(), sender=name, previous=f"{liar.id}.1.{liar.next_number()}"
            )
            for name in names
        ],
    )


def _taken_refs(liar: LyingServer) -> None:
    """It gives what it makes up the names that people's clients give to what they write next."""
    found: dict[str, str] = {}
    for entry in liar.activities():
        if entry.sender and entry.ref is not None:
            found[entry.sender] = entry.ref
    messages: list[Message] = []
    for sender, ref in sorted(found.items()):
        word, _, number = ref.rpartition("-")
        messages += [
            wire.ActivityBroadcast(
                BODY, id=liar.next_id(), stamp=liar.stamp(), sender=sender, ref=f"{word}-{int(number) + ahead}"
            )
            for ahead in (range(1, 20) if number.isdigit() else ())
        ]
    _told(liar, "taken refs", messages)


def _account(liar: LyingServer, username: str, claimed_at: int, claim: str) -> wire.Account:
    verifier = verifier_of("the liar's secret", "00000000000000ff")
    return wire.Account(liar.next_id(), liar.stamp(), username, verifier, claimed_at, claim)


def _backdated_registrations(liar: LyingServer) -> None:
    """It says that names that others have were registered at its own server, long before."""
    _told(
        liar,
        "backdated registrations",
        [
            _account(liar, entry.username, 1 + pick(liar.rng, 1000), f"{liar.id}.1.{liar.next_number()}")
            for entry in liar.accounts()
        ],
    )


def _rewritten_registrations(liar: LyingServer) -> None:
    """It tells others' registrations anew: the same claim, with another secret and an earlier date."""
    _told(
        liar,
        "rewritten registrations",
        [_account(liar, entry.username, entry.claimed_at - 1, entry.claim) for entry in liar.accounts()],
    )


def _changed_secrets(liar: LyingServer) -> None:
    """It says that people have given their accounts another secret."""
    verifier = verifier_of("the liar's secret", "00000000000000ee")
    messages = []
    for entry in liar.accounts():
        change = SecretChange(liar.stamp(), f"{liar.id}.{liar.incarnation}.{liar.next_number()}", verifier)
        messages.append(
            msgspec.structs.replace(entry, id=liar.next_id(), stamp=liar.stamp(), key=change_as_key(change))
        )
    _told(liar, "changed secrets", messages)


def _invented_accounts(liar: LyingServer) -> None:
    """It registers thousands of names that nobody wants."""
    messages = [
        _account(liar, f"nobody {liar.name} {number}", liar.stamp(), f"{liar.id}.2.{number}")
        for number in liar.next_numbers()
    ]
    if liar.linked:
        _say_all(liar, "invented accounts", messages)


# --- locks ------------------------------------------------------------------------------------------------------------


def _unasked_answers(liar: LyingServer) -> None:
    """It answers questions about names that it was not asked, or not any more, and gives up others' claims."""
    asked = [message for message in liar.heard if isinstance(message, wire.LockRequest)]
    messages: list[Message] = []
    for message in asked:
        for number in (message.round or 1, (message.round or 1) + 1):
            messages += [
                wire.LockAllowed(message.username, claim=message.claim, round=number, count=1000),
                wire.LockDenied(message.username, claim=message.claim, round=number, info="unasked"),
            ]
        messages.append(wire.LockRelease(message.username, message.claim or ""))
    for record in liar.honest():
        for number in range(1, 4):
            claim = f"{record.id}.{record.incarnation}.{number}"
            messages += [
                wire.LockAllowed("anybody", claim=claim, round=1, count=1000),
                wire.LockDenied("anybody", claim=claim, round=1, info="unasked"),
            ]
    _told(liar, "unasked answers", messages)


def _too_many_allow(liar: LyingServer) -> None:
    """It answers that a thousand servers allow a name."""
    _always(liar, "too many allow")


def _refused_names(liar: LyingServer) -> None:
    """It says of every name that somebody has it."""
    _always(liar, "refused names")


def _silent_voters(liar: LyingServer) -> None:
    """It never says whether a name is free."""
    _always(liar, "silent voters")


def _claims_for_ever(liar: LyingServer) -> None:
    """It asks for thousands of names that it never takes and never gives up."""
    messages = [
        wire.LockRequest(
            f"wanted {liar.name} {number}",
            claim=f"{liar.id}.{liar.incarnation}.{number}",
            round=1,
            stamp=liar.stamp(),
            verifier=verifier_of("x", "00000000000000dd"),
        )
        for number in liar.next_numbers()
    ]
    if liar.linked:
        _say_all(liar, "claims for ever", messages)


# --- the map ----------------------------------------------------------------------------------------------------------


def _in_anothers_name(liar: LyingServer, kind: str, **changes: object) -> None:
    for _ in range(3):
        _told(
            liar,
            kind,
            [
                msgspec.structs.replace(
                    record, version=(record.version or 0) + 1000 + liar.next_number(), **changes
                )
                for record in liar.honest()
            ],
        )  # fmt: skip


def _address_elsewhere(liar: LyingServer) -> None:
    """It says that others are where there is nobody."""
    _in_anothers_name(liar, "address elsewhere", hostname=NOWHERE, also=[])


def _has_left(liar: LyingServer) -> None:
    """It says that others have left, in its favour."""
    _in_anothers_name(liar, "others have left", left=True, successor=liar.id)


def _wrong_loads(liar: LyingServer) -> None:
    """It says that all others are full, and nobody is at its own."""
    liar.load = 0
    liar.announce()
    _in_anothers_name(liar, "wrong loads", load=10_000)


def _later_starts(liar: LyingServer) -> None:
    """It says that others have been started again, without any link."""
    _told(
        liar,
        "later starts",
        [
            msgspec.structs.replace(record, incarnation=(record.incarnation or 0) + 1_000_000, version=1, links=[])
            for record in liar.honest()
        ],
    )


def _invented_servers(liar: LyingServer) -> None:
    """It announces thousands of servers that there are none of, all linked with its own."""
    names = [_long(liar, number, IDENTIFIER_CHARACTERS_MAX) for number in liar.next_numbers()]
    liar.invented.update(dict.fromkeys(names))
    liar.named_links.update(dict.fromkeys(names[:1000], 7))
    messages: list[Message] = [
        wire.ServerAnnounce(
            name,
            0,
            NOWHERE,
            3780,
            incarnation=2**47,
            version=2**47,
            name="invented",
            links=[LinkEnd(liar.id, 7)],
        )
        for name in names
    ]
    if liar.linked:
        liar.announce()
        _say_all(liar, "invented servers", messages)


def _links_that_are_not_there(liar: LyingServer) -> None:
    """It says that it is linked with everybody, and everybody with it, by the oldest links of all."""
    liar.named_links.update({str(record.id): 1 for record in liar.honest()})
    liar.announce()
    kind = "links that are not there"
    for record in liar.honest():
        links = [end for end in record.links if end.neighbour != liar.id] + [LinkEnd(liar.id, 1)]
        liar.say(msgspec.structs.replace(record, version=(record.version or 0) + 1, links=links))
        liar.tell(kind)


def _two_maps(liar: LyingServer) -> None:
    """It tells each of its neighbours another record of itself under one number."""
    record = liar.record()
    for number, link in enumerate(liar.linked):
        links = list(record.links)[: number + 1] if number % 2 else []
        liar.say_over(link, msgspec.structs.replace(record, links=links, load=number))
        liar.tell("two maps")


def _takes_their_place(liar: LyingServer) -> None:
    """It links with servers as if it were one of the others, started again elsewhere."""
    honest = liar.honest()
    for link in list(liar.linked):
        for record in honest:
            if record.id != link.remote:
                target = next((one for one in honest if one.id == link.remote), None)
                if target is not None:
                    liar.come_as(str(record.id), (record.incarnation or 0) + 10**6, _address_of(target))
                    liar.tell("takes others' places")


def _address_of(record: wire.ServerAnnounce) -> Address:
    return Address(record.hostname, int(record.port))


def _false_farewells(liar: LyingServer) -> None:
    """It says that it leaves, and who comes after it (nobody, or the one that it tells), and stays."""
    for link in liar.linked:
        other = liar.rng.random() < 0.5
        host, successor = (NOWHERE, f"{liar.id}x") if other else (link.end.peer, link.remote)
        liar.say_over(link, wire.Quit(host, 3780, id=liar.id, successor=successor))
        liar.tell("false farewells")


# --- its clients ------------------------------------------------------------------------------------------------------


def _draws_clients(liar: LyingServer, kind: str) -> None:
    _always(liar, kind)
    liar.load = 0
    liar.announce()


LIES: Final[Mapping[str, Lie]] = {
    "marks beyond the end": _marks_beyond_the_end,
    "another body": _another_body,
    "unused numbers": _unused_numbers,
    "far numbers": _far_numbers,
    "invented starts": _invented_starts,
    "invented streams": _invented_streams,
    "names of full length": _names_of_full_length,
    "two bodies": _two_bodies,
    "far stamps": _far_stamps,
    "withheld entries": _withheld_entries,
    "empty answers": _empty_answers,
    "no answer at all": _no_answer,
    "endless answers": _endless_answers,
    "digests that differ": _digests_that_differ,
    "replayed messages": _old_entries,
    "posts in others' names": _posts_in_their_names,
    "taken refs": _taken_refs,
    "backdated registrations": _backdated_registrations,
    "rewritten registrations": _rewritten_registrations,
    "changed secrets": _changed_secrets,
    "invented accounts": _invented_accounts,
    "unasked answers": _unasked_answers,
    "too many allow": _too_many_allow,
    "refused names": _refused_names,
    "silent voters": _silent_voters,
    "claims for ever": _claims_for_ever,
    "address elsewhere": _address_elsewhere,
    "others have left": _has_left,
    "later starts": _later_starts,
    "wrong loads": _wrong_loads,
    "invented servers": _invented_servers,
    "links that are not there": _links_that_are_not_there,
    "two maps": _two_maps,
    "takes others' places": _takes_their_place,
    "false farewells": _false_farewells,
    "redirects to nowhere": partial(_draws_clients, kind="redirects to nowhere"),
    "takes clients in": partial(_draws_clients, kind="takes clients in"),
    "never answers clients": partial(_draws_clients, kind="never answers clients"),
}
"""Each kind by the name by which plans, tables and reports know it."""
