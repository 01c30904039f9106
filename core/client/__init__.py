"""The client's half of the protocol: a pure machine, and a client on asyncio."""

from core.client.account import make_secret
from core.client.client import Client
from core.client.client_events import (
    ActivityArrived,
    CatchUpDone,
    ClientEvent,
    Connected,
    Connecting,
    Disconnected,
    GaveUp,
    LoggedIn,
    LoginRefused,
    OrderAnswered,
    PastArrived,
    PostAccepted,
    PostRefused,
    PostUnknown,
    Redirected,
    Registered,
    RegisterRefused,
    Removed,
    Renamed,
    SecretChangeDone,
    SecretChangeFailed,
    SecretChangeUnknown,
    ServerQuits,
    StatusArrived,
    StrangeServer,
)
from core.client.client_settings import ClientSettings
from core.client.machine import ClientMachine
from core.client.network_trust import NetworkTrust
from core.client.operator_seat import OperatorSeat, OrderNotTaken
from core.client.past_questions import PastEntry, PastNotShown, PastPage, PastPlace, PastUnreadable
from core.client.posts import PostQueueFull
from core.client.questions import NotConnected, OutcomeUnknown, QueuesRefused, SecretRefused
from core.client.reaching import SpeaksInClear, Unreachable, ask, reach
from core.client.resume_point import ResumePoint

__all__ = [
    "ActivityArrived",
    "CatchUpDone",
    "Client",
    "ClientEvent",
    "ClientMachine",
    "ClientSettings",
    "Connected",
    "Connecting",
    "Disconnected",
    "GaveUp",
    "LoggedIn",
    "LoginRefused",
    "NetworkTrust",
    "NotConnected",
    "OperatorSeat",
    "OrderAnswered",
    "OrderNotTaken",
    "OutcomeUnknown",
    "PastArrived",
    "PastEntry",
    "PastNotShown",
    "PastPage",
    "PastPlace",
    "PastUnreadable",
    "PostAccepted",
    "PostQueueFull",
    "PostRefused",
    "PostUnknown",
    "QueuesRefused",
    "Redirected",
    "RegisterRefused",
    "Registered",
    "Removed",
    "Renamed",
    "ResumePoint",
    "SecretChangeDone",
    "SecretChangeFailed",
    "SecretChangeUnknown",
    "SecretRefused",
    "ServerQuits",
    "SpeaksInClear",
    "StatusArrived",
    "StrangeServer",
    "Unreachable",
    "ask",
    "make_secret",
    "reach",
]
