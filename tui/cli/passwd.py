"""`passwd`: another secret for an account, in the whole network."""

from __future__ import annotations

import argparse
import os
import random
from pathlib import Path
from typing import Final

from core.client import ClientEvent, ClientSettings, NetworkTrust, OutcomeUnknown, SecretRefused, make_secret
from core.wire import Address, secret_problem
from tui.cli import values
from tui.cli.chosen_settings import ChosenSettings
from tui.cli.command_client import script_client
from tui.cli.console import ask_secret, say
from tui.cli.inputs import address_of, choices_of, named
from tui.cli.loop import run_until_interrupted
from tui.cli.register import tell
from tui.cli.remembering import Memory, known
from tui.cli.setting_table import CODE_VARIABLE, NEW_SECRET_VARIABLE
from tui.cli.trusting import trust_of
from tui.script.exit_status import CommandFailed, ExitStatus, usage_error
from tui.script.script_grammar import seconds_of

TRIES: Final = 3
"""How often a new secret may be typed in two different ways."""


def run(arguments: argparse.Namespace) -> int:
    address, seconds = address_of(arguments), seconds_of(arguments)
    choices = choices_of(arguments)
    user = named(choices)
    if arguments.code:
        return _by_code(arguments, choices, user, address, seconds)
    present = _present(choices, user, address)
    new, made = _new(arguments.new_secret_file, user)
    if new in present:
        raise usage_error("the new secret is the present one")
    trust = trust_of(choices, address)
    memory = Memory(choices, user, address, wanted=arguments.remember)
    changing = _Changing(user, new, address, trust, seconds, memory)
    try:
        run_until_interrupted(lambda: changing.run(present))
    except BaseException as error:
        if changing.asked and not isinstance(error, SecretRefused):
            say(f"Whether the secret of {user} is changed is not known: keep both. {memory.words()}")
            if made:
                tell(new)
        if isinstance(error, SecretRefused):
            memory.refuse(new)
            raise CommandFailed(ExitStatus.REFUSED, f"the secret of {user} was not changed: {error}") from None
        if isinstance(error, OutcomeUnknown):
            raise CommandFailed(ExitStatus.FAILURE, f"there is no answer to the change: {error}") from None
        raise
    memory.confirm(new)
    say(f"The secret of {user} is changed, in the whole network. {memory.words()}")
    if made:
        tell(new)
    return ExitStatus.DONE


def _by_code(
    arguments: argparse.Namespace, choices: ChosenSettings, user: str, address: Address, seconds: float
) -> int:
    """Set another secret with a one-time code."""
    code = os.environ.get(CODE_VARIABLE) or ask_secret(f"code for {user}: ")
    if not code:
        raise usage_error(f"--code needs the code that an operator has made: {CODE_VARIABLE} gives it")
    new, made = _new(arguments.new_secret_file, user)
    trust = trust_of(choices, address)
    memory = Memory(choices, user, address, wanted=arguments.remember)
    settings = ClientSettings(
        username=user, secret=new, code=code.strip(), follow_redirects=False, reconnect=False, history=0
    )

    async def redeem() -> None:
        async with script_client(settings, address, _ignore, trust) as client:
            memory.expect(new)
            await client.wait_logged_in(seconds)

    try:
        run_until_interrupted(redeem)
    except CommandFailed as failed:
        if failed.status is ExitStatus.REFUSED:
            memory.refuse(new)
            raise
        say(f"Whether the secret of {user} is changed is not known. {memory.words()}")
        if made:
            tell(new)
        raise
    memory.confirm(new)
    say(f"The secret of {user} is changed, in the whole network. {memory.words()}")
    if made:
        tell(new)
    return ExitStatus.DONE


def _present(choices: ChosenSettings, user: str, address: Address) -> tuple[str, ...]:
    """What may be the present secret: what is given, else what is remembered, else what is typed."""
    given = choices.secret("user_secret")
    if given:
        return (given,)
    found = known(choices, user, address)
    if found is not None and found.account.secrets:
        return found.account.secrets
    typed = ask_secret(f"present secret of {user}: ")
    if not typed:
        raise usage_error(
            f"changing the secret of {user} needs the present one",
            hint="ACTIVITY_TUI_USER_SECRET or --user-secret-file gives it.",
        )
    return (typed,)


def _new(file: str | None, user: str) -> tuple[str, bool]:
    """The new secret, and whether it was made."""
    variable = os.environ.get(NEW_SECRET_VARIABLE)
    if file is not None and variable:
        raise usage_error(f"--new-secret-file and {NEW_SECRET_VARIABLE} both name a new secret: give only one of them")
    try:
        if file is not None:
            return values.read_secret_file(values.path(file) if file else Path()), False
        if variable:
            return values.secret(variable), False
    except ValueError as error:
        raise usage_error(f"{NEW_SECRET_VARIABLE if file is None else '--new-secret-file'}: {error}") from None
    for _ in range(TRIES):
        typed = ask_secret(f"new secret of {user} (leave empty: one is made): ")
        if not typed:
            return make_secret(random.SystemRandom()), True
        problem = secret_problem(typed)
        if problem is not None:
            say(f"{problem}; once more")
        elif ask_secret("the new one again: ") == typed:
            return typed, False
        else:
            say("the two differ; once more")
    raise usage_error("the new secret was typed differently each time")


class _Changing:
    """One change, and how far it came."""

    def __init__(
        self, user: str, new: str, address: Address, trust: NetworkTrust | None, seconds: float, memory: Memory
    ) -> None:
        self._user, self._new, self._address, self._trust, self._seconds = user, new, address, trust, seconds
        self._memory = memory
        self.asked = False
        """Whether the network may have been asked."""

    async def run(self, present: tuple[str, ...]) -> None:
        """Log in with whichever of some secrets is right, and change it."""
        for number, secret in enumerate(present, 1):
            settings = ClientSettings(username=self._user, secret=secret, follow_redirects=False, history=0)
            async with script_client(settings, self._address, _ignore, self._trust) as client:
                try:
                    await client.wait_logged_in(self._seconds)
                except CommandFailed as failed:
                    if failed.status is ExitStatus.REFUSED and number < len(present):
                        continue
                    raise
                self._memory.confirm(secret)
                self._memory.expect(self._new)
                self.asked = True
                await client.client.change_secret(self._new)
                return


def _ignore(event: ClientEvent) -> None:
    """Nothing else concerns this command."""
