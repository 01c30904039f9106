"""A person with a client of ours: the real client machine, carried out in virtual time."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

import msgspec

from core.client import actions, events
from core.client.errors import PostQueueFull
from core.client.machine import ClientMachine
from core.client.settings import ClientSettings
from core.simulation.agents import Agent
from core.simulation.network import End, Failure
from core.simulation.schedule import seeded
from core.wire.address import Address
from core.wire.entries import parse_entry_id
from core.wire.messages import Message

if TYPE_CHECKING:
    from core.simulation.world import World

SETTINGS: Final = ClientSettings(ping_interval=2.0, answer_limit=12.0, retry_max=4.0)
"""Quicker than the defaults: worlds last for a minute."""


class NativeAgent(Agent):
    """Somebody who uses this project's client."""

    native = True

    def __init__(self, world: World, name: str, *, registers: bool, username: str | None = None) -> None:
        super().__init__(world, name, registers=registers, username=username)
        self._machine: ClientMachine | None = None
        self._conn = -1
        self._wake_at: float | None = None
        self._numbers: dict[str, int] = {}
        """Refs of posts without an outcome, and the numbers of their activities."""
        self._seen: dict[str, int] | None = None
        self._moving_to: Address | None = None

    # --- what the person does -----------------------------------------------------------------------------------------

    def arrive(self, address: Address) -> None:
        if not self.wanted and not self.gave_up:
            self.wanted = True
            if self._machine is None:
                self._open(address)

    def move(self, address: Address) -> None:
        """The connection breaks, or the person ends the client in good order and opens another one elsewhere."""
        if not self.wanted or self._machine is None:
            return
        if self.rng.random() < 0.6 and self.end is not None:
            self.end.abort("moving")
        else:
            self._moving_to = address
            self._perform(self._machine.close(self._now))

    def leave(self) -> None:
        if self.wanted:
            self.wanted = False
            self.world.ledger.left(self)
            if self._machine is not None:
                self._perform(self._machine.close(self._now))

    def post(self) -> None:
        machine = self._machine
        if machine is None or self._moving_to is not None or not self.wanted:
            return
        number = self.next_number()
        body = msgspec.json.encode(self.body(number))
        try:
            ref, wanted = machine.post(body, None, self._now)
        except PostQueueFull:
            return
        self._numbers[ref] = number
        self._perform(wanted)

    # --- the machine --------------------------------------------------------------------------------------------------

    def _open(self, address: Address) -> None:
        self.line += 1
        self.world.ledger.new_client(self)
        addresses = [address, *(one for one in self.world.addresses if one != address)]
        named = self.username != "anonymous"
        self._machine = ClientMachine(
            replace(
                SETTINGS,
                username=self.username,
                secret=self.secret if named else None,
                register=not self.registered,
                seen=self._seen,
            ),
            seeded(self.world.seed, "client", self.name, self.line),
            addresses[:4],
        )
        self._perform(self._machine.start(self._now))

    @property
    def _now(self) -> float:
        return self.world.schedule.time

    def _perform(self, wanted: list[actions.Action]) -> None:
        for action in wanted:
            match action:
                case actions.Send():
                    if self.end is not None and action.conn == self._conn:
                        self.end.send(action.frame)
                case actions.Connect():
                    self._connect(action.conn, action.address)
                case actions.Close():
                    self._close(action.conn)
                case actions.WakeAt():
                    self._wake(action.at)
                case actions.Emit():
                    self._told(action.event)
                case actions.Finished():
                    self._finished()
                case actions.AnswerStatus():
                    pass

    def _connect(self, conn: int, address: Address) -> None:
        machine = self._machine
        self._conn = conn

        def then(outcome: End | Failure) -> None:
            if self._machine is not machine or machine is None or self._conn != conn:
                if isinstance(outcome, End):
                    outcome.vanish(told=True)
            elif isinstance(outcome, Failure):
                self._perform(machine.connect_failed(conn, outcome.reason, self._now))
            else:
                self.end = outcome
                outcome.party = self
                self._perform(machine.connected(conn, self._now))

        self.world.network.dial(self.host, address, SETTINGS.connect_limit, then)

    def _close(self, conn: int) -> None:
        if conn == self._conn:
            self._conn = -1
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
                self._perform(machine.woke(self._now))

        self.world.schedule.at(at, woke)

    def _finished(self) -> None:
        machine, self._machine = self._machine, None
        if machine is not None:
            self._seen = machine.seen(self._now)
        self.logged_in = False
        self._conn = -1
        address, self._moving_to = self._moving_to, None
        if self.wanted and not self.gave_up:
            # A person whose client gave up opens it again.
            self.world.schedule.after(0.5, lambda: self._reopen(address or self.some_server()))

    def _reopen(self, address: Address) -> None:
        if self.wanted and self._machine is None and not self.gave_up:
            self._open(address)

    # --- what arrives -------------------------------------------------------------------------------------------------

    def received(self, conn: int, message: Message) -> None:
        if self.end is not None and self.end.conn == conn and self._machine is not None:
            self._perform(self._machine.received(self._conn, message, self._now))

    def garbled(self, conn: int, info: str) -> None:
        self.world.ledger.problem("protocol", f"{self.name} was sent what is no message: {info}")

    def closed(self, conn: int, reason: str) -> None:
        if self.end is not None and self.end.conn == conn:
            self.end = None
            self.logged_in = False
            if self._machine is not None:
                self._perform(self._machine.lost(self._conn, reason, self._now))

    def _told(self, event: events.ClientEvent) -> None:
        ledger = self.world.ledger
        match event:
            case events.ActivityArrived():
                ledger.delivered(self, event.body)
            case events.ActivityAccepted():
                number = self._numbers.pop(event.ref, None)
                if number is not None:
                    ledger.acknowledged(self, number, parse_entry_id(event.id))
            case events.ActivityRefused():
                number = self._numbers.pop(event.ref, None)
                if number is not None:
                    ledger.refused(self, number, event.info)
            case events.ActivityUnknown():
                self._numbers.pop(event.ref, None)
            case events.LoggedIn():
                self.logged_in = True
                ledger.logged_in(self, event.username)
            case events.Disconnected():
                self.logged_in = False
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
                if ledger.is_taken(self):
                    self.gave_up = True
                    self.wanted = False
            case events.LoginRefused():
                ledger.login_failed(self, event.info)
            case _:
                pass
