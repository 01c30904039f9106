"""A client on asyncio: the machine, a socket, a timer."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import socket
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from core.client.client_events import (
    ClientEvent,
    Disconnected,
    GaveUp,
    LoggedIn,
    LoginRefused,
    OrderAnswered,
    PastArrived,
    Redirected,
    RegisterRefused,
    SecretChangeDone,
    SecretChangeFailed,
    SecretChangeUnknown,
    ServerQuits,
    StatusArrived,
    StrangeServer,
)
from core.client.client_settings import ClientSettings
from core.client.client_states import ClientState
from core.client.line_connection import LineConnection, check_abroad
from core.client.machine import ClientMachine
from core.client.network_trust import NetworkTrust, WrongNetwork, client_tls, speaks_no_tls
from core.client.operator_questions import OperatorQuestions, OrderAnswer, OrderQuestion
from core.client.outputs import Connect, Disconnect, SendMessage, SetTimer, Tell
from core.client.past_questions import PastNotShown, PastPage, PastPlace, PastQuestions
from core.client.questions import NotConnected, OutcomeUnknown, Questions, QueuesRefused, SecretRefused
from core.client.reaching import explain
from core.client.resume_point import ResumePoint
from core.wire.address import Address
from core.wire.codec import MalformedLine, decode, encode
from core.wire.past_query import PAST_ENTRIES_MAX

log = logging.getLogger(__name__)

CLOSE_LIMIT: Final = 2.0
HEAD_START: Final = 0.25
"""Seconds that one address of a name has before the next is tried as well (Happy Eyeballs, RFC 8305)."""


class Client:
    """A client of the network. `run` it as a task of yours; everything else is called in the same event loop.

    `on_event` is called for each event, in the event loop, and must return at once. With `home`, a callable that
    returns a connected socket to the server in this process, that server is preferred as long as it lives. `trust` is
    the network whose servers are talked to otherwise, encrypted. Without it a client that has a home talks to nobody
    else, and one that has none talks in clear, to whoever listens.
    """

    def __init__(
        self,
        settings: ClientSettings,
        addresses: Sequence[Address],
        on_event: Callable[[ClientEvent], None],
        *,
        home: Callable[[], socket.socket] | None = None,
        trust: NetworkTrust | None = None,
        rng: random.Random | None = None,
    ) -> None:
        self._machine = ClientMachine(
            settings,
            addresses,
            rng or random.SystemRandom(),
            wall_ahead=time.time() - time.monotonic(),
            home=home is not None,
        )
        self._username = settings.username
        self._on_event = on_event
        self._home = home
        self._trust = trust
        self._loop: asyncio.AbstractEventLoop | None = None
        self._connecting: asyncio.Task[None] | None = None
        self._wire: LineConnection | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._done: asyncio.Future[str] | None = None
        self._logged_in = asyncio.Event()
        self._refusal: str | None = None
        self._questions = Questions()
        self._operator_questions = OperatorQuestions()
        self._past = PastQuestions()
        self._working = False

    # --- life ---------------------------------------------------------------------------------------------------------

    async def run(self) -> str:
        """Connect and stay connected until closed or refused; why it ended. Cancelling it closes at once."""
        self._loop = asyncio.get_running_loop()
        self._done = self._loop.create_future()
        try:
            if self._machine.state is ClientState.CLOSED:
                return "closed"
            self._machine.start(self._loop.time())
            self._work()
            return await asyncio.shield(self._done)
        finally:
            await self._clean_up()

    async def _clean_up(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._connecting is not None:
            self._connecting.cancel()
            with contextlib.suppress(asyncio.CancelledError, OSError):
                await self._connecting
        wire, self._wire = self._wire, None
        if wire is not None:
            await wire.closed(CLOSE_LIMIT)
        self._connection_lost()
        self._questions.secret_answered(OutcomeUnknown("the client was closed"))

    async def close(self) -> None:
        """Log out, flush, close; within a bounded time. Harmless when repeated."""
        self._machine.close(self._now())
        wire = self._wire
        self._work()
        if wire is not None:
            await wire.closed(CLOSE_LIMIT)

    def _now(self) -> float:
        return (self._loop or asyncio.get_running_loop()).time()

    # --- what an application does -------------------------------------------------------------------------------------

    @property
    def online(self) -> bool:
        return self._machine.online

    def silent_for(self) -> float:
        """For how many seconds nothing was heard of a server that was asked whether it is there; 0 if none is asked."""
        return self._machine.silent_for(self._now())

    @property
    def username(self) -> str:
        """With which name it logs in."""
        return self._username

    @property
    def native(self) -> bool:
        """Whether the present server has shown that it is one of ours."""
        return self._machine.native

    @property
    def shows_past(self) -> bool:
        """Whether the present server shows pages of the past."""
        return self._machine.why_no_past() is None

    @property
    def searches_past(self) -> bool:
        """Whether it looks for what matches in all of the past."""
        return self._machine.why_no_past() is None and self._machine.why_no_search("") is None

    @property
    def resume_point(self) -> ResumePoint | None:
        """What the next login says that this client has, here or of another client that goes on from it
        (`ClientSettings.resume`); None when there is nothing to go on from."""
        return self._machine.resume_point

    @property
    def unanswered(self) -> int:
        """Posts without an answer."""
        return self._machine.unanswered

    def post(self, activity: object, ref: str | None = None) -> str:
        """Send an activity (an object, or JSON as bytes) now or once there is a connection; its name.

        An event tells later what became of it: accepted, refused or unknown. Raises PostQueueFull, or ValueError when
        it is not a JSON object.
        """
        ref = self._machine.post(activity, ref, self._now())
        self._work()
        return ref

    async def wait_logged_in(self) -> None:
        """Return once logged in. Raises ConnectionRefusedError with the server's reason if that will never be."""
        await self._logged_in.wait()
        if self._refusal is not None:
            raise ConnectionRefusedError(self._refusal)

    async def request_status(self) -> dict[str, object]:
        """The server's view of the network.

        Raises NotConnected when there is no server that can tell, TimeoutError when it does not answer.
        """
        if not self._machine.request_status():
            raise NotConnected("no server is connected that can tell the network's state")
        answer = self._questions.status()
        self._work()
        return await self._questions.status_told(answer)

    async def request_queues(self, secret: str) -> dict[str, int]:
        """How much waits in the server, by what it waits for; `secret` is the network's, and is not told.

        Raises QueuesRefused with the reason, NotConnected and TimeoutError as `request_status` does.
        """
        # What hashes is loaded for who asks.
        from core.wire.queue_proof import milliseconds, queue_proof

        status = await self.request_status()
        server, at = status.get("id"), status.get("at")
        if not isinstance(server, str) or not isinstance(at, int | float):
            raise QueuesRefused("this server does not tell its queues")
        moment = milliseconds(at)
        if not self._machine.request_status(queue_proof(secret, server, moment), moment):
            raise NotConnected("no server is connected that can tell its queues")
        answer = self._questions.queues()
        self._work()
        return await self._questions.queues_told(answer)

    async def change_secret(self, secret: str, present: str | None = None) -> None:
        """Give the account that is logged in another secret, in the whole network.

        `present` is the one before, for a login that somebody vouched for.

        Returns when the server keeps it. Raises SecretRefused when the secret is what it was, OutcomeUnknown when
        nobody can tell: the connection was lost for good, or there was no answer in time.
        """
        problem = self._machine.change_secret(secret, present)
        if problem is not None:
            raise SecretRefused(problem)
        answer = self._questions.secret()
        self._work()
        await self._questions.secret_changed(answer)

    async def ask_about_orders(self, question: OrderQuestion) -> OrderAnswer:
        """Say something of an operator's to the server; its answer. See `OperatorSeat`.

        Raises NotConnected when there is no server that knows orders, and OutcomeUnknown when there is no answer.
        """
        async with self._operator_questions.turn:
            problem = self._machine.ask_about_orders(question)
            if problem is not None:
                raise NotConnected(problem)
            self._work()
            return await self._operator_questions.answered()

    async def read_past(
        self, place: PastPlace | None, *, backward: bool, most: int = PAST_ENTRIES_MAX, query: str = ""
    ) -> PastPage:
        """A page of what stands before a place in the order of all activities, or behind it; None: the end of all, or
        the beginning. At most so many. With a `query` (`core.query.Query` in writing) only what matches, backward: a
        page may have nothing, and more to look at beyond the place that it has reached.

        Raises NotConnected when there is no server or it is lost, PastNotShown when it shows no past, PastUnreadable
        and OutcomeUnknown when there is no page this time.
        """
        async with self._past.turn:
            if not self.online:
                raise NotConnected("there is no connection now")
            problem = self._machine.ask_for_past(place, backward=backward, most=most, query=query)
            if problem is not None:
                raise PastNotShown(problem)
            self._work()
            return await self._past.answered()

    def keep_document(self, document: bytes | Mapping[str, object]) -> None:
        """Have the account get this document (a JSON object of at most 8 KiB), in the place of the one before, at every
        server of the network; now, or as soon as it may: it may change once a minute, and the latest counts.

        Events tell what comes of it: DocumentSaved, or DocumentRefused. DocumentArrived brings what the document is.
        Raises ValueError, with a clause that says why, for what can be no account's document.
        """
        problem = self._machine.keep_document(document, self._now())
        if problem is not None:
            raise ValueError(problem)
        self._work()

    # --- driving the machine ------------------------------------------------------------------------------------------

    def _work(self) -> None:
        """Carry out what the machine wants. An event's handler may call back into the client."""
        if self._working:
            return
        self._working = True
        try:
            while outputs := self._machine.take_outputs():
                for output in outputs:
                    match output:
                        case SendMessage():
                            if self._wire is not None:
                                self._wire.send(encode(output.message))
                        case Tell():
                            self._tell(output.event)
                        case Connect():
                            self._connect(output.address, output.abroad)
                        case Disconnect():
                            self._disconnect()
                        case SetTimer():
                            self._set_timer(output.at)
        finally:
            self._working = False

    def _tell(self, event: ClientEvent) -> None:
        match event:
            case LoggedIn():
                self._logged_in.set()
            case LoginRefused() | RegisterRefused():
                self._refusal = event.info
            case SecretChangeDone():
                self._questions.secret_answered(None)
            case SecretChangeFailed(info=info):
                self._questions.secret_answered(SecretRefused(info))
            case SecretChangeUnknown(info=info):
                self._questions.secret_answered(OutcomeUnknown(info))
            case OrderAnswered(answer=answer):
                self._operator_questions.arrived(answer)
            case PastArrived(page=page, info=info):
                self._past.arrived(page, info)
            case StatusArrived():
                self._questions.status_arrived(event.status, event.queues, event.info)
            case GaveUp():
                if not self._logged_in.is_set():
                    self._refusal = self._refusal or event.reason
                    self._logged_in.set()
                if self._done is not None and not self._done.done():
                    self._done.set_result(event.reason)
                self._connection_lost()
            case Disconnected() | Redirected() | ServerQuits():
                self._connection_lost()
            case _:
                pass
        try:
            self._on_event(event)
        except Exception:
            # What the machine wants next must be carried out all the same.
            log.exception("the application failed to take %s", type(event).__name__)

    def _connection_lost(self) -> None:
        self._questions.connection_lost()
        self._operator_questions.connection_lost()
        self._past.connection_lost()

    def _set_timer(self, at: float | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if at is not None and self._loop is not None:
            self._timer = self._loop.call_at(at, self._woke)

    def _woke(self) -> None:
        self._timer = None
        self._machine.woke(self._now())
        self._work()

    def _disconnect(self) -> None:
        if self._connecting is not None:
            self._connecting.cancel()
            self._connecting = None
        if self._wire is not None:
            self._wire.finish()
            self._wire = None

    def _connect(self, address: Address | None, abroad: bool) -> None:
        self._disconnect()
        self._connecting = asyncio.create_task(self._open(address, abroad), name=f"connect to {address or 'home'}")

    async def _open(self, address: Address | None, abroad: bool) -> None:
        loop = asyncio.get_running_loop()
        wire = LineConnection(self)
        try:
            if address is None:
                if self._home is None:
                    raise OSError("there is no server in this process")
                await loop.create_connection(lambda: wire, sock=self._home_socket())
            else:
                if self._home is not None and self._trust is None:
                    # Who is at home in this process has not chosen to talk to others in clear.
                    raise OSError("it is not known which network its server would be of")
                if abroad:
                    await check_abroad(address)
                await loop.create_connection(
                    lambda: wire,
                    address.host,
                    address.port,
                    ssl=client_tls() if self._trust is not None else None,
                    server_hostname="" if self._trust is not None else None,
                    happy_eyeballs_delay=HEAD_START,
                    interleave=1,
                )
                if self._trust is not None:
                    self._trust.meet(address, wire.encryption)
        except (OSError, RuntimeError, ValueError) as error:
            self._connecting = None
            wire.abandon()
            self._tell_if_strange(address, error)
            self._machine.connect_failed(explain(error), self._now())
            self._work()
            return
        self._connecting = None
        self._wire = wire
        self._machine.connected(self._now(), near=wire.near)
        self._work()
        wire.go_on()

    def _tell_if_strange(self, address: Address | None, error: Exception) -> None:
        """Tell the application of somebody who listens where a server of the network should."""
        if address is None or self._trust is None or not isinstance(error, OSError):
            return
        if isinstance(error, WrongNetwork) or speaks_no_tls(error):
            self._tell(StrangeServer(address, self._trust.fingerprint, getattr(error, "shown", None)))

    def _home_socket(self) -> socket.socket:
        assert self._home is not None
        try:
            return self._home()
        except Exception as error:
            # Whatever the caller's way of saying so: there is no server in this process now.
            raise OSError(str(error) or "there is no server in this process") from error

    def received(self, wire: LineConnection, line: bytes) -> None:
        """A line arrived on a connection."""
        if wire is not self._wire:
            return
        try:
            message = decode(line)
        except MalformedLine as error:
            self._machine.malformed(str(error), self._now())
        else:
            self._machine.received(message, self._now())
        self._work()

    def nonsense(self, wire: LineConnection, info: str) -> None:
        """What arrived cannot be cut into lines."""
        if wire is self._wire:
            self._machine.malformed(info, self._now())
            self._work()

    def ended(self, wire: LineConnection, reason: str) -> None:
        """A connection has ended by itself."""
        if wire is self._wire:
            self._wire = None
            self._machine.lost(reason, self._now())
            self._work()
