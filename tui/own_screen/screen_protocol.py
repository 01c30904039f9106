"""What the node's process and that of the screen on its terminal tell each other.

Both belong to the operator: what the one knows the other may. So secrets travel here, and nowhere else: not on a
command line, and not in an environment.
"""

from __future__ import annotations

import msgspec

from core.node import NodeSnapshot
from core.wire import Invited, KeepsSecret
from tui.model.visitors import SessionView
from tui.own_screen.person_options import PersonOptions
from tui.processes.node_picture import NodeNotice

# --- to the screen ----------------------------------------------------------------------------------------------------


class ScreenPlan(msgspec.Struct, frozen=True, tag=True):
    """What will be shown, and to whom: the first message. It may come long before there is a node."""

    person: PersonOptions
    anonymous: bool
    data_dir: str
    ssh: bool
    """Whether people come in over SSH."""


class NodeStarted(msgspec.Struct, frozen=True, tag=True):
    """There is a node: show it. Until then the terminal is nobody's."""

    address: tuple[str, int]
    notices: list[NodeNotice]
    picture: OperatorPicture
    before: str = ""
    """What became of the screen before this one."""
    again: str = ""
    """The command that starts the node again when it has ended."""


class OperatorPicture(KeepsSecret, frozen=True, tag=True):
    """The node as its operator sees it, with the network's secret, which may become another one while it runs."""

    snapshot: NodeSnapshot
    # By connection: bytes in, bytes out, bytes that wait.
    traffic: dict[int, tuple[int, int, int]]
    advertised: tuple[str, int]
    sessions: list[SessionView]
    secret: str


class NodeClosed(msgspec.Struct, frozen=True, tag=True):
    """The node has ended."""

    undone: list[str]


class LeaveWanted(msgspec.Struct, frozen=True, tag=True):
    """Somebody wants the application to leave: by a signal, say."""

    words: str
    insist: bool


class GiveTerminalBack(msgspec.Struct, frozen=True, tag=True):
    """The node's process is about to be stopped. The terminal is the screen's again when SIGCONT is passed on."""


class BackupMade(msgspec.Struct, frozen=True, tag=True):
    """The answer to `MakeBackup`: where it is, or why there is none."""

    call: int
    path: str | None
    problem: str | None


class ServerInvited(msgspec.Struct, frozen=True, tag=True):
    """The answer to `InviteServer`: the network's fingerprint and the code, or why there is none."""

    call: int
    invited: Invited | None
    problem: str | None


ToScreen = (
    ScreenPlan
    | NodeStarted
    | OperatorPicture
    | NodeNotice
    | NodeClosed
    | LeaveWanted
    | GiveTerminalBack
    | BackupMade
    | ServerInvited
)

# --- from the screen --------------------------------------------------------------------------------------------------


class LookAtNode(msgspec.Struct, frozen=True, tag=True):
    """A newer picture is wanted, as soon as it is worth it."""


class JoinNetwork(msgspec.Struct, frozen=True, tag=True):
    """Link the node to a server of another network, which has invited it, or knows the same secret."""

    address: tuple[str, int]
    invited: Invited | None = None


class EndConnection(msgspec.Struct, frozen=True, tag=True):
    conn: int
    reason: str


class EndVisitor(msgspec.Struct, frozen=True, tag=True):
    """End a session over SSH."""

    number: int
    reason: str


class LeaveNetwork(msgspec.Struct, frozen=True, tag=True):
    """Have the node leave in order; `NodeClosed` tells when it has."""

    reason: str


class MakeBackup(msgspec.Struct, frozen=True, tag=True):
    call: int


class InviteServer(msgspec.Struct, frozen=True, tag=True):
    """A new code by which servers join, good `uses` times, for so many seconds."""

    call: int
    uses: int
    seconds: float


class TerminalGivenBack(msgspec.Struct, frozen=True, tag=True):
    """The answer to `GiveTerminalBack`."""


class ScreenFault(msgspec.Struct, frozen=True, tag=True):
    """Something for the node's log."""

    text: str


class ScreenEnded(msgspec.Struct, frozen=True, tag=True):
    """The application has ended, and given the terminal back. `report`: what the person is told behind it."""

    status: int
    report: list[str]


FromScreen = (
    LookAtNode
    | JoinNetwork
    | EndConnection
    | EndVisitor
    | LeaveNetwork
    | MakeBackup
    | InviteServer
    | TerminalGivenBack
    | ScreenFault
    | ScreenEnded
)

# --- on the hand-off socket, with the socket that the node is to serve ------------------------------------------------


class ConnectHome(msgspec.Struct, frozen=True, tag=True):
    """The person's client wants a connection to the node."""
