"""Processing an activity sets who sent it, and touches nothing else."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.wire.activity import stamp_activity, too_deep, unique_members
from core.wire.codec import MalformedLine, decode, encode
from core.wire.limits import NESTING_DEPTH_MAX
from core.wire.messages import ActivityBroadcast, ActivityMessage

json_values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
json_objects = st.dictionaries(st.text(max_size=12), json_values, max_size=6)


def message(activity: bytes) -> ActivityMessage:
    decoded = decode(b'{"command":"ACTIVITY_MESSAGE","username":"ada","activity":' + activity + b"}")
    assert isinstance(decoded, ActivityMessage)
    return decoded


def stamped(activity: bytes, user: str = "ada") -> bytes:
    return stamp_activity(message(activity).activity, user)


@pytest.mark.parametrize(
    "value",
    [
        b"123456789012345678901234567890",
        b"-123456789012345678901234567890",
        b"0.1000000000000000055511151231257827",
        b"1.0",
        b"1e400",
        b"1E+2",
        b"-0",
        b"-0.0",
        b"5e-324",
        rb'"\u0000"',
        rb'"a\u0000b\/\u00e9"',
        '"é🦉\u2028\x7f"'.encode(),
        b"null",
        b"[]",
        b'{"deep":{"authenticated_user":"kept","n":[1.50,{"x":2}]}}',
        b'[ 1 ,\t2 , {"spaces" : "stay"} ]',
    ],
)
def test_every_value_keeps_its_bytes(value: bytes) -> None:
    assert stamped(b'{"a":' + value + b"}") == b'{"a":' + value + b',"authenticated_user":"ada"}'


def test_members_keep_their_order() -> None:
    assert stamped(b'{"z":1,"a":2,"m":3}') == b'{"z":1,"a":2,"m":3,"authenticated_user":"ada"}'


@pytest.mark.parametrize("given", [b'"mallory"', b"null", b"5", b'{"name":"mallory"}', b'["mallory"]'])
def test_a_given_authenticated_user_is_overridden(given: bytes) -> None:
    assert stamped(b'{"authenticated_user":' + given + b',"a":1}') == b'{"authenticated_user":"ada","a":1}'


def test_an_escaped_spelling_of_authenticated_user_is_overridden_as_well() -> None:
    assert stamped(rb'{"authenticated\u005fuser":"mallory"}') == b'{"authenticated_user":"ada"}'


def test_a_repeated_authenticated_user_leaves_only_the_right_one() -> None:
    processed = stamped(b'{"authenticated_user":"mallory","a":1,"authenticated_user":"eve"}')
    assert processed.count(b"authenticated_user") == 1
    assert json.loads(processed) == {"authenticated_user": "ada", "a": 1}


def test_of_a_repeated_member_the_last_value_stays() -> None:
    assert stamped(b'{"a":1,"b":2,"a":3}') == b'{"a":3,"b":2,"authenticated_user":"ada"}'


def test_an_empty_activity_is_an_activity() -> None:
    assert stamped(b"{}") == b'{"authenticated_user":"ada"}'


def test_a_name_is_escaped_as_json_needs_it() -> None:
    assert json.loads(stamped(b"{}", 'a"\\\u0000é'))["authenticated_user"] == 'a"\\\u0000é'


@given(json_objects, st.text(max_size=64))
def test_any_object_comes_out_as_it_went_in_but_for_the_user(activity: dict[str, Any], user: str) -> None:
    for ensure_ascii in (True, False):
        processed = stamped(json.dumps(activity, ensure_ascii=ensure_ascii).encode(), user)
        assert json.loads(processed) == {**activity, "authenticated_user": user}


@given(json_objects)
def test_a_processed_activity_is_broadcast_byte_for_byte(activity: dict[str, Any]) -> None:
    processed = stamped(json.dumps(activity).encode())
    line = encode(ActivityBroadcast(activity=_raw(processed)))
    assert line == b'{"command":"ACTIVITY_BROADCAST","activity":' + processed + b"}\n"
    received = decode(line[:-1])
    assert isinstance(received, ActivityBroadcast)
    assert bytes(received.activity) == processed


def _raw(data: bytes) -> Any:
    broadcast = decode(b'{"command":"ACTIVITY_BROADCAST","activity":' + data + b"}")
    assert isinstance(broadcast, ActivityBroadcast)
    return broadcast.activity


def nested(depth: int, opening: bytes = b"[", closing: bytes = b"]") -> bytes:
    return opening * depth + closing * depth


@pytest.mark.parametrize(("opening", "closing"), [(b"[", b"]"), (b'{"a":', b"}")])
def test_nesting_ends_at_the_limit(opening: bytes, closing: bytes) -> None:
    def value(depth: int) -> bytes:
        return opening * depth + b"1" + closing * depth

    assert not too_deep(value(NESTING_DEPTH_MAX))
    assert too_deep(value(NESTING_DEPTH_MAX + 1))


def test_breadth_is_not_depth() -> None:
    assert not too_deep(b"[" + b",".join([b"{}"] * 1000) + b"]")


def test_brackets_in_strings_are_not_nesting() -> None:
    assert not too_deep(rb'{"a":"' + b"[" * 500 + rb'\"[{[{"}')
    assert too_deep(rb'{"a":"\\",' + b'"b":' + nested(NESTING_DEPTH_MAX) + b"}")


def test_an_activity_that_one_node_accepts_every_other_can_read() -> None:
    """The message counts one level, the activity another: as a message and as a broadcast it is as deep."""
    deepest = b'{"a":' + nested(NESTING_DEPTH_MAX - 2) + b"}"
    assert bytes(_raw(stamped(deepest))) == stamped(deepest)
    with pytest.raises(MalformedLine, match="nested too deeply"):
        stamped(b'{"a":' + nested(NESTING_DEPTH_MAX - 1) + b"}")


@pytest.mark.parametrize("command", [b"ACTIVITY_MESSAGE", b"ACTIVITY_BROADCAST"])
@pytest.mark.parametrize("depth", [200, 5000, 30_000])
def test_a_deeply_nested_activity_is_refused_at_any_depth(command: bytes, depth: int) -> None:
    line = b'{"command":"' + command + b'","username":"a","activity":{"a":' + nested(depth) + b"}}"
    with pytest.raises(MalformedLine, match="nested too deeply"):
        decode(line)


def test_repeated_members_are_removed_at_any_depth_and_the_last_is_kept() -> None:
    assert unique_members(b'{"a":{"b":1,"b":[{"c":1,"c":2.50}]}}') == b'{"a":{"b":[{"c":2.50}]}}'


def test_an_activity_without_repeated_members_keeps_its_bytes() -> None:
    activity = b'{"a":{"b":123456789012345678901234567890},"c":[{"d":1e2}]}'
    assert unique_members(activity) is activity
