"""The states of a client, which outcome leads from which to which, and who takes what a server says in which."""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping
from typing import Any, Final

from core.wire import messages as wire
from core.wire.messages import MessageType
from core.wire.state_machine import Symbol

ClientTake = Callable[[Any, float], None]
"""What takes a message: called with it, and the time."""


@enum.unique
class ClientState(Symbol):
    """The value is what people read."""

    IDLE = "idle"
    CONNECTING = "connecting"
    REGISTERING = "registering"
    LOGGING_IN = "logging in"
    LET_IN = "let in"
    """By a base server, which may send the client on at once: nothing is posted there yet."""
    ONLINE = "online"
    WAITING = "waiting"
    CLOSED = "closed"


@enum.unique
class ClientOutcome(Symbol):
    """What has come of a message, of a timer, or of the application's word: nothing else changes a client's state."""

    DIALS = "it dials"
    HAS_TO_REGISTER = "connected, without an account"
    HAS_AN_ACCOUNT = "connected, or registered"
    IN_AT_BASE = "LOGIN_SUCCESS of a base server"
    IN = "LOGIN_SUCCESS"
    NOT_SENT_ON = "no REDIRECT has come"
    LOST = "unreachable, lost, redirected, or told to go"
    ENDED = "refused, or closed"


_S, _O = ClientState, ClientOutcome

TRANSITIONS: Final[Mapping[ClientState, Mapping[ClientOutcome, ClientState]]] = {
    _S.IDLE: {_O.DIALS: _S.CONNECTING, _O.ENDED: _S.CLOSED},
    _S.CONNECTING: {
        _O.HAS_TO_REGISTER: _S.REGISTERING,
        _O.HAS_AN_ACCOUNT: _S.LOGGING_IN,
        _O.LOST: _S.WAITING,
        _O.ENDED: _S.CLOSED,
    },
    _S.REGISTERING: {_O.HAS_AN_ACCOUNT: _S.LOGGING_IN, _O.LOST: _S.WAITING, _O.ENDED: _S.CLOSED},
    _S.LOGGING_IN: {_O.IN_AT_BASE: _S.LET_IN, _O.IN: _S.ONLINE, _O.LOST: _S.WAITING, _O.ENDED: _S.CLOSED},
    _S.LET_IN: {_O.NOT_SENT_ON: _S.ONLINE, _O.LOST: _S.WAITING, _O.ENDED: _S.CLOSED},
    _S.ONLINE: {_O.LOST: _S.WAITING, _O.ENDED: _S.CLOSED},
    _S.WAITING: {_O.DIALS: _S.CONNECTING, _O.ENDED: _S.CLOSED},
    _S.CLOSED: {},
}

TALKING: Final = frozenset({_S.REGISTERING, _S.LOGGING_IN, _S.LET_IN, _S.ONLINE})
"""States in which there is a server that is heard."""
IN: Final = frozenset({_S.LET_IN, _S.ONLINE})


@enum.unique
class ClientHandler(Symbol):
    """Who takes a message, by what is done about it."""

    ACTIVITY = "told to the application, once"
    ACKNOWLEDGED = "the post is accepted"
    POST_REFUSED = "the post is not accepted"
    CAUGHT_UP = "what was missed is through"
    PLACE_REACHED = "where the client is, is noted"
    HAVE_ASKED = "what the client has is told"
    SERVER_ASKS = "PONG"
    REGISTERED = "the client logs in"
    CODE_TAKEN = "the client logs in with its new secret"
    CODE_REFUSED = "the code is none: the client ends"
    REGISTER_REFUSED = "the client ends"
    LOGGED_IN = "the client is in"
    LOGIN_REFUSED = "tried again where that may help; else the client ends"
    REDIRECTED = "on to the server named"
    SERVER_QUITS = "on to the server named, if there is one"
    REMOVED = "told to the application, which lets go of them"
    RENAMED = "the account goes on under another name"
    SECRET_CHANGED = "the new secret counts"
    SECRET_NOT_CHANGED = "the secret is what it was"
    ORDER_ANSWERED = "told to the application"
    PAST_COMES = "a part of the page that was asked for"
    DOCUMENT_TOLD = "what the document is now is told to the application"
    DOCUMENT_KEPT = "the document is kept"
    DOCUMENT_NOT_KEPT = "the document is sent again later, or it is told that it cannot be kept"
    PAST_CAME = "the page is told to the application"
    STATUS = "servers are learnt from it, and it is told to the application"
    OBJECTED = "the connection is given up, and another one tried where that may help"
    ACTIVITY_OBJECTED = "the same, and the activity is known for refused"
    NOTHING = "nothing: that it came was enough"
    TOO_LATE = "nothing: the question is not open any more"


_H = ClientHandler

_ALWAYS: Final[Mapping[MessageType, ClientHandler]] = {
    wire.ActivityBroadcast: _H.ACTIVITY,
    wire.ActivityAck: _H.ACKNOWLEDGED,
    wire.ActivityRefused: _H.POST_REFUSED,
    wire.CaughtUp: _H.CAUGHT_UP,
    wire.PlaceReached: _H.PLACE_REACHED,
    wire.HaveRequest: _H.HAVE_ASKED,
    wire.Ping: _H.SERVER_ASKS,
    wire.Pong: _H.NOTHING,
    # Some base servers say it to everybody who is connected.
    wire.LockAllowed: _H.NOTHING,
    wire.RegisterSuccess: _H.TOO_LATE,
    wire.RegisterFailed: _H.TOO_LATE,
    wire.LoginSuccess: _H.TOO_LATE,
    wire.LoginFailed: _H.LOGIN_REFUSED,
    wire.Redirect: _H.REDIRECTED,
    wire.Quit: _H.SERVER_QUITS,
    wire.AccountRenamed: _H.RENAMED,
    wire.ActivitiesRemoved: _H.REMOVED,
    wire.SecretChanged: _H.TOO_LATE,
    wire.SecretNotChanged: _H.TOO_LATE,
    wire.OrderList: _H.TOO_LATE,
    wire.OrderDrafted: _H.TOO_LATE,
    wire.OrderTaken: _H.TOO_LATE,
    wire.OrderRefused: _H.TOO_LATE,
    wire.PastActivity: _H.TOO_LATE,
    wire.PastDone: _H.TOO_LATE,
    wire.AccountDocument: _H.DOCUMENT_TOLD,
    wire.DocumentKept: _H.TOO_LATE,
    wire.DocumentNotKept: _H.TOO_LATE,
    wire.Status: _H.STATUS,
    wire.InvalidMessage: _H.OBJECTED,
    wire.AuthenticationFail: _H.ACTIVITY_OBJECTED,
}
_IN: Final[Mapping[MessageType, ClientHandler]] = {
    **_ALWAYS,
    wire.SecretChanged: _H.SECRET_CHANGED,
    wire.SecretNotChanged: _H.SECRET_NOT_CHANGED,
    wire.OrderList: _H.ORDER_ANSWERED,
    wire.OrderDrafted: _H.ORDER_ANSWERED,
    wire.OrderTaken: _H.ORDER_ANSWERED,
    wire.OrderRefused: _H.ORDER_ANSWERED,
    wire.PastActivity: _H.PAST_COMES,
    wire.PastDone: _H.PAST_CAME,
    wire.DocumentKept: _H.DOCUMENT_KEPT,
    wire.DocumentNotKept: _H.DOCUMENT_NOT_KEPT,
}

RULES: Final[Mapping[ClientState, Mapping[MessageType, ClientHandler]]] = {
    _S.IDLE: {},
    _S.CONNECTING: {},
    _S.REGISTERING: {
        **_ALWAYS,
        wire.RegisterSuccess: _H.REGISTERED,
        wire.RegisterFailed: _H.REGISTER_REFUSED,
        wire.SecretChanged: _H.CODE_TAKEN,
        wire.SecretNotChanged: _H.CODE_REFUSED,
    },
    _S.LOGGING_IN: {**_ALWAYS, wire.LoginSuccess: _H.LOGGED_IN},
    _S.LET_IN: _IN,
    _S.ONLINE: _IN,
    _S.WAITING: {},
    _S.CLOSED: {},
}
