"""What a client tells, put into the model."""

from __future__ import annotations

from typing import Final

from core.client import (
    ActivityArrived,
    CatchUpDone,
    ClientEvent,
    Connecting,
    Disconnected,
    DocumentArrived,
    DocumentSaved,
    GaveUp,
    LoggedIn,
    LoginRefused,
    PostAccepted,
    PostRefused,
    PostUnknown,
    Redirected,
    Registered,
    RegisterRefused,
    Removed,
    Renamed,
    ServerQuits,
    StrangeServer,
)
from tui.feed.activities import sender_of
from tui.model.client_model import ClientModel

MICROSECONDS: Final = 1_000_000


def tell(model: ClientModel, event: ClientEvent) -> None:
    """Change the model as the event says."""
    match event:
        case ActivityArrived(id=entry_id, body=body, sender=sender, stamp=stamp, live=live, own_ref=own_ref):
            # A base server tells neither sender nor time: the one stands in the activity, the other is now.
            at = stamp / MICROSECONDS if stamp is not None else model.clock()
            who = sender or sender_of(body)
            model.arrived(body, who, at, live=live, own_ref=own_ref, entry_id=entry_id, stamp=stamp)
        case PostAccepted(ref=ref):
            model.accepted(ref)
        case PostRefused(ref=ref, info=info):
            model.refused(ref, info)
        case PostUnknown(ref=ref):
            model.unknown(ref, "the connection broke before the answer came")
        case LoggedIn(username=username, address=address, claim=claim):
            model.logged_in(username, address, claim)
        case LoginRefused(info=info):
            model.login_refused(info)
        case Registered(username=username, secret=secret):
            model.registered(username, secret)
        case RegisterRefused(info=info):
            model.register_refused(info)
        case CatchUpDone(count=count):
            model.caught_up(count)
        case Redirected(address=address):
            model.redirected(address, f"this server has more people than others, moving to {address}")
        case ServerQuits(address=address):
            where = f"it sends its people to {address}" if address is not None else "there is no other to go to"
            model.server_quits(f"the server leaves; {where}")
        case Disconnected(reason=reason, retry_in=retry_in):
            model.disconnected(reason, retry_in)
        case StrangeServer(address=address, known=known, shown=shown):
            what = f"it is of another one, {shown}" if shown else "it does not encrypt, or shows nothing of ours"
            model.strange_server(f"{address} is no server of the network {known}: {what}. Nothing was said to it.")
        case Renamed(username=username, renamed=renamed, info=info):
            model.renamed(username, renamed, info)
        case Removed(ids=ids, by=by, because=because, server=server, since=since, undone=undone):
            model.removed(ids, by, because, server, since / MICROSECONDS, undone=undone)
        case DocumentArrived(document=document):
            model.document_told(document)
        case DocumentSaved(document=document):
            model.document_saved(document)
        case Connecting(address=address):
            model.connecting(address)
        case GaveUp(reason=reason):
            model.gone(reason)
        case _:
            pass
