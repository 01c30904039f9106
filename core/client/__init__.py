"""The client's half of the protocol: a pure machine, and a client on asyncio."""

from core.client.account import make_secret
from core.client.connection import Client, NotConnected, OutcomeUnknown, SecretRefused
from core.client.events import (
    ActivityAccepted,
    ActivityArrived,
    ActivityRefused,
    ActivityUnknown,
    CaughtUp,
    ClientEvent,
    Connected,
    Connecting,
    Disconnected,
    GaveUp,
    LoggedIn,
    LoginRefused,
    Redirected,
    Registered,
    RegisterRefused,
    Renamed,
    SecretChanged,
    SecretNotChanged,
    SecretUnknown,
    ServerQuits,
    StatusArrived,
)
from core.client.machine import ClientMachine
from core.client.posts import PostQueueFull
from core.client.reaching import Unreachable, reach
from core.client.settings import ClientSettings

__all__ = [
    "ActivityAccepted",
    "ActivityArrived",
    "ActivityRefused",
    "ActivityUnknown",
    "CaughtUp",
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
    "NotConnected",
    "OutcomeUnknown",
    "PostQueueFull",
    "Redirected",
    "RegisterRefused",
    "Registered",
    "Renamed",
    "SecretChanged",
    "SecretNotChanged",
    "SecretRefused",
    "SecretUnknown",
    "ServerQuits",
    "StatusArrived",
    "Unreachable",
    "make_secret",
    "reach",
]
