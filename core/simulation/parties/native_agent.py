"""A person with a client of ours: the real client machine, carried out in virtual time."""

from __future__ import annotations

from typing import Final

from msgspec.structs import replace

from core.client import client_events as events
from core.client.client_settings import ClientSettings
from core.client.machine import ClientMachine
from core.client.outputs import Connect, Disconnect, SendMessage, SetTimer, Tell
from core.client.resume_point import ResumePoint
from core.simulation.environment.connection_ends import End
from core.simulation.environment.environment import Environment
from core.simulation.environment.randomness import between, pick, seeded
from core.simulation.environment.simulated_network import DialFailure
from core.simulation.ledger import Ledger
from core.simulation.parties.agent import Agent, Hearsay
from core.simulation.parties.conversation import Conversation, Members
from core.wire.address import Address
from core.wire.codec import Frame
from core.wire.entries import parse_entry_id
from core.wire.messages import Message
from core.wire.names import ANONYMOUS

DOCUMENT_INTERVAL: Final = 2.0
"""How often an account may change its document, in seconds."""
SETTINGS: Final = ClientSettings(
    ping_interval=2.0, answer_limit=12.0, retry_max=4.0, document_interval=DOCUMENT_INTERVAL
)
"""Quicker than the defaults: worlds last for a minute."""
TERSE: Final = 60
"""Bytes that the logins of some clients say of what they have: nearly always that is more, and they are asked."""
LIVENESS_AFTER: Final = 2.75
"""What a server has to believe of clients that are so quick, in seconds."""
CUT_OFF_SECONDS: Final = 5.0
"""For how long somebody whose way to a server has broken cannot go back there."""
CLOCK_SPREAD: Final = 2.0
"""Seconds by which people's clocks are wrong at most."""
ASK_AGAIN: Final = 3.0
"""Seconds after which somebody who knows only servers that have left asks around for others."""


class NativeAgent(Agent):
    """Somebody who uses this project's client."""

    native = True

    def __init__(
        self,
        environment: Environment,
        ledger: Ledger,
        hearsay: Hearsay,
        name: str,
        *,
        registers: bool,
        username: str | None = None,
    ) -> None:
        super().__init__(environment, ledger, hearsay, name, registers=registers, username=username)
        self._machine: ClientMachine | None = None
        rng = seeded(environment.seed, "have", name)
        self._have_bytes = rng.choice((TERSE, SETTINGS.have_bytes))
        self._range_items = rng.choice((2, 5, SETTINGS.range_items))
        self._wall_ahead = between(rng, -CLOCK_SPREAD, CLOCK_SPREAD)
        self._attempt = 0
        self._wake_at: float | None = None
        self._numbers: dict[str, int] = {}
        """Refs of posts without an outcome, and the numbers of their activities."""
        self._resume: ResumePoint | None = None
        self._moving_to: Address | None = None
        self.conversation = Conversation()
        self._changes = 0
        self._documents = 0
        self._asked_for: str | None = None
        """A secret that was asked for and has no outcome yet."""
        self._at: Address | None = None
        """Where the client was connected last."""
        self._cut_off: Address | None = None
        """A server that the client does not reach for a while, until this time."""
        self._cut_off_until = 0.0

    # --- what the person does -----------------------------------------------------------------------------------------

    def arrive(self, address: Address) -> None:
        if not self.wanted and not self.gave_up:
            self.wanted = True
            if self._machine is None:
                self._open(address)

    def move(self, address: Address) -> None:
        """The way to the server breaks, so that the client goes on elsewhere; or the person ends the client and opens
        another one there."""
        if not self.wanted or self._machine is None:
            return
        if self.rng.random() < 0.6 and self.end is not None:
            self._cut_off, self._cut_off_until = self._at, self._now + CUT_OFF_SECONDS
            self.end.abort("moving")
        else:
            self._moving_to = address
            self._close_client()

    def leave(self) -> None:
        if self.wanted:
            self.wanted = False
            self.ledger.left(self)
            self._close_client()

    def post(self) -> None:
        machine = self._machine
        if machine is None or not self.wanted:
            return
        number = self.next_number()
        ref = self.ref(number)
        self._numbers[ref] = number
        machine.post(self.body(number), ref, self._now)
        self._perform()

    def body(self, number: int) -> Members:
        return {**super().body(number), **self.conversation.members(number)}

    def answer(self, kind: str, which: float) -> None:
        """Write something about another activity; `which`, from 0 to 1, says about what of all that is known."""
        if self._machine is not None and self.wanted and self.conversation.answer(self.posts + 1, kind, which):
            self.post()

    def change_secret(self) -> None:
        machine = self._machine
        if machine is None or not self.logged_in:
            return
        self._changes += 1
        new = f"{self.secret}, changed {self._changes} times"
        if machine.change_secret(new) is None:
            self._asked_for = new
        self._perform()

    def may_have_by_code(self, secret: str, *, certain: bool, server: Address) -> None:
        """By a code for who has lost theirs the account has another secret, or may have. A client that is not in would
        try the one before several times more: whoever has set it opens another one, at that server."""
        self._may_have(secret, first=certain)
        if certain and self.wanted and self._machine is not None and not self.logged_in:
            self._moving_to = server
            self._close_client()

    def write_document(self) -> None:
        """Have the account get another document."""
        machine = self._machine
        if machine is None or not self.wanted or self.username == ANONYMOUS:
            return
        self._documents += 1
        machine.keep_document({"by": self.name, "n": self._documents, "pad": "x" * pick(self.rng, 300)}, self._now)
        self._perform()

    def _other_secret(self) -> None:
        """The one that was thought to be right is not: perhaps the one before, or the one after, is."""
        self.secrets.append(self.secrets.pop(0))

    def _may_have(self, secret: str, *, first: bool) -> None:
        others = [one for one in self.secrets if one != secret]
        self.secrets = [secret, *others] if first else [*others, secret]

    @property
    def tried(self) -> str:
        machine = self._machine
        return self.secrets[0] if machine is None or machine.secret is None else machine.secret

    # --- the machine --------------------------------------------------------------------------------------------------

    def _open(self, address: Address) -> None:
        self.line += 1
        self.ledger.new_client(self)
        # A person asks around for servers of the network, and is told none that has left.
        others = [one for one in self.hearsay.staying() if one != address]
        named = self.username != "anonymous"
        settings = replace(
            SETTINGS,
            username=self.username,
            secret=self.secrets[0] if named else None,
            register=not self.registered,
            resume=self._resume,
            have_bytes=self._have_bytes,
            range_items=self._range_items,
        )
        rng = seeded(self.environment.seed, "client", self.name, self.line)
        known = [address, *others[:3]]
        wall_ahead = self.environment.schedule.epoch + self._wall_ahead
        machine = self._machine = ClientMachine(settings, known, rng, wall_ahead=wall_ahead)
        self.environment.schedule.after(ASK_AGAIN, lambda: self._ask_again(machine, known))
        machine.start(self._now)
        self._perform()

    def _ask_again(self, machine: ClientMachine, known: list[Address]) -> None:
        """No client finds a network of which it knows only servers that have left for good: who was sent away by the
        last of them opens it again once there is another. Where any server that was named is to come back, the client
        has to find it by itself."""
        if self._machine is not machine or not self.wanted:
            return
        there = self.hearsay.staying()
        if self.logged_in or not there or any(address in there for address in known):
            self.environment.schedule.after(ASK_AGAIN, lambda: self._ask_again(machine, known))
            return
        self._moving_to = there[0]
        self._close_client()

    def _close_client(self) -> None:
        if self._machine is not None:
            self._resume = self._machine.resume_point
            self._machine.close(self._now)
            self._perform()

    @property
    def _now(self) -> float:
        return self.environment.schedule.time

    def _perform(self) -> None:
        machine = self._machine
        if machine is None:
            return
        for output in machine.take_outputs():
            match output:
                case SendMessage():
                    if self.end is not None:
                        self.end.send(Frame(output.message))
                case Connect():
                    self._connect(output.address)
                case Disconnect():
                    self._disconnect()
                case SetTimer():
                    self._wake(output.at)
                case Tell():
                    self._told(output.event)

    def _connect(self, address: Address | None) -> None:
        assert address is not None
        machine = self._machine
        self._attempt += 1
        attempt = self._attempt

        def then(outcome: End | DialFailure) -> None:
            if self._machine is not machine or machine is None or self._attempt != attempt:
                if isinstance(outcome, End):
                    outcome.vanish(told=True)
                return
            if isinstance(outcome, DialFailure):
                machine.connect_failed(outcome.reason, self._now)
            else:
                self.end = outcome
                self._at = address
                outcome.party = self
                machine.connected(self._now)
            self._perform()

        if address == self._cut_off and self._now < self._cut_off_until:
            self.environment.schedule.after(0.0, lambda: then(DialFailure("no route to host", refused=False)))
        else:
            self.environment.network.dial(self.host, address, SETTINGS.connect_limit, then)

    def _disconnect(self) -> None:
        self._attempt += 1
        end, self.end = self.end, None
        self.logged_in = False
        if end is not None:
            end.party = None
            end.close("closed")

    def _wake(self, at: float | None) -> None:
        self._wake_at = at
        machine = self._machine
        if at is None or machine is None:
            return

        def woke() -> None:
            if self._machine is machine and self._wake_at == at:
                self._wake_at = None
                machine.woke(self._now)
                self._perform()

        self.environment.schedule.at(at, woke)

    def _think_again(self) -> None:
        """Give up on a name that is somebody else's."""
        if self.ledger.is_taken(self):
            self.gave_up = True
            self.wanted = False

    def _finished(self) -> None:
        machine, self._machine = self._machine, None
        self.logged_in = False
        if machine is not None and self._resume is None:
            self._resume = machine.resume_point
        address, self._moving_to = self._moving_to, None
        if self.wanted and not self.gave_up:
            # A person whose client gave up opens it again.
            self.environment.schedule.after(0.5, lambda: self._reopen(address or self.some_server()))

    def _reopen(self, address: Address) -> None:
        if self.wanted and self._machine is None and not self.gave_up:
            self._open(address)

    # --- what arrives -------------------------------------------------------------------------------------------------

    def received(self, conn: int, message: Message) -> None:
        if self.end is not None and self.end.conn == conn and self._machine is not None:
            self._machine.received(message, self._now)
            self._perform()

    def garbled(self, conn: int, info: str) -> None:
        self.ledger.problem("protocol", f"{self.name} was sent what is no message: {info}")

    def closed(self, conn: int, reason: str) -> None:
        if self.end is not None and self.end.conn == conn:
            self.end = None
            self.logged_in = False
            if self._machine is not None:
                self._machine.lost(reason, self._now)
                self._perform()

    def _told(self, event: events.ClientEvent) -> None:
        ledger = self.ledger
        match event:
            case events.ActivityArrived():
                self.conversation.arrived(event)
                ledger.delivered(self, event.body)
            case events.PostAccepted():
                number = self._numbers.pop(event.ref, None)
                if number is not None:
                    self.conversation.accepted(number, event)
                if number is not None and event.id is not None:
                    ledger.acknowledged(self, number, parse_entry_id(event.id))
            case events.PostRefused():
                number = self._numbers.pop(event.ref, None)
                if number is not None:
                    ledger.refused(self, number, event.info)
            case events.PostUnknown():
                number = self._numbers.pop(event.ref, None)
                if number is not None:
                    ledger.outcome_unknown(self, number)
            case events.LoggedIn():
                self.logged_in = True
                ledger.logged_in(self, event.username)
                if self._machine is not None and self.end is not None:
                    ledger.logged_in_with(self, self._machine.secret, self.end.peer)
            case events.Disconnected():
                self.logged_in = False
                if "secret of this account was changed" in event.reason and len(self.secrets) > 1:
                    self._other_secret()
                    self._moving_to = self.some_server()
                    self.environment.schedule.after(0.0, self._close_client)
            case events.SecretChangeDone():
                self._may_have(event.secret, first=True)
                self._asked_for = None
                ledger.secret_acknowledged(self, event.secret)
            case events.SecretChangeUnknown():
                if self._asked_for is not None:
                    self._may_have(self._asked_for, first=False)
                self._asked_for = None
            case events.SecretChangeFailed():
                self._asked_for = None
            case events.DocumentSaved():
                ledger.document_acknowledged(self, event.document, event.stamp)
            case events.DocumentArrived():
                if event.document is not None:
                    ledger.document_told(self, event.document)
            case events.DocumentRefused():
                ledger.problem("documents", f"{self.name}'s document was refused: {event.info}")
            case events.Redirected():
                self.logged_in = False
                ledger.redirected(self)
            case events.ServerQuits():
                self.logged_in = False
            case events.Registered():
                self.registered = True
                ledger.registered(self)
            case events.Renamed():
                ledger.renamed(self, event.renamed)
            case events.RegisterRefused():
                # Perhaps an earlier client of the same person had registered it and never heard of that.
                self.registered = True
                self._think_again()
            case events.LoginRefused():
                self.registered = ledger.was_registered(self)
                self._other_secret()
                self._think_again()
            case events.GaveUp():
                self._finished()
            case _:
                pass
