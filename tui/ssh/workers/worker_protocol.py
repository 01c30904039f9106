"""What the node's process and a worker tell each other.

A worker is as trustworthy as what people type into it: the node's side decides who somebody is and what they may.
"""

from __future__ import annotations

import msgspec

from core.node import Notice
from tui.processes.node_picture import NodeNotice, NodePicture

# --- once for a worker ------------------------------------------------------------------------------------------------


class WorkerSettings(msgspec.Struct, frozen=True, tag=True):
    """What the sessions are allowed, and where the node is."""

    anonymous: bool
    message_rate: float
    input_rate: int
    collect_after: float
    address: tuple[str, int]
    advertised: tuple[str, int]
    notices: list[Notice]
    data_dir: str = ""


class Probe(msgspec.Struct, frozen=True, tag=True):
    """Nothing has changed that is worth a picture. Is the worker there?"""


class ProbeAnswer(msgspec.Struct, frozen=True, tag=True):
    """The worker's answer to either, and how many applications take memory there."""

    applications: int


class WorkerFault(msgspec.Struct, frozen=True, tag=True):
    """Something for the node's log."""

    text: str


ToWorker = WorkerSettings | NodePicture | NodeNotice | Probe
FromWorker = ProbeAnswer | WorkerFault


# --- on the hand-off socket, each with a socket -----------------------------------------------------------------------


class OpenSession(msgspec.Struct, frozen=True, tag=True):
    """A session; with the socket for its messages."""

    number: int
    name: str
    claim: str | None
    secret: str | None
    key: tuple[str, str, float] | None
    terminal: str
    environment: dict[str, str]
    size: tuple[int, int]
    query: str


class AttachClient(msgspec.Struct, frozen=True, tag=True):
    """A session's client wants a connection to the node; with the socket that the node is to serve."""

    number: int
    name: str


# --- for each session -------------------------------------------------------------------------------------------------


class Typed(msgspec.Struct, frozen=True, tag=True):
    data: bytes


class Resized(msgspec.Struct, frozen=True, tag=True):
    size: tuple[int, int]


class LeaveApplication(msgspec.Struct, frozen=True, tag=True):
    status: int


class AccountTaken(msgspec.Struct, frozen=True, tag=True):
    """The answer to `TakeAccount`."""

    claim: str | None


class KeyBound(msgspec.Struct, frozen=True, tag=True):
    """The answer to `BindKey`."""

    problem: str | None


class SecretChangingNoted(msgspec.Struct, frozen=True, tag=True):
    """The answer to `SecretChanging`."""


class Painted(msgspec.Struct, frozen=True, tag=True):
    data: bytes


class SessionEnded(msgspec.Struct, frozen=True, tag=True):
    reason: str
    successor: tuple[str, int] | None


class TakeAccount(msgspec.Struct, frozen=True, tag=True):
    username: str
    secret: str


class BindKey(msgspec.Struct, frozen=True, tag=True):
    claim: str


class SecretChanging(msgspec.Struct, frozen=True, tag=True):
    """The person is about to change their secret (`begins`), or has."""

    begins: bool


class ApplicationEnded(msgspec.Struct, frozen=True, tag=True):
    """The application has ended, and given the terminal back. `problem`: what the person is told when it failed."""

    status: int
    problem: str | None


ToSession = Typed | Resized | LeaveApplication | AccountTaken | KeyBound | SecretChangingNoted
FromSession = Painted | SessionEnded | TakeAccount | BindKey | SecretChanging | ApplicationEnded
