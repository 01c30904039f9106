"""`register`: a name for somebody new, and a secret that is made for them unless they bring one."""

from __future__ import annotations

import argparse
import asyncio
import random

from core.client import ClientEvent, ClientSettings, NetworkTrust, Registered, RegisterRefused, make_secret
from core.wire import Address, registrable_problem
from tui.cli.command_client import script_client
from tui.cli.console import put, say
from tui.cli.inputs import address_of, choices_of, named
from tui.cli.loop import run_until_interrupted
from tui.cli.remembering import Memory, known
from tui.cli.trusting import trust_of
from tui.script.exit_status import CommandFailed, ExitStatus, OutputClosed, usage_error
from tui.script.script_client import ScriptClient
from tui.script.script_grammar import seconds_of


def run(arguments: argparse.Namespace) -> int:
    address, seconds = address_of(arguments), seconds_of(arguments)
    choices = choices_of(arguments)
    user = named(choices)
    if (problem := registrable_problem(user)) is not None:
        raise usage_error(f"{choices['user'].origin}: {problem}")
    given = choices.secret("user_secret")
    found = known(choices, user, address)
    before = found.account if found is not None else None
    # A registration that was interrupted is taken up with the secret that it began with.
    begun = before.expected if before is not None and before.secret is None and given is None else None
    secret = given or begun or make_secret(random.SystemRandom())
    trust = trust_of(choices, address)
    memory = Memory(choices, user, address, wanted=arguments.remember)
    memory.expect(secret)
    registering = _Registering(user, secret, address, trust, seconds)
    try:
        run_until_interrupted(lambda: registering.run(again=begun is not None))
    except BaseException as error:
        if registering.refused:
            memory.refuse(secret)
        elif registering.asked and given is None:
            say(f"Whether {user} is registered is not known. If it is, it is with this secret. {memory.words()}")
            tell(secret)
        elif not registering.asked:
            memory.refuse(secret)
        if isinstance(error, CommandFailed) and registering.refused:
            raise CommandFailed(ExitStatus.REFUSED, str(error), hint=error.hint) from None
        raise
    memory.confirm(secret)
    say(f"{user} is registered. {memory.words()}")
    if given is None:
        tell(secret)
    return ExitStatus.DONE


def tell(secret: str) -> None:
    """Give out a secret that was made, as data; where nobody takes that, as narration, for it must not be lost."""
    try:
        put(secret)
    except (CommandFailed, OutputClosed):
        say(f"The secret could not be written to standard output. It is: {secret}")
        raise


class _Registering:
    """One registration, and how far it came."""

    def __init__(self, user: str, secret: str, address: Address, trust: NetworkTrust | None, seconds: float) -> None:
        self._user, self._secret, self._address, self._trust, self._seconds = user, secret, address, trust, seconds
        self._done = asyncio.Event()
        self.asked = False
        """Whether the network may have been asked."""
        self.refused = False
        self.why = ""

    def _heard(self, event: ClientEvent) -> None:
        match event:
            case Registered():
                self._done.set()
            case RegisterRefused(info=info):
                self.refused = True
                self.why = info
            case _:
                pass

    async def run(self, *, again: bool) -> None:
        settings = ClientSettings(
            username=self._user, secret=self._secret, register=True, reconnect=False, follow_redirects=False
        )
        async with script_client(settings, self._address, self._heard, self._trust) as client:
            self.asked = True
            try:
                await self._registered(client)
            except CommandFailed as failed:
                self.asked = client.connected
                if not self.refused:
                    raise
                sentence = f"{self._user} was not registered: {self.why}"
                if not again:
                    raise CommandFailed(ExitStatus.REFUSED, sentence, hint=failed.hint) from None
        if self.refused:
            # Perhaps it was oneself, before the connection broke: a login tells.
            async with script_client(
                ClientSettings(username=self._user, secret=self._secret), self._address, self._heard, self._trust
            ) as client:
                await client.wait_logged_in(self._seconds)
            self.refused = False

    async def _registered(self, client: ScriptClient) -> None:
        if not await client.until(self._done, self._seconds):
            raise client.unreachable(f"no answer within {self._seconds:g} seconds")
