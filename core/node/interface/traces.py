"""Traces: what goes on inside a node, for whoever debugs it. Unlike a notice, a trace is not worded for people.

A trace is a kind and fields with stable names, so that `grep` finds what belongs together: `conn`, `server`, `claim`
and `dial` mean the same in every kind. No field ever holds a secret, a verifier, or the body of an activity.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal

TraceKind = Literal[
    "opened",  # a connection has come up
    "closed",  # a connection is gone
    "state",  # a connection goes from one state to another, and which outcome led there
    "dial",  # this node dials somebody, and why; or a dial came to nothing
    "link",  # a native link is up, or down
    "base",  # a base server is spoken to, listened to, or left
    "tree",  # a native link has become eager or lazy
    "claim",  # a registration is begun, asked about, voted on, decided or released
    "sync",  # a neighbour is asked for what is missing here, or asks, or has sent it
    "history",  # a client is sent what it has missed
    "network",  # this node is of another network now
    "belief",  # what was said in a server's name is not believed
    "drain",  # this node's leaving, or with `server` a neighbour's, goes into another phase
    "timer",  # a timer ran late
    "slow",  # an event, or a pass of the loop, took long
]

TraceValue = object
"""Rendered with `str` by whoever writes it, and only then: a trace that nobody listens to builds no text."""

TraceFields = Mapping[str, TraceValue]

VALUE_CHARACTERS_MAX: Final = 200
"""A reason may quote what a peer says, who may say a lot."""


def trace_line(kind: TraceKind, fields: TraceFields) -> str:
    """A trace as one line of words and `key=value` (logfmt), on which peers cannot write what looks like another field.

    What has no value is left out. A value with blanks, quotes or anything that does not print is a JSON string.
    """
    return " ".join([kind, *(f"{key}={_text_of(value)}" for key, value in fields.items() if value is not None)])


def _text_of(value: TraceValue) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    text = str(value)
    if len(text) > VALUE_CHARACTERS_MAX:
        text = f"{text[: VALUE_CHARACTERS_MAX - 1]}…"
    plain = text.isprintable() and not any(character in ' "=\\' for character in text)
    if plain and text:
        return text
    import json  # Only now: few servers write traces.

    return json.dumps(text)
