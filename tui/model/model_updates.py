"""What a client tells, put into the session."""

from __future__ import annotations

from typing import Final

from core.client import (
    ActivityArrived,
    CatchUpDone,
    ClientEvent,
    Connecting,
    Disconnected,
    GaveUp,
    LoggedIn,
    LoginRefused,
    PostAccepted,
    PostRefused,
    PostUnknown,
    Redirected,
    Registered,
    RegisterRefused,
    Renamed,
    ServerQuits,
)
from tui.feed.activities import sentence
from tui.model.client_model import ClientModel

MICROSECONDS: Final = 1_000_000


def tell(session: ClientModel, event: ClientEvent) -> None:
    """Change the session as the event says."""
    match event:
        case ActivityArrived(id=entry_id, body=body, sender=sender, stamp=stamp, live=live, own_ref=own_ref):
            # A base server tells neither sender nor time: the one stands in the activity, the other is now.
            at = stamp / MICROSECONDS if stamp is not None else session.clock()
            who = sender or sentence(body).sender
            session.arrived(body, who, at, live=live, own_ref=own_ref, entry_id=entry_id, stamp=stamp)
        case PostAccepted(ref=ref):
            session.accepted(ref)
        case PostRefused(ref=ref, info=info):
            session.refused(ref, info)
        case PostUnknown(ref=ref):
            session.unknown(ref, "the connection broke before the answer came")
        case LoggedIn(username=username, address=address):
            session.logged_in(username, address)
        case LoginRefused(info=info):
            session.login_refused(info)
        case Registered(username=username, secret=secret):
            session.registered(username, secret)
        case RegisterRefused(info=info):
            session.register_refused(info)
        case CatchUpDone(count=count):
            session.caught_up(count)
        case Redirected(address=address):
            session.redirected(address, f"this server has more people than others, moving to {address}")
        case ServerQuits(address=address):
            where = f"it sends its people to {address}" if address is not None else "there is no other to go to"
            session.server_quits(f"the server leaves; {where}")
        case Disconnected(reason=reason, retry_in=retry_in):
            session.disconnected(reason, retry_in)
        case Renamed(username=username, renamed=renamed, info=info):
            session.renamed(username, renamed, info)
        case Connecting(address=address):
            session.connecting(address)
        case GaveUp(reason=reason):
            session.gone(reason)
        case _:
            pass
