"""The states of a connection, and which outcome leads from which to which: all of it in one table.

A connection starts `FRESH`. The first message decides what it is: `LOGIN` or `REGISTER` make it a client's,
`AUTHENTICATE` a server's; or this node has dialled. What may be said in a state, and who takes it, is in `rules`.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from typing import Final

from core.wire.state_machine import Symbol


@enum.unique
class ConnectionState(Symbol):
    """The value is what people read."""

    FRESH = "connected"
    AUTHENTICATING = "authenticating"
    PROVING = "proving its key"
    ADMITTING = "asking to be admitted"
    ASKING = "asking for admission"
    REGISTERING = "registering"
    GREETED = "not logged in"
    LOGGING_IN = "logging in"
    LOGGED_IN = "logged in"
    REDIRECTING = "redirecting"
    SENT_ON = "waiting to be sent on"
    WAITING = "connecting"
    LISTENING = "listening"
    QUIET = "quiet"
    BASE = "base"
    NATIVE = "native"
    CLOSING = "closing"


@enum.unique
class Outcome(Symbol):
    """What has come of a message, of a timer, or of somebody's word: nothing else changes a connection's state."""

    REGISTRATION_BEGUN = "REGISTER"
    REGISTERED = "registered"
    LOGIN_BEGUN = "LOGIN with a secret"
    LOGGED_IN = "logged in"
    REDIRECTED = "another server takes the client"
    POST_HELD_BACK = "ACTIVITY_MESSAGE while this server leaves"
    DIALLED = "this server dialled"
    SECRET_SHOWN = "AUTHENTICATE"
    KEY_SHOWN = "it is of the network, and a key was shown"
    SHOWED_NOTHING = "the secret is right, and no features were shown"
    ADMISSION_REQUESTED = "ADMISSION_REQUEST"
    ASKS_FOR_ADMISSION = "this server dialled another network's"
    HEARD_BASE = "a base server that others may speak to"
    BASE_TAKEN_UP = "a base server to speak to"
    NATIVE_TAKEN_UP = "a native server"
    ENDED = "refused, told to go, or lost"


_S, _O = ConnectionState, Outcome

TRANSITIONS: Final[Mapping[ConnectionState, Mapping[Outcome, ConnectionState]]] = {
    _S.FRESH: {
        _O.REGISTRATION_BEGUN: _S.REGISTERING,
        _O.LOGIN_BEGUN: _S.LOGGING_IN,
        # `anonymous`, or somebody who was vouched for: there is nothing to check.
        _O.LOGGED_IN: _S.LOGGED_IN,
        _O.REDIRECTED: _S.REDIRECTING,
        _O.DIALLED: _S.WAITING,
        _O.SECRET_SHOWN: _S.AUTHENTICATING,
        _O.ADMISSION_REQUESTED: _S.ADMITTING,
        _O.ASKS_FOR_ADMISSION: _S.ASKING,
        _O.ENDED: _S.CLOSING,
    },
    _S.AUTHENTICATING: {
        _O.KEY_SHOWN: _S.PROVING,
        _O.SHOWED_NOTHING: _S.QUIET,
        _O.BASE_TAKEN_UP: _S.BASE,
        _O.NATIVE_TAKEN_UP: _S.NATIVE,
        _O.ENDED: _S.CLOSING,
    },
    _S.PROVING: {
        _O.NATIVE_TAKEN_UP: _S.NATIVE,
        _O.ENDED: _S.CLOSING,
    },
    # Both are over once it is known whether the servers are of one network: then the one that asked dials again.
    _S.ADMITTING: {_O.ENDED: _S.CLOSING},
    _S.ASKING: {_O.ENDED: _S.CLOSING},
    _S.REGISTERING: {
        _O.REGISTERED: _S.GREETED,
        _O.ENDED: _S.CLOSING,
    },
    _S.GREETED: {
        _O.REGISTRATION_BEGUN: _S.REGISTERING,
        _O.LOGIN_BEGUN: _S.LOGGING_IN,
        _O.LOGGED_IN: _S.LOGGED_IN,
        _O.REDIRECTED: _S.REDIRECTING,
        _O.ENDED: _S.CLOSING,
    },
    _S.LOGGING_IN: {
        _O.LOGGED_IN: _S.LOGGED_IN,
        _O.REDIRECTED: _S.REDIRECTING,
        _O.ENDED: _S.CLOSING,
    },
    _S.LOGGED_IN: {
        _O.LOGIN_BEGUN: _S.LOGGING_IN,
        _O.LOGGED_IN: _S.LOGGED_IN,
        _O.REDIRECTED: _S.REDIRECTING,
        _O.POST_HELD_BACK: _S.SENT_ON,
        _O.ENDED: _S.CLOSING,
    },
    _S.REDIRECTING: {_O.ENDED: _S.CLOSING},
    _S.SENT_ON: {_O.ENDED: _S.CLOSING},
    _S.WAITING: {
        _O.NATIVE_TAKEN_UP: _S.NATIVE,
        _O.HEARD_BASE: _S.LISTENING,
        _O.BASE_TAKEN_UP: _S.BASE,
        _O.ENDED: _S.CLOSING,
    },
    _S.LISTENING: {
        _O.BASE_TAKEN_UP: _S.BASE,
        _O.ENDED: _S.CLOSING,
    },
    _S.QUIET: {
        _O.BASE_TAKEN_UP: _S.BASE,
        _O.ENDED: _S.CLOSING,
    },
    _S.BASE: {_O.ENDED: _S.CLOSING},
    _S.NATIVE: {_O.ENDED: _S.CLOSING},
    _S.CLOSING: {},
}

CLIENT_STATES: Final = frozenset(
    {_S.REGISTERING, _S.GREETED, _S.LOGGING_IN, _S.LOGGED_IN, _S.REDIRECTING, _S.SENT_ON},
)
SERVER_STATES: Final = frozenset({_S.PROVING, _S.ASKING, _S.WAITING, _S.LISTENING, _S.QUIET, _S.BASE, _S.NATIVE})
