"""`keys` and `passwd` over SSH: what opens an account, in the whole network."""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections.abc import AsyncGenerator
from typing import TYPE_CHECKING, Final

import asyncssh

from core.client import OutcomeUnknown, SecretRefused, make_secret
from core.wire import CLIENT_LINE_BYTES_MAX, SECRET_CHARACTERS_MAX, secret_problem
from tui.script.exit_status import CommandFailed, ExitStatus, usage_error
from tui.script.script_commands import unquoted
from tui.ssh.algorithms import key_weakness
from tui.ssh.commands.command_channel import CommandChannel
from tui.ssh.commands.local_client import client_of
from tui.ssh.remote_people.keyring import CannotChangeKeys
from tui.ssh.remote_people.public_keys import key_of
from tui.ssh.remote_people.remote_user import RemoteUser
from tui.text.safe_text import neutralise

if TYPE_CHECKING:
    from tui.ssh.ssh_server import SSHServer

ANSWER_LIMIT: Final = 15.0
"""Seconds that a login may take."""
TYPING_LIMIT: Final = 300.0
"""Seconds that a person may take over a line."""
SECRET_BYTES_MAX: Final = 4 * SECRET_CHARACTERS_MAX

# --- keys -------------------------------------------------------------------------------------------------------------


async def keys(line: str, io: CommandChannel, server: SSHServer, remote_user: RemoteUser) -> int:
    if remote_user.claim is None:
        raise CommandFailed(ExitStatus.REFUSED, "keys belong to accounts; anonymous people have none")
    action, _, which = line.strip().partition(" ")
    which = unquoted(which)
    if action in ("", "list") and not which:
        for place, key in enumerate(server.keyring.keys(remote_user.claim), 1):
            day = time.strftime("%Y-%m-%d", time.gmtime(key.added_at))
            await io.put(f"{place}  {key.fingerprint}  {day}  {key.comment}".rstrip())
        return ExitStatus.DONE
    if action == "add":
        return await _add_key(which, io, server, remote_user)
    if action == "remove" and which:
        # It may be the key that this very session was opened with.
        io.finishing = True
        try:
            removed = await server.keyring.remove(remote_user.claim, which)
        except CannotChangeKeys as error:
            raise CommandFailed(ExitStatus.FAILURE, str(error)) from None
        if removed is None:
            raise CommandFailed(ExitStatus.FAILURE, f"no key of yours is {neutralise(which, 80)!r}; `keys` lists them")
        await io.put(f"removed {removed.fingerprint}")
        return ExitStatus.DONE
    raise usage_error("keys [list], keys add [KEY], keys remove WHICH")


async def _add_key(text: str, io: CommandChannel, server: SSHServer, remote_user: RemoteUser) -> int:
    key = remote_user.key
    if text == "-":
        text = ""
        async for line in io.lines(CLIENT_LINE_BYTES_MAX):
            text = line.decode("utf-8", "replace").strip()
            if text:
                break
        if not text:
            raise usage_error("standard input has no public key")
    if text:
        try:
            given = asyncssh.import_public_key(text)
        except (asyncssh.KeyImportError, ValueError) as error:
            raise usage_error(f"that is no public key: {error}") from None
        if (weakness := key_weakness(given)) is not None:
            raise usage_error(f"that key cannot be bound: {weakness}; `ssh-keygen -t ed25519` makes one that will do")
        key = key_of(given)
    if key is None:
        raise usage_error("you came in with a secret: give the public key to bind")
    try:
        new = await server.keyring.bind(remote_user.claim or "", key)
    except CannotChangeKeys as error:
        raise CommandFailed(ExitStatus.FAILURE, str(error)) from None
    await io.put(f"{'bound' if new else 'known already'} {key.fingerprint}")
    return ExitStatus.DONE


# --- passwd -----------------------------------------------------------------------------------------------------------


async def passwd(line: str, io: CommandChannel, server: SSHServer, remote_user: RemoteUser) -> int:
    if line.strip():
        raise usage_error("passwd takes nothing on its line, where others may see it: it asks for secrets")
    if remote_user.claim is None:
        raise CommandFailed(ExitStatus.REFUSED, "secrets belong to accounts; anonymous people have none")
    present, new = await _secrets(io)
    name = server.node.account_name(remote_user.claim) or remote_user.name
    opened = await server.account_opened(io.host, name, present)
    if opened is None or opened.claim != remote_user.claim:
        raise CommandFailed(ExitStatus.REFUSED, "the present secret is not right; nothing was changed")
    made = new or make_secret(random.SystemRandom())
    # The present secret may be what this very session was opened with.
    io.finishing = True
    unknown: str | None = None
    async with client_of(remote_user, server, io, lambda event: None) as client:
        await client.wait_logged_in(ANSWER_LIMIT)
        try:
            await client.client.change_secret(made, present)
        except SecretRefused as error:
            raise CommandFailed(
                ExitStatus.REFUSED, f"the secret was not changed: {neutralise(str(error), 200)}"
            ) from None
        except OutcomeUnknown as error:
            unknown = f"nobody can tell whether the secret is changed: {error}. Keep both."
    io.say(unknown or "the secret is changed, in the whole network.")
    if not new:
        io.say("This one was made for you. It is kept nowhere here: note it.")
        await io.put(made)
    return ExitStatus.FAILURE if unknown else ExitStatus.DONE


async def _secrets(io: CommandChannel) -> tuple[str, str]:
    """The present secret and the new one, which is empty where one is to be made."""
    if not io.interactive:
        io.say("give the present secret on the first line, and the new one on the second; without that, one is made")
    io.hide(True)
    try:
        async with contextlib.aclosing(io.lines(SECRET_BYTES_MAX)) as lines:
            present = await _typed(io, lines, "present secret: ")
            if not present:
                raise usage_error("the present secret is needed; nothing was changed")
            new = await _typed(io, lines, "new secret (leave empty: one is made): ")
            if new and io.interactive and await _typed(io, lines, "the new one again: ") != new:
                raise usage_error("the two differ; nothing was changed")
    finally:
        io.hide(False)
    problem = secret_problem(new) if new else None
    if problem is not None:
        raise usage_error(f"{problem}; nothing was changed")
    return present, new


async def _typed(io: CommandChannel, lines: AsyncGenerator[bytes, None], question: str) -> str:
    io.prompt(question)
    try:
        async with asyncio.timeout(TYPING_LIMIT):
            line = await anext(lines, b"")
        return line.decode().removesuffix("\r")
    except TimeoutError:
        raise usage_error("nothing was typed for a long time; nothing was changed") from None
    except UnicodeDecodeError:
        raise usage_error("a secret is text in UTF-8; nothing was changed") from None
