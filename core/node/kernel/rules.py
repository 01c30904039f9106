"""Which command is legal in which state of a connection, and who takes it: all of it in one table.

What is not in a state's row is answered with `INVALID_MESSAGE`, and the connection is closed. A command cannot be legal
without somebody who takes it: the node binds every handler to a method when it is made, and does not start without one.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping
from typing import Any, Final

from core.node.kernel.connections import Connection
from core.node.kernel.states import CLIENT_STATES, ConnectionState
from core.wire import messages as wire
from core.wire.messages import Message, MessageType, command_of
from core.wire.state_machine import Symbol, bound

Take = Callable[[Any, Any], None]
"""What takes a message: called with the connection, or the client's or server's one that it has become, and with it."""


@enum.unique
class Handler(Symbol):
    """Who takes a message, by what is done about it."""

    # Of somebody who has not said who it is: this, and what a client may say.
    AUTHENTICATE = "its certificate or its secret is checked, and what it shows decides what the link speaks"
    ADMISSION_REQUEST = "both agree on a key, by the secret that it says it knows"
    ADMISSION_PROOF = "it is admitted if it has agreed on the key"

    # Of a client.
    WAIT = "waits for the answer to what came before it"
    REGISTER = "the name is asked for throughout the network"
    LOGIN = "its secret is checked"
    REDEEM = "the account gets another secret, if the code is one of its codes"
    POST = "the activity is accepted, and broadcast"
    POST_TOO_EARLY = "AUTHENTICATION_FAIL, close"
    CHANGE_SECRET = "the account gets another secret"
    ORDERS_ASKED = "ORDER_LIST, if the client has the key that it shows"
    ORDER_SKETCHED = "ORDER_DRAFTED: how such an order is written"
    ORDER_GIVEN = "the order is kept, and goes to everybody"
    DOCUMENT_GIVEN = "the account gets another document, everywhere"
    PAST_ASKED = "a page of the past, when it is the client's turn"
    HAVE = "what the client missed is looked for"
    CLIENT_ASKS = "PONG to the client"
    CLIENT_ANSWERS = "what waited for it is taken up"
    STATUS = "STATUS: this server's view of the network"
    LOGOUT = "the client is logged out, and the connection closed"
    CLIENT_OBJECTS = "the client refuses: the connection is closed"

    # Of a server.
    ADMISSION_SHARE = "this server proves that it has agreed on the key, if the other side has"
    ADMISSION_GRANTED = "both are of one network from here on"
    HELLO = "the link is native, if the other side has the key that it shows"
    PROOF = "the other side has its key, and the link is native"
    SAID_TO_A_BASE_SERVER = "nothing: this is none"
    REFUSED = "the other side wants no link, and says why"
    SERVER_OBJECTS = "the other side ends the link"
    SPEAKS_BASE = "it is a base server, and the message is taken as one of those"
    USERS_BEFORE_HELLO = "it is noted that the other side speaks the failover layer"
    USERS = "the users are taken in"
    USERS_KNOWN_OTHERWISE = "nothing: the entries tell the same, with more detail"
    BASE_ACTIVITY = "an activity that this node accepts for the network"
    OVERHEARD_ACTIVITY = "kept until it is known that no other server of ours takes it in"
    ENTRY = "an activity that is kept, and passed on"
    BASE_ANNOUNCEMENT = "the base server is announced to the network"
    OVERHEARD_ANNOUNCEMENT = "as of a base server, unless it shows that another server of ours speaks there"
    RECORD = "a link-state record that is kept, and passed on"
    LOCK_REQUEST = "the name is locked, or denied"
    BASE_LOCK_REQUEST = "everything behind this node is asked, and it answers for all of that"
    LOCK_ALLOWED = "the answer is counted"
    BASE_LOCK_ALLOWED = "one of the answers that are owed behind the link is counted"
    LOCK_DENIED = "the registration has failed"
    BASE_LOCK_DENIED = "the registration has failed, or the base server takes its own back"
    SERVER_ASKS = "PONG to the server, with the time here"
    SERVER_ANSWERS = "the round trip is known"
    QUIT = "the other side leaves: go to its successor, or be it"


_H = Handler

_STRANGER: Final[Mapping[MessageType, Handler]] = {
    wire.Authenticate: _H.AUTHENTICATE,
    wire.AdmissionRequest: _H.ADMISSION_REQUEST,
    wire.Login: _H.LOGIN,
    wire.Register: _H.REGISTER,
    wire.RedeemCode: _H.REDEEM,
    wire.ActivityMessage: _H.POST_TOO_EARLY,
    wire.Logout: _H.LOGOUT,
    wire.InvalidMessage: _H.CLIENT_OBJECTS,
    wire.AuthenticationFail: _H.CLIENT_OBJECTS,
}
_GREETED: Final[Mapping[MessageType, Handler]] = {
    wire.Login: _H.LOGIN,
    wire.Register: _H.REGISTER,
    wire.RedeemCode: _H.REDEEM,
    wire.ActivityMessage: _H.POST_TOO_EARLY,
    wire.Logout: _H.LOGOUT,
    wire.InvalidMessage: _H.CLIENT_OBJECTS,
    wire.AuthenticationFail: _H.CLIENT_OBJECTS,
}
_LOGGED_IN: Final[Mapping[MessageType, Handler]] = {
    wire.Login: _H.LOGIN,
    wire.ActivityMessage: _H.POST,
    wire.Have: _H.HAVE,
    wire.Ping: _H.CLIENT_ASKS,
    wire.Pong: _H.CLIENT_ANSWERS,
    wire.StatusRequest: _H.STATUS,
    wire.ChangeSecret: _H.CHANGE_SECRET,
    wire.OrdersRequest: _H.ORDERS_ASKED,
    wire.OrderDraft: _H.ORDER_SKETCHED,
    wire.GiveOrder: _H.ORDER_GIVEN,
    wire.PastRequest: _H.PAST_ASKED,
    wire.KeepDocument: _H.DOCUMENT_GIVEN,
    wire.Logout: _H.LOGOUT,
    wire.InvalidMessage: _H.CLIENT_OBJECTS,
    wire.AuthenticationFail: _H.CLIENT_OBJECTS,
}
_IN_BETWEEN: Final[Mapping[MessageType, Handler]] = dict.fromkeys([*_GREETED, *_LOGGED_IN], _H.WAIT)
"""Until the answer to what came before, nobody can tell what of this will be legal: it is looked at again then."""

_SERVER_OBJECTS: Final[Mapping[MessageType, Handler]] = {
    wire.InvalidMessage: _H.SERVER_OBJECTS,
    wire.AuthenticationFail: _H.SERVER_OBJECTS,
}
_QUIET: Final[Mapping[MessageType, Handler]] = {
    wire.ServerAnnounce: _H.SPEAKS_BASE,
    wire.ActivityBroadcast: _H.SPEAKS_BASE,
    wire.LockRequest: _H.SPEAKS_BASE,
    wire.LockAllowed: _H.SPEAKS_BASE,
    wire.LockDenied: _H.SPEAKS_BASE,
    wire.Quit: _H.SPEAKS_BASE,
    wire.UserInfo: _H.SPEAKS_BASE,
    **_SERVER_OBJECTS,
}
_BASE: Final[Mapping[MessageType, Handler]] = {
    wire.ServerAnnounce: _H.BASE_ANNOUNCEMENT,
    wire.ActivityBroadcast: _H.BASE_ACTIVITY,
    wire.LockRequest: _H.BASE_LOCK_REQUEST,
    wire.LockAllowed: _H.BASE_LOCK_ALLOWED,
    wire.LockDenied: _H.BASE_LOCK_DENIED,
    wire.Quit: _H.QUIT,
    wire.UserInfo: _H.USERS,
    **_SERVER_OBJECTS,
}

RULES: Final[Mapping[ConnectionState, Mapping[MessageType, Handler]]] = {
    ConnectionState.FRESH: _STRANGER,
    # It is not read from until its secret, which may wait its turn, has been looked at.
    ConnectionState.AUTHENTICATING: {
        wire.InvalidMessage: _H.CLIENT_OBJECTS,
        wire.AuthenticationFail: _H.CLIENT_OBJECTS,
    },
    ConnectionState.ADMITTING: {
        wire.AdmissionProof: _H.ADMISSION_PROOF,
        wire.InvalidMessage: _H.CLIENT_OBJECTS,
        wire.AuthenticationFail: _H.CLIENT_OBJECTS,
    },
    ConnectionState.ASKING: {
        wire.AdmissionShare: _H.ADMISSION_SHARE,
        wire.AdmissionGranted: _H.ADMISSION_GRANTED,
        wire.ServerRefused: _H.REFUSED,
        **_SERVER_OBJECTS,
    },
    # It has been answered, and may find that it wants no link.
    ConnectionState.PROVING: {
        wire.ServerProof: _H.PROOF,
        # Who dials says this behind its AUTHENTICATE, for the case that a base server is here.
        wire.ServerAnnounce: _H.SAID_TO_A_BASE_SERVER,
        wire.ServerRefused: _H.REFUSED,
        **_SERVER_OBJECTS,
    },
    ConnectionState.REGISTERING: _IN_BETWEEN,
    ConnectionState.GREETED: _GREETED,
    ConnectionState.LOGGING_IN: _IN_BETWEEN,
    ConnectionState.LOGGED_IN: _LOGGED_IN,
    ConnectionState.REDIRECTING: _IN_BETWEEN,
    ConnectionState.SENT_ON: _IN_BETWEEN,
    ConnectionState.WAITING: {
        **_QUIET,
        wire.ServerHello: _H.HELLO,
        wire.ServerRefused: _H.REFUSED,
        wire.UserInfo: _H.USERS_BEFORE_HELLO,
    },
    ConnectionState.LISTENING: {
        **_BASE,
        wire.ServerAnnounce: _H.OVERHEARD_ANNOUNCEMENT,
        wire.ActivityBroadcast: _H.OVERHEARD_ACTIVITY,
    },
    ConnectionState.QUIET: _QUIET,
    ConnectionState.BASE: _BASE,
    # Beside these, what nobody but servers of ours say to each other: each part says what it takes of that (`takers`).
    ConnectionState.NATIVE: {
        wire.ServerAnnounce: _H.RECORD,
        wire.ActivityBroadcast: _H.ENTRY,
        wire.LockRequest: _H.LOCK_REQUEST,
        wire.LockAllowed: _H.LOCK_ALLOWED,
        wire.LockDenied: _H.LOCK_DENIED,
        wire.Ping: _H.SERVER_ASKS,
        wire.Pong: _H.SERVER_ANSWERS,
        wire.Quit: _H.QUIT,
        wire.UserInfo: _H.USERS_KNOWN_OTHERWISE,
        wire.ServerRefused: _H.REFUSED,
        **_SERVER_OBJECTS,
    },
    # Nobody listens any more; what still comes is dropped.
    ConnectionState.CLOSING: {},
}


def why_illegal(state: ConnectionState, message: Message) -> str:
    """Why a command that is not in a state's row is not allowed there, as a clause for the peer."""
    command = command_of(message)
    match state:
        case ConnectionState.FRESH:
            return f"{command} is not possible before LOGIN, REGISTER or AUTHENTICATE"
        case ConnectionState.GREETED if isinstance(
            message,
            wire.Have
            | wire.Ping
            | wire.StatusRequest
            | wire.ChangeSecret
            | wire.OrdersRequest
            | wire.OrderDraft
            | wire.GiveOrder
            | wire.PastRequest
            | wire.KeepDocument,
        ):
            return f"{command} is not possible before LOGIN"
        case ConnectionState.LOGGED_IN if isinstance(message, wire.Register | wire.RedeemCode):
            return f"{command} is not possible on a connection that is logged in"
        case _ if state in CLIENT_STATES:
            return f"{command} is not a client's command"
        case _ if isinstance(message, wire.Authenticate):
            return "AUTHENTICATE is possible once, as the first message of a connection"
        case _:
            return f"{command} is not possible on this server link"


class Dispatcher:
    """Hands each message to who takes it in its connection's state."""

    def __init__(self, takers: Mapping[Handler | MessageType, Take], refuse: Callable[[Connection, str], None]) -> None:
        """`takers` has a method for each handler, and for each message that neighbours say beside those of the table;
        `refuse` answers what is not legal.

        Raises ValueError when a handler has none, or when such a message has a row in the table.
        """
        self._takers = bound(RULES, {what: take for what, take in takers.items() if isinstance(what, Handler)})
        between_ours = {what: take for what, take in takers.items() if not isinstance(what, Handler)}
        for row in self._takers.values():
            twice = sorted(kind.__name__ for kind in between_ours.keys() & row.keys())
            if twice:
                raise ValueError(f"{', '.join(twice)}: there is a row for it, so it needs a handler of its own")
        self._takers[ConnectionState.NATIVE] |= between_ours
        self._refuse = refuse

    def taker(self, connection: Connection, message: Message) -> Take | None:
        """Who takes a message; None when it is not legal, which is answered, or when nobody listens any more."""
        take = self._takers[connection.state].get(type(message))
        if take is None and connection.state is not ConnectionState.CLOSING:
            self._refuse(connection, why_illegal(connection.state, message))
        return take

    def __call__(self, connection: Connection, message: Message) -> None:
        """Have a message taken that has waited, or that is looked at again in another state."""
        take = self.taker(connection, message)
        if take is not None:
            take(connection, message)
