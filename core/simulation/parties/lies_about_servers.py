"""Lies about servers: where they are, whether they are there, and who serves people."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Final

import msgspec

from core.simulation.parties.lying_server import LyingServer
from core.simulation.parties.telling_lies import NOWHERE, Lie, goes_by, long_name, say_all, told
from core.wire import messages as wire
from core.wire.address import Address
from core.wire.entries import IDENTIFIER_CHARACTERS_MAX
from core.wire.messages import LinkEnd, Message


def _in_anothers_name(liar: LyingServer, kind: str, **changes: object) -> None:
    for _ in range(3):
        told(
            liar,
            kind,
            [
                msgspec.structs.replace(
                    record, version=(record.version or 0) + 1000 + liar.next_number(), **changes
                )
                for record in liar.memory.honest()
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
    told(
        liar,
        "later starts",
        [
            msgspec.structs.replace(record, incarnation=(record.incarnation or 0) + 1_000_000, version=1, links=[])
            for record in liar.memory.honest()
        ],
    )


def _invented_servers(liar: LyingServer) -> None:
    """It announces thousands of servers that there are none of, all linked with its own."""
    names = [long_name(liar, number, IDENTIFIER_CHARACTERS_MAX) for number in liar.next_numbers()]
    liar.memory.invented.update(dict.fromkeys(names))
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
    liar.announce()
    say_all(liar, "invented servers", messages)


def _links_that_are_not_there(liar: LyingServer) -> None:
    """It says that it is linked with everybody, and everybody with it, by the oldest links of all."""
    liar.named_links.update({str(record.id): 1 for record in liar.memory.honest()})
    liar.announce()
    kind = "links that are not there"
    for record in liar.memory.honest():
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
    honest = liar.memory.honest()
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


# --- who is sent to it ----------------------------------------------------------------------------------------------


def _draws_clients(liar: LyingServer, kind: str) -> None:
    goes_by(liar, kind)
    liar.load = 0
    liar.announce()


LIES_ABOUT_SERVERS: Final[Mapping[str, Lie]] = {
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
