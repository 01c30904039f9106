"""Records: the same bytes for years, noticed when a bit of them changes, and provable although entries are left out."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Sequence

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from hypothesis import given, settings
from hypothesis import strategies as st

from core.simulation.environment.hash_signing import HashSigner, HashVerifier
from core.wire.ed25519 import Ed25519Signer, Ed25519Verifier
from core.wire.entries import COUNTER_MAX, Entry, EntryId, Stream
from core.wire.limits import (
    ACTIVITY_BYTES_MAX,
    NAME_CHARACTERS_MAX,
    RECORD_BODIES_BYTES_MAX,
    RECORD_ENTRIES_MAX,
    REF_CHARACTERS_MAX,
    SERVER_LINE_BYTES_MAX,
)
from core.wire.records import (
    LogRecord,
    decode,
    loose,
    proved,
    seal,
)
from core.wire.signing import KEY_BYTES, SIGNATURE_BYTES, Signer, Verifier

HASH = b"A" * 43 + b"="
SIGNER = HashSigner(b"ann")
VERIFIER = HashVerifier()
STREAM = Stream("ann", 5)

GOLDEN = (
    b'{"command":"RECORD","version":1,"node":"ann","incarnation":5,"first":1,"count":3,"stamp":1001,'
    b'"entries":[[{"a":1},0,0,"bob"],[{"a":2},0,1,null,1],[{"a":3},0,2,"bob",2]],'
    b'"key":"O2onvM62pC1io6jQKm8Nc2UyFXcd4kOmOsBIoYtZ2ik=",'
    b'"signature":"WOHJNm/8T1UyjvNdPktJP8W1zrYYOMLGbvDIeKpBWJ10qiPGFZFZDCUumXydvNX6LJOPet+L/E/Vxgc5aKOKAQ=="}'
)
"""Written by the first version, with the private key of 32 zero bytes."""


def activities(*bodies: bytes, first: int = 1, stream: Stream = STREAM) -> list[Entry]:
    return [
        Entry(EntryId(*stream, number), "activity", 1_000 + number, body) for number, body in enumerate(bodies, first)
    ]


texts = st.text(max_size=40)
names = st.text(st.characters(codec="utf-8"), min_size=1, max_size=NAME_CHARACTERS_MAX)
nodes = st.text(st.characters(exclude_characters=".", codec="utf-8"), min_size=1, max_size=64)
counters = st.integers(0, COUNTER_MAX)
bodies = st.dictionaries(texts, st.one_of(texts, st.integers(), st.lists(st.booleans(), max_size=3)), max_size=4).map(
    lambda value: json.dumps(value, ensure_ascii=False).encode("utf-8", "ignore")
)


@st.composite
def runs(draw: st.DrawFn, min_size: int = 1) -> list[Entry]:
    node, incarnation = draw(nodes), draw(counters)
    first = draw(st.integers(1, COUNTER_MAX - 20))
    ids = st.builds(EntryId, st.one_of(st.just(node), nodes), st.one_of(st.just(incarnation), counters), counters)
    count = draw(st.integers(min_size, 8))
    return [
        Entry(
            EntryId(node, incarnation, first + place),
            draw(st.sampled_from(("activity", "account"))),
            draw(counters),
            draw(bodies),
            draw(st.one_of(st.just(""), names)),
            draw(st.one_of(st.none(), ids)),
            draw(st.one_of(st.none(), st.text(st.characters(codec="utf-8"), min_size=1, max_size=REF_CHARACTERS_MAX))),
            draw(st.one_of(st.none(), counters)),
        )
        for place in range(count)
    ]


# --- the form ---------------------------------------------------------------------------------------------------------


def test_the_form_is_the_same_as_ever() -> None:
    signer = Ed25519Signer(bytes(32))
    entries = [
        Entry(EntryId("ann", 5, 1), "activity", 1001, b'{"a":1}', "bob"),
        Entry(EntryId("ann", 5, 2), "activity", 1002, b'{"a":2}', previous=EntryId("ann", 5, 1)),
        Entry(EntryId("ann", 5, 3), "activity", 1003, b'{"a":3}', "bob", EntryId("ann", 5, 2)),
    ]
    (record,) = seal(entries, b"", signer)
    assert record.line == GOLDEN
    assert record.digest.hex() == "852bf55b7303d3d9d9c3d92f79ffb3b6d3810c4ec3881fb02b51a9933af915e5"


def test_a_record_of_the_first_version_is_read_and_its_signature_fits() -> None:
    record = decode(GOLDEN)
    assert (record.stream, record.first, record.last, record.left_out) == (STREAM, 1, 3, ())
    assert [entry.body for entry in record.entries] == [b'{"a":1}', b'{"a":2}', b'{"a":3}']
    assert [str(entry.previous) for entry in record.entries] == ["None", "ann.5.1", "ann.5.2"]
    assert record.is_signed(Ed25519Verifier())


def test_what_is_signed_can_be_told_from_the_line_with_a_json_parser_and_a_hash() -> None:
    """As another program would do it, by what the protocol says."""

    def blake2b(data: bytes) -> bytes:
        return hashlib.blake2b(data, digest_size=32).digest()

    before = bytes(range(32))
    (record,) = seal(activities(b'{"a":1}', b'{"a":2}', b'{"a":3}'), before, Ed25519Signer(bytes(32)))
    message = json.loads(record.without([1, 2]).line)
    assert base64.b64decode(message["before"]) == before
    ((gap, leaves), third) = message["entries"]
    assert leaves == 2
    leaf = blake2b(b"\0" + json.dumps(third, separators=(",", ":")).encode())
    root = base64.b64encode(blake2b(b"\1" + base64.b64decode(gap) + leaf)).decode()
    names = ("version", "node", "incarnation", "first", "count", "stamp", "before", "key")
    said = ["activity-tui record", *(message[name] for name in names), root]
    content = blake2b(json.dumps(said, separators=(",", ":")).encode())
    signature = base64.b64decode(message["signature"])
    Ed25519PublicKey.from_public_bytes(base64.b64decode(message["key"])).verify(signature, content)
    assert record.digest == blake2b(content + signature)


@given(runs(), st.binary(max_size=0) | st.binary(min_size=32, max_size=32))
def test_what_is_sealed_is_read_again_and_written_as_it_was(entries: list[Entry], before: bytes) -> None:
    (record,) = seal(entries, before, SIGNER)
    read = decode(record.line)
    assert read == record
    assert read.digest == record.digest
    assert (list(read.entries), read.before, read.key) == (entries, before, SIGNER.key)
    assert read.is_signed(VERIFIER)


@settings(max_examples=40)
@given(st.lists(runs(), max_size=3))
def test_loose_entries_are_runs_as_they_came(parts: list[list[Entry]]) -> None:
    entries = [entry for part in parts for entry in part]
    records = loose(entries)
    assert [entry for record in records for entry in record.entries] == entries
    for record in records:
        assert decode(record.line) == record
        assert (record.before, record.key, record.signature) == (b"", b"", b"")
        assert not record.is_signed(VERIFIER)


def test_names_are_written_as_rfc_8785_has_it() -> None:
    """As Python's own encoder does, too: what is signed must be the same for every other program."""
    for first in range(1, 0x300, 32):
        name = "".join(map(chr, range(first, first + 32))) + '\u2028\U0001f600\\"'
        (record,) = seal([Entry(EntryId("ann", 5, 1), "activity", 1, b"{}", name)], b"", SIGNER)
        assert json.dumps(name, ensure_ascii=False).encode() in record.line


def test_bodies_keep_their_bytes() -> None:
    body = '{ "n": 1.50, "n": 1e400,\t"ü": "\\u00fc",  "deep": [[ ]] }'.encode()
    (record,) = seal(activities(body), b"", SIGNER)
    assert decode(record.line).entries[0].body == body


# --- how large it is --------------------------------------------------------------------------------------------------


def test_many_entries_become_several_records() -> None:
    entries = activities(*[b"{}"] * (2 * RECORD_ENTRIES_MAX + 1))
    records = seal(entries, b"", SIGNER)
    assert [(record.first, record.last) for record in records] == [(1, 128), (129, 256), (257, 257)]
    assert proved(records, VERIFIER) == [True] * 3


def test_long_bodies_become_several_records_and_the_longest_one_of_its_own() -> None:
    long = b'{"a":"' + b"x" * (RECORD_BODIES_BYTES_MAX // 2) + b'"}'
    longest = b'{"a":"' + b"x" * (ACTIVITY_BYTES_MAX - 8) + b'"}'
    records = seal(activities(b"{}", long, long, longest, b"{}"), b"", SIGNER)
    assert [(record.first, record.last) for record in records] == [(1, 2), (3, 3), (4, 4), (5, 5)]
    assert all(decode(record.line) == record for record in records)


def test_no_record_is_longer_than_a_line_between_servers() -> None:
    odd = EntryId("\x01" * 64, COUNTER_MAX, COUNTER_MAX)
    size = RECORD_BODIES_BYTES_MAX // RECORD_ENTRIES_MAX
    body = b'{"a":"' + b"x" * (size - 8) + b'"}'
    entries = [
        Entry(
            EntryId("\x02" * 64, COUNTER_MAX, number),
            "activity",
            COUNTER_MAX,
            body,
            "\x03" * NAME_CHARACTERS_MAX,
            odd,
            "\x04" * REF_CHARACTERS_MAX,
            COUNTER_MAX,
        )
        for number in range(1, RECORD_ENTRIES_MAX + 1)
    ]
    (record,) = seal(entries, bytes(32), SIGNER)
    assert len(record.dated_by(-COUNTER_MAX).line) <= SERVER_LINE_BYTES_MAX
    longest = b'{"a":"' + b"x" * (ACTIVITY_BYTES_MAX - 8) + b'"}'
    (alone,) = seal([msgspec.structs.replace(entries[0], body=longest)], bytes(32), SIGNER)
    assert len(alone.dated_by(-COUNTER_MAX).line) <= SERVER_LINE_BYTES_MAX


@pytest.mark.parametrize(
    "entries",
    [
        pytest.param(activities(b"{}") + activities(b"{}", first=3), id="a gap"),
        pytest.param(activities(b"{}") + activities(b"{}", first=2, stream=Stream("bob", 5)), id="two streams"),
        pytest.param(activities(b"[]"), id="no object"),
        pytest.param(activities(b'{"a":\n1}'), id="two lines"),
        pytest.param(activities(b"{" + b" " * ACTIVITY_BYTES_MAX + b"}"), id="too long"),
        pytest.param([Entry(EntryId("ann", 5, 1), "activity", 1, b"{}", "x" * 65)], id="a long name"),
        pytest.param([Entry(EntryId("ann", 5, 1), "activity", 1, b"{}", ref="x" * 65)], id="a long ref"),
        pytest.param([Entry(EntryId("ann", 5, 1), "activity", 1, b"{}", ref="")], id="an empty ref"),
    ],
)
def test_what_others_could_not_read_is_not_sealed(entries: list[Entry]) -> None:
    with pytest.raises(ValueError):
        seal(entries, b"", SIGNER)


# --- hostile lines ----------------------------------------------------------------------------------------------------


@given(st.binary(max_size=300))
def test_whatever_the_bytes_are_reading_raises_nothing_but_a_sentence(line: bytes) -> None:
    with pytest.raises(ValueError, match="record"):
        decode(line)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=10,
)


@given(st.sampled_from(sorted(json.loads(GOLDEN))), json_values)
def test_any_value_in_any_field_is_read_as_it_stands_or_refused(field: str, value: object) -> None:
    message = json.loads(GOLDEN) | {field: value}
    line = msgspec.json.encode(message)
    try:
        record = decode(line)
    except ValueError as error:
        assert str(error)  # noqa: PT017
    else:
        assert record.line == line
        assert record.entries is not None


@pytest.mark.parametrize(
    ("was", "becomes"),
    [
        pytest.param(b'"first":1', b'"first": 1', id="a blank"),
        pytest.param(b'"first":1,"count":3', b'"count":3,"first":1', id="another order"),
        pytest.param(b'"first":1', b'"first":7,"first":1', id="a field twice"),
        pytest.param(b'"first":1', b'"first":1,"more":1', id="an unknown field"),
        pytest.param(b'"first":1', b'"first":1.0', id="a float"),
        pytest.param(b'"first":1', b'"first":0', id="number 0"),
        pytest.param(b'"first":1', b'"first":9007199254740990', id="numbers that end too high"),
        pytest.param(b'"stamp":1001', b'"stamp":9007199254740991', id="stamps that end too late"),
        pytest.param(b'"stamp":1001', b'"stamp":-1', id="a negative stamp"),
        pytest.param(b"0,0,", b"0,1,", id="a first stamp that is not the record's"),
        pytest.param(b"0,0,", b"2,0,", id="an unknown kind"),
        pytest.param(b"0,1,null,1]", b'0,1,null,"ann.5"]', id="a previous one that is no id"),
        pytest.param(b"0,1,null,1]", b'0,1,null,1,"r",1,1]', id="too much of an entry"),
        pytest.param(b"0,1,null,1]", b"0]", id="too little of an entry"),
        pytest.param(b'"count":3', b'"count":4', id="fewer entries than there should be"),
        pytest.param(b'"count":3', b'"count":2', id="more entries than there should be"),
        pytest.param(b'"count":3', b'"count":0', id="no entries"),
        pytest.param(b'"version":1', b'"version":2', id="another version"),
        pytest.param(b'"node":"ann"', b'"node":"a.n"', id="a dot"),
        pytest.param(b'"node":"ann"', b'"node":""', id="nobody"),
        pytest.param(b'"node":"ann"', b'"node":"a\\u006en"', id="an escape that need not be"),
        pytest.param(b'"node":"ann"', b'"node":"\xff"', id="no UTF-8"),
        pytest.param(b'[{"a":2},0,1,null,1]', b'["AAAA",1]', id="a short hash"),
        pytest.param(b'[{"a":2},0,1,null,1]', b'["' + HASH + b'",0]', id="nothing left out"),
        pytest.param(b'[{"a":2},0,1,null,1]', b'["' + HASH + b'", 1]', id="a blank in what is left out"),
        pytest.param(b'[{"a":2},0,1,null,1]', b'["' + HASH + b'",1,1]', id="too much of what is left out"),
        pytest.param(b'{"a":2},0,1,null,1],[{"a":3},0,2,"bob",2]', b'"' + HASH + b'",2]', id="no part of the tree"),
        pytest.param(
            b'[{"a":1},0,0,"bob"],[{"a":2},0,1,null,1]',
            b'["' + HASH + b'",1],["' + HASH + b'",1]',
            id="two parts that are one",
        ),
        pytest.param(b'{"a":2}', b"[2]", id="a list for a body"),
        pytest.param(b'{"a":2}', b'{"a":\n2}', id="a line's end within a body"),
        pytest.param(b'{"a":2}', b'{"a":' + b"[" * 128 + b"]" * 128 + b"}", id="a deep body"),
        pytest.param(b'{"a":2}', b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}", id="a very deep body"),
        pytest.param(b'{"a":2}', b'{"a":2', id="a body that does not end"),
        pytest.param(b'Z2ik="', b'Z2il="', id="bits of the key that mean nothing"),
        pytest.param(b'OKAQ=="', b'OKAR=="', id="bits of the signature that mean nothing"),
        pytest.param(b'"key":"O2onvM62pC1io6jQKm8Nc2UyFXcd4kOmOsBIoYtZ2ik=",', b"", id="no key"),
        pytest.param(b',"signature":', b',"signature":"","signature":', id="two signatures"),
        pytest.param(b'"entries"', b'"before":"","entries"', id="an empty field"),
        pytest.param(b'"entries"', b'"before":"AAAA","entries"', id="a short digest of the one before"),
        pytest.param(b'=="}', b'==","dated":0}', id="a date of 0"),
    ],
)
def test_hostile_lines_are_refused(was: bytes, becomes: bytes) -> None:
    line = GOLDEN.replace(was, becomes, 1)
    assert line != GOLDEN
    with pytest.raises(ValueError):
        decode(line)


def test_a_chain_without_signatures_is_refused() -> None:
    (record,) = loose(activities(b"{}"))
    assert decode(record.line) == record
    with pytest.raises(ValueError, match="chain"):
        decode(record.line.replace(b'"entries"', b'"before":"' + b"A" * 43 + b'=","entries"'))


def test_more_entries_than_a_record_may_have_are_refused() -> None:
    for count in (RECORD_ENTRIES_MAX, RECORD_ENTRIES_MAX + 1):
        head = f'{{"command":"RECORD","version":1,"node":"ann","incarnation":5,"first":1,"count":{count},"stamp":1001,'
        line = head.encode() + b'"entries":[' + b",".join([b"[{},0,0]"] * count) + b"]}"
        if count <= RECORD_ENTRIES_MAX:
            assert decode(line).last == count
        else:
            with pytest.raises(ValueError, match="count"):
                decode(line)


def test_a_line_that_is_too_long_is_refused_unread() -> None:
    with pytest.raises(ValueError, match="longer"):
        decode(GOLDEN + b" " * SERVER_LINE_BYTES_MAX)


# --- what is proved ---------------------------------------------------------------------------------------------------


def is_believed(line: bytes, verifier: Verifier) -> bool:
    try:
        return decode(line).is_signed(verifier)
    except ValueError:
        return False


def test_every_flipped_bit_of_a_record_is_noticed() -> None:
    verifier = Ed25519Verifier()
    previous = EntryId("bob", 3, 9)
    entries = [
        Entry(EntryId("ann", 5, 7), "activity", 1001, '{"a":"ü 1"}'.encode(), "böb", previous, "ref", 900),
        Entry(EntryId("ann", 5, 8), "account", 1002, b'{"username":"eve"}'),
    ]
    (record,) = seal(entries, bytes(range(32)), Ed25519Signer(bytes(32)))
    for line in (record.line, record.without([7]).line):
        assert is_believed(line, verifier)
        for place in range(8 * len(line)):
            flipped = bytearray(line)
            flipped[place // 8] ^= 1 << place % 8
            assert not is_believed(bytes(flipped), verifier), (place, bytes(flipped))


@given(st.integers(1, RECORD_ENTRIES_MAX), st.data())
def test_leaving_entries_out_keeps_the_signature_and_the_digest(count: int, data: st.DataObject) -> None:
    entries = activities(*[b'{"n":%d}' % number for number in range(count)])
    (record,) = seal(entries, b"", SIGNER)
    numbers = data.draw(st.sets(st.integers(1, count)))
    rest = decode(record.without(numbers).line)
    assert rest == record.without(numbers)
    assert rest.is_signed(VERIFIER)
    assert rest.digest == record.digest
    assert set(rest.left_out) == numbers
    assert list(rest.entries) == [entry for entry in entries if entry.id.seq not in numbers]
    assert rest.without(numbers) is rest
    more = numbers | data.draw(st.sets(st.integers(1, count)))
    assert rest.without(more) == record.without(more)


@given(st.integers(1, RECORD_ENTRIES_MAX), st.data())
def test_two_parts_of_a_record_make_one_that_has_the_entries_of_both(count: int, data: st.DataObject) -> None:
    (record,) = seal(activities(*[b'{"n":%d}' % number for number in range(count)]), b"", SIGNER)
    ours, theirs = (data.draw(st.sets(st.integers(1, count))) for _ in range(2))
    both = record.without(ours).joined(record.without(theirs))
    assert both == record.without(ours & theirs)
    assert both.is_signed(VERIFIER)
    assert record.dated_by(7).without(ours).joined(record.without(theirs)).dated == 7


def test_two_records_are_not_joined() -> None:
    first, second = seal(activities(*[b"{}"] * (RECORD_ENTRIES_MAX + 1)), b"", SIGNER)
    with pytest.raises(ValueError, match="is not"):
        first.joined(second)


def test_what_is_left_out_takes_as_many_hashes_as_the_logarithm_of_all() -> None:
    (record,) = seal(activities(*[b'{"n":"' + b"x" * 200 + b'"}'] * RECORD_ENTRIES_MAX), b"", SIGNER)
    rest = record.without([number for number in range(1, RECORD_ENTRIES_MAX + 1) if number != 77])
    assert len(json.loads(rest.line)["entries"]) == 1 + 7
    assert len(record.without(range(1, RECORD_ENTRIES_MAX + 1)).line) < 500


def test_another_hash_in_an_entrys_place_is_noticed() -> None:
    (record,) = seal(activities(b'{"a":1}', b'{"a":2}'), b"", SIGNER)
    (other,) = seal(activities(b'{"a":1}', b'{"a":3}'), b"", SIGNER)
    ours, theirs = (json.loads(one.without([2]).line)["entries"][1][0].encode() for one in (record, other))
    line = record.without([2]).line
    assert is_believed(line, VERIFIER)
    assert not is_believed(line.replace(ours, theirs), VERIFIER)


def test_dating_moves_all_entries_and_leaves_what_was_signed() -> None:
    (record,) = seal(activities(b"{}", b"{}"), b"", SIGNER)
    later = decode(record.dated_by(50).line)
    assert [entry.stamp for entry in later.entries] == [1_051, 1_052]
    assert [entry.stamp for entry in later.signed_columns.entries] == [1_001, 1_002]
    assert later.is_signed(VERIFIER)
    assert later.digest == record.digest
    assert later.dated_by(0) == record
    assert [entry.stamp for entry in record.dated_by(-5_000).entries] == [0, 0]


def chain(*sizes: int, signer: Signer = SIGNER) -> list[LogRecord]:
    records: list[LogRecord] = []
    first = 1
    for size in sizes:
        before = records[-1].digest if records else b""
        records += seal(activities(*[b'{"n":%d}' % first] * size, first=first), before, signer)
        first += size
    return records


class _CountingVerifier:
    def __init__(self) -> None:
        self.asked = 0

    def fits(self, signature: bytes, key: bytes, data: bytes) -> bool:
        self.asked += 1
        return VERIFIER.fits(signature, key, data)


def test_one_signature_proves_all_that_stand_before_it_in_the_chain() -> None:
    verifier = _CountingVerifier()
    assert proved(chain(1, 2, 3, 1), verifier) == [True] * 4
    assert verifier.asked == 1


def test_chains_of_several_streams_are_proved_side_by_side() -> None:
    other = HashSigner(b"bob")
    theirs = seal(activities(b"{}", stream=Stream("bob", 1)), b"", other)
    theirs += seal(activities(b"{}", first=2, stream=Stream("bob", 1)), theirs[0].digest, other)
    ours = chain(1, 1)
    verifier = _CountingVerifier()
    assert proved([ours[0], theirs[0], ours[1], theirs[1]], verifier) == [True] * 4
    assert verifier.asked == 2


def with_signature(record: LogRecord, signature: bytes) -> LogRecord:
    """The same record under another signature."""
    was, becomes = (msgspec.json.encode(one) for one in (record.signature, signature))
    return decode(record.line.replace(was, becomes))


def test_a_chain_proves_the_signatures_in_it_as_well() -> None:
    """Who keeps a record of a chain can prove it to others without those behind it."""
    records = chain(1, 1, 1)
    records[1] = with_signature(records[1], bytes(SIGNATURE_BYTES))
    assert proved(records, VERIFIER) == [True, False, True]


def test_where_a_chain_is_torn_each_part_needs_a_signature() -> None:
    records = chain(1, 1, 1, 1)
    verifier = _CountingVerifier()
    assert proved([records[0], records[2], records[3]], verifier) == [True] * 3
    assert verifier.asked == 2


def test_what_another_key_claims_to_follow_is_not_proved_by_it() -> None:
    ours = with_signature(chain(1)[0], bytes(SIGNATURE_BYTES))
    theirs = seal(activities(b"{}", first=2), ours.digest, HashSigner(b"liar"))
    assert proved([ours, *theirs], VERIFIER) == [False, True]


@given(st.lists(st.integers(1, 3), min_size=1, max_size=5), st.data())
def test_nothing_in_a_proved_chain_can_be_changed(sizes: list[int], data: st.DataObject) -> None:
    records = chain(*sizes)
    place = data.draw(st.integers(0, len(records) - 1))
    line = bytearray(records[place].line)
    bit = data.draw(st.integers(0, 8 * len(line) - 1))
    line[bit // 8] ^= 1 << bit % 8
    try:
        records[place] = decode(bytes(line))
    except ValueError:
        return
    assert not proved(records, VERIFIER)[place]


# --- signatures -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("signer", "verifier"),
    [(Ed25519Signer(b"k" * 32), Ed25519Verifier()), (HashSigner(b"k"), HashVerifier())],
    ids=["Ed25519", "hash"],
)
def test_a_signature_fits_its_own_key_and_data_alone(signer: Signer, verifier: Verifier) -> None:
    signature = signer.sign(b"data")
    assert (len(signer.key), len(signature)) == (KEY_BYTES, SIGNATURE_BYTES)
    assert signature == signer.sign(b"data")
    assert verifier.fits(signature, signer.key, b"data")
    assert not verifier.fits(signature, signer.key, b"date")
    assert not verifier.fits(signature, bytes(KEY_BYTES), b"data")
    assert not verifier.fits(bytes(SIGNATURE_BYTES), signer.key, b"data")


@given(st.binary(max_size=70), st.binary(max_size=40), st.binary(max_size=40))
def test_no_bytes_make_a_verifier_raise(signature: bytes, key: bytes, data: bytes) -> None:
    assert not Ed25519Verifier().fits(signature, key, data)
    assert not VERIFIER.fits(signature, key, data)


@pytest.mark.parametrize(
    ("seed", "key", "data", "signature"),
    [
        (
            "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
            "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
            "",
            (
                "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f05"
                "95bbe24655141438e7a100b"
            ),
        ),
        (
            "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
            "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
            "af82",
            (
                "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e97"
                "16ed28dc027beceea1ec40a"
            ),
        ),
    ],
)
def test_signatures_are_those_of_rfc_8032(seed: str, key: str, data: str, signature: str) -> None:
    signer = Ed25519Signer(bytes.fromhex(seed))
    assert signer.key.hex() == key
    assert signer.sign(bytes.fromhex(data)).hex() == signature
    assert Ed25519Verifier().fits(bytes.fromhex(signature), bytes.fromhex(key), bytes.fromhex(data))


@pytest.mark.parametrize("length", [0, 31, 33])
def test_a_private_key_of_another_length_is_refused(length: int) -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        Ed25519Signer(bytes(length))


def test_more_keys_than_are_kept_ready_are_all_verified() -> None:
    verifier = Ed25519Verifier()
    signers: Sequence[Ed25519Signer] = [Ed25519Signer(number.to_bytes(32)) for number in range(1_100)]
    for signer in (*signers, *signers[:3]):
        assert verifier.fits(signer.sign(b"x"), signer.key, b"x")
