"""Signed link-state records: nothing of one can be changed, and they go through servers that know no keys."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from core.simulation.environment.hash_signing import HashSigner, HashVerifier
from core.simulation.parties.simulated_server import as_before_keys
from core.wire.codec import decode, encode
from core.wire.link_state import CARRIER, for_servers_before, from_servers_before, signed_digest
from core.wire.messages import AttachedServer, LinkEnd, ServerAnnounce

SIGNER = HashSigner(b"a server")
RECORD = ServerAnnounce(
    "a",
    3,
    "a.example",
    3780,
    incarnation=7,
    version=9,
    name="anna",
    links=[LinkEnd("b", 5)],
    attached=[AttachedServer("x", "x.example", 1, 2)],
    users=["ann"],
    successor="b",
    sent={"b": 4},
    ssh=22,
    away={"bob": (1, 2)},
    also=["a2.example"],
    near=["b"],
    signs_from=7,
)
OTHERWISE: dict[str, Any] = {
    "id": "other",
    "load": 4,
    "hostname": "liar.example",
    "port": 3781,
    "incarnation": 8,
    "version": 10,
    "name": "hanna",
    "links": [],
    "attached": [],
    "users": [],
    "draining": True,
    "left": True,
    "successor": "c",
    "sent": {"b": 5},
    "ssh": 23,
    "away": {},
    "also": [],
    "near": [],
    "signs_from": 8,
    "more": {"later": msgspec.Raw(b"1")},
}
"""Another value for each field."""


def signed(record: ServerAnnounce) -> ServerAnnounce:
    return msgspec.structs.replace(record, key=SIGNER.key, signature=SIGNER.sign(signed_digest(record)))


def fits(record: ServerAnnounce) -> bool:
    assert record.key is not None and record.signature is not None
    return HashVerifier().fits(record.signature, record.key, signed_digest(record))


def over_the_wire(record: ServerAnnounce) -> ServerAnnounce:
    read = decode(encode(record)[:-1])
    assert isinstance(read, ServerAnnounce)
    return read


def test_every_field_of_a_record_has_another_value_here() -> None:
    assert {*OTHERWISE, "key", "signature"} == set(ServerAnnounce.__struct_fields__)


@pytest.mark.parametrize("field", OTHERWISE)
def test_nothing_in_a_signed_record_can_be_changed(field: str) -> None:
    assert fits(signed(RECORD))
    assert not fits(msgspec.structs.replace(signed(RECORD), **{field: OTHERWISE[field]}))


def test_a_signature_fits_what_was_read_from_the_wire() -> None:
    assert fits(over_the_wire(signed(RECORD)))


def test_a_peer_that_writes_numbers_as_text_signs_the_same() -> None:
    line = encode(signed(RECORD))[:-1].replace(b'"load":3', b'"load":"3"').replace(b'"port":3780', b'"port":"3780"')
    read = decode(line)
    assert isinstance(read, ServerAnnounce) and fits(read)


def test_what_a_later_version_says_is_signed_and_passed_on_as_it_came() -> None:
    record = signed(msgspec.structs.replace(RECORD, more={"colour": msgspec.Raw(b'{"a": [1.50, "x"]}')}))
    passed_on = over_the_wire(over_the_wire(record))
    assert fits(passed_on) and bytes(passed_on.more["colour"]) == b'{"a": [1.50, "x"]}'


@pytest.mark.parametrize("signs_from", [None, 7])
def test_a_signature_goes_through_a_server_that_knows_no_keys(signs_from: int | None) -> None:
    record = signed(msgspec.structs.replace(RECORD, signs_from=signs_from))
    there = over_the_wire(for_servers_before(record))
    read_there = as_before_keys(there)
    assert there == read_there, "what such a server does not know would be lost"
    back = from_servers_before(over_the_wire(read_there))
    assert back == record and fits(back)


def test_such_a_server_takes_the_signature_for_one_more_name_to_which_nobody_was_sent() -> None:
    sent = for_servers_before(signed(RECORD)).sent
    (carrier,) = set(sent) - {"b"}
    assert sent["b"] == 4 and sent[carrier] == 0 and len(carrier) <= 256


def test_a_record_with_fields_of_a_later_version_is_unsigned_there() -> None:
    record = signed(msgspec.structs.replace(RECORD, more={"colour": msgspec.Raw(b"1")}))
    assert from_servers_before(as_before_keys(for_servers_before(record))).key is None


@pytest.mark.parametrize("rest", ["", " ", " x", " AAAA AAAA", f" {'A' * 43}= !", f" {'A' * 43}= AAAA x", " a b c d e"])
def test_what_only_looks_like_a_signature_is_left_alone(rest: str) -> None:
    record = msgspec.structs.replace(RECORD, sent={CARRIER + rest: 0})
    assert from_servers_before(record) == record
