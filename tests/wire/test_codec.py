"""Lines to messages and back: everything hostile is refused with a reason, everything legal survives."""

from __future__ import annotations

import base64
import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.wire import messages
from core.wire.codec import Frame, MalformedLine, decode, encode
from core.wire.entries import COUNTER_MAX
from core.wire.limits import INFO_CHARACTERS_MAX
from core.wire.messages import (
    BASE_FIELDS,
    AccountRenamed,
    ActivityBroadcast,
    ActivityMessage,
    AttachedServer,
    Authenticate,
    ChangeSecret,
    LinkEnd,
    LockRequest,
    Login,
    Logout,
    MapSummary,
    Message,
    Quit,
    Redirect,
    Register,
    SecretChanged,
    SecretNotChanged,
    ServerAnnounce,
    ServerHello,
    Status,
    SyncDone,
    UserInfo,
    command_of,
)
from tests.wire.test_activity import json_objects, json_values


def line(command: str, **fields: Any) -> bytes:
    return json.dumps({"command": command, **fields}).encode()


def refusal(data: bytes) -> str:
    with pytest.raises(MalformedLine) as caught:
        decode(data)
    info = str(caught.value)
    assert 0 < len(info) <= INFO_CHARACTERS_MAX
    return info


# --- anything at all ---


def attempt(data: bytes) -> Message | None:
    try:
        message = decode(data)
    except MalformedLine:
        return None
    json.loads(encode(message))
    return message


@given(st.binary(max_size=300))
def test_any_bytes_are_a_message_or_malformed_and_nothing_else(data: bytes) -> None:
    attempt(data)


@given(json_values)
def test_any_json_is_a_message_or_malformed_and_nothing_else(value: Any) -> None:
    attempt(json.dumps(value).encode())


FIELD_NAMES = sorted({name for kind in messages.MESSAGES for name in kind.__struct_encode_fields__})
COMMANDS = sorted(str(kind.__struct_config__.tag) for kind in messages.MESSAGES)


@given(st.sampled_from(COMMANDS), st.dictionaries(st.sampled_from(FIELD_NAMES), json_values, max_size=8))
def test_any_values_in_known_fields_make_a_message_or_are_refused(command: str, fields: dict[str, Any]) -> None:
    attempt(line(command, **fields))


@given(st.data())
def test_a_legal_line_with_bytes_changed_is_a_message_or_malformed(data: st.DataObject) -> None:
    good = bytearray(
        b'{"command":"SERVER_ANNOUNCE","id":"x","load":3,"hostname":"h","port":1,"links":[["n",5]],"guests":[]}'
    )
    for _ in range(data.draw(st.integers(1, 3))):
        good[data.draw(st.integers(0, len(good) - 1))] = data.draw(st.integers(0, 255))
    attempt(bytes(good))


@given(st.binary(max_size=40) | st.text(max_size=40).map(str.encode))
def test_an_activity_is_accepted_only_when_it_is_strict_json(value: bytes) -> None:
    """What is passed on untouched must be readable for everybody: another parser is the judge."""
    message = attempt(b'{"command":"ACTIVITY_BROADCAST","activity":{"a":' + value + b"}}")
    if message is not None:
        json.loads(value, parse_constant=_refuse_constant)


def _refuse_constant(name: str) -> None:
    raise AssertionError(f"{name} is not JSON")


@pytest.mark.parametrize(
    "value",
    [
        *(b"01", b"1.", b".5", b"+1", b"1e", b"-", b"--1", b"0x1", b"1_0", b"NaN", b"Infinity", b"-Infinity"),
        *(b"tru", b"nul", b"'a'", b'"\\x"', b'"\\u12"', b'"\x01"', b'"\t"', b"[1,]", b"[1 2]", b'{"a":1,}', b"{a:1}"),
        *(b'{"a"}', b"{1:2}", b"1}", b",", b"//c\n1", b'"\xff"', b'"\xc0\x80"', b'"\xed\xa0\x80"', b'"\\ud800"'),
    ],
)
def test_a_value_that_is_not_json_is_refused_inside_an_activity(value: bytes) -> None:
    for wrapped in (value, b"[" + value + b"]", b'{"b":' + value + b"}"):
        assert refusal(b'{"command":"ACTIVITY_MESSAGE","username":"a","activity":{"a":' + wrapped + b"}}")
        assert refusal(
            b'{"command":"RECORD","version":1,"node":"a","incarnation":1,"first":1,"count":1,"stamp":1,"entries":[[{"a":'
            + wrapped
            + b"},0,0]]}"
        )


# --- round trips ---

names = st.text(min_size=1, max_size=40)
counters = st.integers(0, COUNTER_MAX)
ports = st.integers(0, 65535)
some_messages: st.SearchStrategy[Message] = st.one_of(
    st.builds(Authenticate, secret=names, id=st.none() | names, port=st.none() | ports, stamp=st.none() | counters),
    st.builds(Login, username=names, secret=st.none() | names, seen=st.none() | st.dictionaries(names, counters)),
    st.builds(Redirect, hostname=names, port=ports),
    st.just(Logout()),
    st.builds(Register, username=names, secret=names, features=st.lists(names, max_size=5)),
    st.builds(
        ServerAnnounce,
        id=names,
        load=counters,
        hostname=names,
        port=ports,
        version=st.none() | counters,
        links=st.lists(st.builds(LinkEnd, neighbour=names, stamp=counters), max_size=3),
        attached=st.lists(st.builds(AttachedServer, id=names, hostname=names, port=ports, load=counters), max_size=3),
        draining=st.booleans(),
    ),
    st.builds(LockRequest, username=names, secret=st.none() | names, claim=st.none() | names, round=counters),
    st.builds(
        Quit,
        new_server_ip=st.none() | names,
        new_server_port=st.none() | ports,
        vector=st.none() | st.dictionaries(names, counters, max_size=3),
    ),
    st.builds(UserInfo, user_info=st.dictionaries(names, names, max_size=5)),
    st.builds(ServerHello, id=names, incarnation=counters, hostname=names, port=ports, features=st.lists(names)),
    st.builds(MapSummary, st.dictionaries(names, st.tuples(counters, counters).map(list), max_size=3)),
    st.builds(SyncDone, upto=st.dictionaries(names, counters, max_size=3), more=st.booleans()),
    st.builds(AccountRenamed, username=names, renamed=names),
    st.builds(ChangeSecret, secret=st.text(), new_secret=st.text()),
    st.builds(SecretChanged, info=st.text()),
    st.builds(SecretNotChanged, info=st.text()),
    st.builds(Status, status=st.dictionaries(names, st.integers(-10, 10))),
)


@given(some_messages)
def test_a_message_survives_encoding_and_decoding(message: Message) -> None:
    data = encode(message)
    assert data.endswith(b"\n")
    assert b"\n" not in data[:-1] and b"\r" not in data
    assert decode(data[:-1]) == message


@given(some_messages)
def test_encoding_is_json_with_a_command_for_other_parsers(message: Message) -> None:
    assert json.loads(encode(message))["command"] == command_of(message)


@given(json_objects)
def test_an_activity_survives_decoding_and_encoding(activity: dict[str, Any]) -> None:
    data = json.dumps(activity).encode()
    received = decode(b'{"command":"ACTIVITY_MESSAGE","username":"u","activity":' + data + b"}")
    assert isinstance(received, ActivityMessage)
    assert json.loads(encode(received)) == {"command": "ACTIVITY_MESSAGE", "username": "u", "activity": activity}


def test_commands_are_spelt_as_the_protocol_spells_them() -> None:
    assert {*BASE_FIELDS, "QUIT", "USER_INFO"} < set(COMMANDS)
    assert command_of(Logout()) == "LOGOUT"
    assert command_of(ServerAnnounce(id="x", load=0, hostname="h", port=1)) == "SERVER_ANNOUNCE"


def test_what_was_not_on_the_wire_is_not_put_there() -> None:
    assert encode(Login(username="anonymous")) == b'{"command":"LOGIN","username":"anonymous"}\n'
    assert encode(Quit()) == b'{"command":"QUIT"}\n'
    announce = ServerAnnounce(id="x", load=0, hostname="h", port=1)
    assert json.loads(encode(announce)).keys() == {"command", "id", "load", "hostname", "port"}


def test_a_frame_is_encoded_once() -> None:
    frame = Frame(Logout())
    assert frame.data == b'{"command":"LOGOUT"}\n'
    assert frame.data is frame.data
    assert Frame(Logout(), b"as it came\n").data == b"as it came\n"


# --- numbers, extra fields ---


@pytest.mark.parametrize(("given", "port"), [(3780, 3780), ("3780", 3780), ("0", 0), (65535, 65535), ("00080", 80)])
def test_ports_arrive_as_numbers_or_numeric_strings(given: int | str, port: int) -> None:
    for data in (
        line("REDIRECT", hostname="h", port=given),
        line("SERVER_ANNOUNCE", id="x", load=0, hostname="h", port=given),
        line("SERVER_HELLO", id="x", incarnation=1, hostname="h", port=given),
        line("AUTHENTICATE", secret="s", port=given),
    ):
        message = decode(data)
        assert getattr(message, "port") == port  # noqa: B009
        assert json.loads(encode(message))["port"] == port
    departure = decode(line("QUIT", new_server_ip="h", new_server_port=given))
    assert isinstance(departure, Quit) and departure.new_server_port == port


NOT_NUMBERS = ["", "x", "-1", "+1", " 1", "1_0", "1.0", "1e3", "８０", "٣", "9" * 5000, 1.5, True, [], {}]


@pytest.mark.parametrize("given", [*NOT_NUMBERS, None, -1, 65536, "65536"], ids=lambda value: repr(value)[:12])
def test_a_port_that_is_none_is_refused(given: Any) -> None:
    assert "$.port" in refusal(line("REDIRECT", hostname="h", port=given))
    assert "$.port" in refusal(line("SERVER_ANNOUNCE", id="x", load=0, hostname="h", port=given))


@pytest.mark.parametrize(("given", "load"), [(0, 0), (7, 7), ("7", 7), (COUNTER_MAX, COUNTER_MAX)])
def test_loads_arrive_as_numbers_or_numeric_strings(given: int | str, load: int) -> None:
    message = decode(line("SERVER_ANNOUNCE", id="x", load=given, hostname="h", port=1))
    assert isinstance(message, ServerAnnounce) and message.load == load


@pytest.mark.parametrize("given", [*NOT_NUMBERS, None, -1, COUNTER_MAX + 1], ids=lambda value: repr(value)[:12])
def test_a_load_that_is_none_is_refused(given: Any) -> None:
    assert "$.load" in refusal(line("SERVER_ANNOUNCE", id="x", load=given, hostname="h", port=1))


def test_a_server_id_may_be_a_number() -> None:
    message = decode(line("SERVER_ANNOUNCE", id=17, load=0, hostname="h", port=1))
    assert isinstance(message, ServerAnnounce) and message.id == "17"


@pytest.mark.parametrize("command", COMMANDS)
def test_unknown_fields_are_ignored_in_every_command(command: str) -> None:
    plain = decode(json.dumps(LEGAL[command]).encode())
    extended = {**LEGAL[command], "x": {"command": "LOGIN", "n": [1, None]}, "": 0, "unknown": 10**400}
    assert decode(json.dumps(extended).encode()) == plain


KEY_TEXT = "A" * 43 + "="
"""32 bytes in base 64."""

BASE_LEGAL: dict[str, dict[str, Any]] = {
    "AUTHENTICATE": {"secret": "s"},
    "AUTHENTICATION_FAIL": {"info": "i"},
    "INVALID_MESSAGE": {"info": "i"},
    "LOGIN": {"username": "u", "secret": "s"},
    "LOGIN_SUCCESS": {"info": "i"},
    "LOGIN_FAILED": {"info": "i"},
    "REDIRECT": {"hostname": "h", "port": 1},
    "LOGOUT": {},
    "REGISTER": {"username": "u", "secret": "s"},
    "REGISTER_SUCCESS": {"info": "i"},
    "REGISTER_FAILED": {"info": "i"},
    "ACTIVITY_MESSAGE": {"username": "u", "secret": "s", "activity": {}},
    "ACTIVITY_BROADCAST": {"activity": {}},
    "SERVER_ANNOUNCE": {"id": "x", "load": 0, "hostname": "h", "port": 1},
    "LOCK_REQUEST": {"username": "u", "secret": "s"},
    "LOCK_ALLOWED": {"username": "u", "secret": "s"},
    "LOCK_DENIED": {"username": "u", "secret": "s"},
}
KEY = base64.b64encode(b"k" * 32).decode()
SIGNATURE = base64.b64encode(b"s" * 64).decode()
ORDER = ["n", KEY, 1, "silence", "n.1.1", "ada", "bob", [], "why"]
NATIVE_LEGAL: dict[str, dict[str, Any]] = {
    "QUIT": {"new_server_ip": "h", "new_server_port": 1},
    "USER_INFO": {"user_info": {"u": "v"}},
    "SERVER_HELLO": {"id": "x", "incarnation": 1, "hostname": "h", "port": 1},
    "SERVER_PROOF": {"proof": "c2lnbmF0dXJl"},
    "ADMISSION_REQUEST": {"key": KEY_TEXT, "share": "QUJD"},
    "ADMISSION_SHARE": {"share": "QUJD", "proof": KEY_TEXT, "network": KEY_TEXT},
    "ADMISSION_PROOF": {"proof": KEY_TEXT, "network": KEY_TEXT},
    "ADMISSION_GRANTED": {},
    "NETWORK_NEWS": {"network": KEY_TEXT},
    "SERVER_REFUSED": {"reason": "busy"},
    "ACCOUNT": {"id": "a.1.1", "stamp": 1, "username": "u", "verifier": "v", "claimed_at": 1, "claim": "c"},
    "LOCK_RELEASE": {"username": "u", "claim": "c"},
    "SYNC_DIGEST": {"digest": "d"},
    "SYNC_REQUEST": {"vector": {"a.1": 1}},
    "SYNC_DONE": {},
    "RECONCILE_DIGEST": {"since": 0, "until": 1, "size": 0, "sum": "s"},
    "RECONCILE": {"number": 1, "ranges": [["0.0", [["2.0", 1, "p"]]]]},
    "RECONCILE_ANSWER": {"number": 1, "upto": "2.0", "lists": [["0.0", "2.0", {"a.1": [1, 2]}]]},
    "RECONCILE_WANT": {"number": 1, "entries": {"a.1": [1, 2]}},
    "RECONCILE_SENT": {"number": 1},
    "RECONCILE_GAPS": {"number": 1, "entries": {"a.1": [1, 2]}},
    "RECONCILE_DROPPED": {"number": 1},
    "RECONCILE_DONE": {"number": 1},
    "MAP_SUMMARY": {"records": {"abc": [1, 2]}},
    "RECORD": {
        "version": 1,
        "node": "abc",
        "incarnation": 1,
        "first": 1,
        "count": 1,
        "stamp": 1,
        "entries": [[{}, 0, 0]],
    },
    "PING": {},
    "PONG": {},
    "ACTIVITY_ACK": {"ref": "r", "id": "a.1.1", "stamp": 1},
    "ACTIVITY_REFUSED": {"ref": "r"},
    "CAUGHT_UP": {},
    "PLACE_REACHED": {"place": [1, 64]},
    "HAVE_REQUEST": {},
    "HAVE": {"entries": {"n.1": [0, 5, 9, 9]}, "more": True},
    "ACCOUNT_RENAMED": {"username": "u", "renamed": "v"},
    "CHANGE_SECRET": {"secret": "s", "new_secret": "t"},
    "REDEEM_CODE": {"username": "u", "code": "c", "secret": "s"},
    "SECRET_CHANGED": {},
    "SECRET_NOT_CHANGED": {},
    "FOUNDING": {"record": ["n", KEY, 1, "", "n.1.1", "ada", SIGNATURE], "told": True},
    "ORDERS_REQUEST": {"key": KEY, "at": 1, "proof": SIGNATURE},
    "ORDER_LIST": {
        "network": "n",
        "operator": True,
        "operators": [[KEY, 0, "ada", "n.1.1", False, False]],
        "orders": [["id", ORDER, "other"]],
        "accounts": {"n.1.1": "ada"},
    },
    "ORDER_DRAFT": {"key": KEY, "kind": "silence", "target": "bob", "words": ["w"], "because": "why"},
    "ORDER_DRAFTED": {"order": ORDER, "about": "bob", "left": 1},
    "GIVE_ORDER": {"order": [ORDER, SIGNATURE]},
    "ORDER_TAKEN": {"id": "i"},
    "ACTIVITIES_REMOVED": {"ids": ["n.1.1"], "by": "ada", "because": "why"},
    "ORDER_REFUSED": {"info": "why"},
    "STATUS_REQUEST": {},
    "STATUS": {"status": {}},
    "PAST_REQUEST": {"number": 1, "backward": False, "stamp": 5, "id": "n.1.1", "most": 20, "query": "w"},
    "PAST_ACTIVITY": {"number": 1, "activity": {"type": "Note"}, "id": "n.1.1", "stamp": 5, "sender": "ada"},
    "PAST_DONE": {"number": 1, "more": True, "stamp": 5, "id": "n.1.1", "info": "i", "unindexed": 2},
    "SIGNED_DOCUMENT": {
        "claim": "n.1.1",
        "stamp": 5,
        "node": "n",
        "document": {},
        "key": KEY_TEXT,
        "signature": SIGNATURE,
    },
    "DOCUMENTS_DIGEST": {"number": 1, "size": 2, "sum": "s", "asks": True},
    "DOCUMENTS_COMPARE": {"number": 1, "sums": ["p"], "after": "0a"},
    "DOCUMENTS_LISTED": {"number": 1, "versions": [["n.1.1", 5, "n", "p", 7]], "after": "0a"},
    "DOCUMENTS_WANT": {"number": 1, "claims": ["n.1.1"]},
    "DOCUMENTS_SENT": {"number": 1},
    "DOCUMENTS_DONE": {"number": 1},
    "KEEP_DOCUMENT": {"number": 1, "document": {"a": 1}},
    "DOCUMENT_KEPT": {"number": 1, "stamp": 5},
    "DOCUMENT_NOT_KEPT": {"number": 1, "info": "i", "later": 2.5},
    "ACCOUNT_DOCUMENT": {"document": {"a": 1}, "stamp": 5},
}
LEGAL = {command: {"command": command, **fields} for command, fields in (BASE_LEGAL | NATIVE_LEGAL).items()}


@pytest.mark.parametrize("command", BASE_LEGAL)
def test_an_extra_field_of_a_base_peer_may_have_a_name_of_ours_and_any_type(command: str) -> None:
    """What is an extension to us is an unknown field to a base peer, which may use the name for something else."""
    extensions = set(FIELD_NAMES) - set(BASE_FIELDS[command])
    plain = decode(json.dumps(LEGAL[command]).encode())
    for name in extensions:
        odd_values: list[Any] = [None, 5.5, "2.0 beta", {"a": 1}, [[]], True]
        for value in odd_values:
            received = decode(json.dumps({**LEGAL[command], name: value}).encode())
            kept = {field: getattr(received, field) for field in BASE_FIELDS[command] if field != "activity"}
            assert kept == {field: getattr(plain, field) for field in BASE_FIELDS[command] if field != "activity"}


def test_unreadable_extensions_are_left_out_all_together() -> None:
    message = decode(line("SERVER_ANNOUNCE", id="x", load=0, hostname="h", port=1, name="fine", version="2.0"))
    assert message == ServerAnnounce(id="x", load=0, hostname="h", port=1)


def test_unreadable_extensions_do_not_excuse_a_base_field_that_is_wrong() -> None:
    assert "$.load" in refusal(line("SERVER_ANNOUNCE", id="x", load=[], hostname="h", port=1, version="2.0"))


def test_unreadable_fields_of_a_native_command_are_refused() -> None:
    assert refusal(line("PING", number="x")) == "PING: expected `int`, got `str` - at `$.number`"


# --- refusals and their reasons ---


@pytest.mark.parametrize(
    ("data", "info"),
    [
        (b"", "the line is empty"),
        (b"   ", "the line is empty"),
        (b"h", "the line is not JSON"),
        (b"GET / HTTP/1.1", "the line is not JSON"),
        (b'{"command":"LOGOUT"', "the line is not JSON"),
        (b'{"command":"LOGOUT"}{}', "the line is not JSON"),
        (b"\xef\xbb\xbf{}", "the line is not JSON"),
        (b"\xff\xfe", "the line is not UTF-8"),
        (b'{"command":"LOGIN","username":"\xe9"}', "the line is not UTF-8"),
        (b"[]", "the message is not a JSON object: expected `object`, got `array`"),
        (b"5", "the message is not a JSON object: expected `object`, got `int`"),
        (b'"LOGIN"', "the message is not a JSON object: expected `object`, got `str`"),
        (b"null", "the message is not a JSON object: expected `object`, got `null`"),
        (b"{}", "the message has no command"),
        (b'{"username":"a"}', "the message has no command"),
        (b'{"command":5}', "the message's command is not a string"),
        (b'{"command":null}', "the message's command is not a string"),
        (b'{"command":{}}', "the message's command is not a string"),
        (b'{"command":"NOPE"}', "unknown command 'NOPE'"),
        (b'{"command":"login"}', "unknown command 'login'"),
        (b'{"command":""}', "unknown command ''"),
        (b'{"command":"LOGIN"}', "LOGIN: object missing required field `username`"),
        (b'{"command":"LOGIN","username":null}', "LOGIN: expected `str`, got `null` - at `$.username`"),
        (b'{"command":"REGISTER","username":"u"}', "REGISTER: object missing required field `secret`"),
        (b'{"command":"ACTIVITY_MESSAGE","username":"u"}', "ACTIVITY_MESSAGE: object missing required field"),
        (
            b'{"command":"ACTIVITY_MESSAGE","username":"u","activity":[]}',
            "ACTIVITY_MESSAGE: expected `object`, got `array` - at `$.activity`",
        ),
        (b'{"command":"ACTIVITY_BROADCAST","activity":"x"}', "ACTIVITY_BROADCAST: expected `object` - at `$.activity`"),
        (b'{"command":"REDIRECT","hostname":"","port":1}', "REDIRECT: expected `str` of length >= 1 - at `$.hostname`"),
        (b'{"command":"SERVER_ANNOUNCE","id":"","load":0,"hostname":"h","port":1}', "SERVER_ANNOUNCE: expected 1 to"),
        (b'{"command":"USER_INFO","user_info":{"u":5}}', "USER_INFO: expected `str`, got `int`"),
    ],
)
def test_a_refusal_says_what_is_wrong(data: bytes, info: str) -> None:
    assert refusal(data).startswith(info)


def test_a_reason_is_bounded_however_long_the_nonsense_is() -> None:
    assert refusal(line("X" * 10_000)).startswith("unknown command 'XXX")
    assert refusal(line("QUIT", new_server_ip="h" * 10_000))


@pytest.mark.parametrize("command", BASE_LEGAL)
def test_every_required_base_field_is_required_and_typed(command: str) -> None:
    optional = {"info"} | ({"secret"} if command in ("LOGIN", "ACTIVITY_MESSAGE") or "LOCK" in command else set())
    for field in BASE_FIELDS[command]:
        without = {name: value for name, value in LEGAL[command].items() if name != field}
        if field in optional:
            decode(json.dumps(without).encode())
        else:
            assert field in refusal(json.dumps(without).encode())
        assert field in refusal(json.dumps({**without, field: 1.5}).encode())


@pytest.mark.parametrize("depth", [2000, 60_000])
def test_nesting_anywhere_is_refused_before_it_can_hurt(depth: int) -> None:
    for value in (b"[" * depth + b"]" * depth, b"[" * depth, b'{"a":' * depth + b"1" + b"}" * depth):
        assert refusal(b'{"command":"LOGOUT","x":' + value + b"}")
        assert refusal(value)


def test_the_last_of_a_repeated_field_counts() -> None:
    assert decode(b'{"command":"LOGIN","username":"a","username":"b"}') == Login(username="b")


def test_fields_may_come_in_any_order() -> None:
    assert decode(b'{"secret":"s","username":"u","command":"LOGIN"}') == Login(username="u", secret="s")
    received = decode(b'{"activity":{"a":1},"command":"ACTIVITY_BROADCAST"}')
    assert isinstance(received, ActivityBroadcast) and bytes(received.activity) == b'{"a":1}'


def test_whitespace_between_tokens_is_allowed() -> None:
    assert decode(b' \t{ "command" :\t"LOGOUT" } ') == Logout()
    received = decode(b'{"command":"ACTIVITY_BROADCAST","activity": \t {"a":1} }')
    assert isinstance(received, ActivityBroadcast) and json.loads(bytes(received.activity)) == {"a": 1}


def test_null_characters_in_strings_survive() -> None:
    message = decode(rb'{"command":"LOGIN","username":"a\u0000b","secret":"\u0000"}')
    assert message == Login(username="a\0b", secret="\0")
    assert decode(encode(message)[:-1]) == message


def test_messages_cannot_be_changed_once_they_exist() -> None:
    message = Login(username="a")
    with pytest.raises(AttributeError):
        message.username = "b"  # type: ignore[misc]


def test_every_message_of_the_module_is_decodable() -> None:
    kinds = {
        kind
        for kind in vars(messages).values()
        if isinstance(kind, type) and issubclass(kind, msgspec.Struct) and kind.__struct_config__.tag is not None
    } - {messages.Message}
    assert kinds == set(messages.MESSAGES)
    assert set(LEGAL) == set(COMMANDS)
