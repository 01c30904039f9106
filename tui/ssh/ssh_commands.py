"""Commands over SSH: the same words, output and exit statuses as on the command line, without a terminal."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import re
import shlex
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import asyncssh
import msgspec

from core.client import (
    ActivityArrived,
    CatchUpDone,
    Client,
    ClientEvent,
    ClientSettings,
    GaveUp,
    LoggedIn,
    OutcomeUnknown,
    PostAccepted,
    PostRefused,
    PostUnknown,
    SecretRefused,
    ServerQuits,
    make_secret,
)
from core.node import NodeSnapshot
from core.wire import ANONYMOUS, CLIENT_LINE_BYTES_MAX, SECRET_CHARACTERS_MAX, secret_problem
from tui.cli.post import encode
from tui.cli.status import table
from tui.cli.tail import HISTORY_MAX, line_of, since
from tui.script.exit_status import ExitStatus
from tui.ssh.command_channel import Closed, CommandChannel
from tui.ssh.keyring import CannotChangeKeys
from tui.ssh.posting_rate import posting
from tui.ssh.public_keys import key_of
from tui.text.safe_text import neutralise

if TYPE_CHECKING:
    from tui.ssh.remote_user import RemoteUser
    from tui.ssh.ssh_server import SSHServer

ANSWER_LIMIT: Final = 15.0
TYPING_LIMIT: Final = 300.0
SECRET_BYTES_MAX: Final = 4 * SECRET_CHARACTERS_MAX
LINES_WAITING_MAX: Final = 1000

HELP: Final = """\
ssh HOST                      open the application (needs a terminal)
ssh -t HOST feed QUERY        open it with the feed filtered: words, from:NAME, type:TYPE
ssh HOST post TEXT            post a note
ssh HOST post --json OBJECT   post an activity as it stands
ssh HOST post [--json] -      post each line of standard input
ssh HOST tail [--json] [--since DURATION|N] [--no-follow]
                              the feed, an activity a line
ssh HOST status [--json]      servers, loads, connections, users
ssh HOST keys                 the keys that open your account, in the whole network
ssh HOST keys add [KEY|-]     bind the key that you came in with, or another public key
ssh HOST keys remove WHICH    by its number in the list, its fingerprint or its comment
ssh -t HOST passwd            change your account's secret, in the whole network
                              (without -t: the present one and the new one on standard input, a line each)
ssh HOST help                 this page

Exit statuses: 0 done, 1 failure, 2 usage, 3 unreachable, 4 refused, 130 interrupted."""


class _Failed(Exception):
    def __init__(self, status: ExitStatus, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status


def split(command: str) -> list[str]:
    """The words of a command as a shell would see them."""
    try:
        return shlex.split(command)
    except ValueError:
        return command.split()


async def run(line: str, io: CommandChannel, server: SSHServer, remote_user: RemoteUser) -> int:
    """Run a command line that is not empty; its exit status."""
    name, _, rest = line.strip().partition(" ")
    commands: dict[str, Callable[[str, CommandChannel, SSHServer, RemoteUser], Awaitable[int]]] = {
        "post": _post,
        "tail": _tail,
        "status": _status,
        "keys": _keys,
        "passwd": _passwd,
        "help": _help,
    }
    command = commands.get(name)
    try:
        if command is None:
            needs = " needs a terminal: ssh -t" if name == "feed" else " is no command here"
            raise _Failed(ExitStatus.USAGE, f"{neutralise(name, 40)!r}{needs}; `help` tells what there is")
        if remote_user.newcomer and name != "help":
            raise _Failed(
                ExitStatus.REFUSED,
                f"nobody is registered as {neutralise(remote_user.name, 64)!r}; "
                "come with a terminal to register the name",
            )
        return await command(rest, io, server, remote_user)
    except _Failed as failed:
        io.say(str(failed))
        return failed.status
    except Closed:
        return ExitStatus.DONE if io.had_enough else ExitStatus.INTERRUPTED


async def _help(rest: str, io: CommandChannel, server: SSHServer, remote_user: RemoteUser) -> int:
    for line in HELP.splitlines():
        await io.put(line)
    return ExitStatus.DONE


def _flags(words: list[str], known: tuple[str, ...]) -> tuple[set[str], list[str]]:
    flags = {word for word in words if word in known}
    rest = [word for word in words if word not in known]
    for word in rest:
        if word.startswith("--"):
            raise _Failed(ExitStatus.USAGE, f"{neutralise(word, 40)} is no option here; `help` tells what there is")
    return flags, rest


# --- the client -------------------------------------------------------------------------------------------------------


@dataclass
class _Running:
    client: Client
    over: asyncio.Event = field(default_factory=asyncio.Event)
    logged_in: asyncio.Event = field(default_factory=asyncio.Event)
    reason: str = ""
    way_on: str = ""
    """Where to go on when the server leaves; a sentence."""


@contextlib.asynccontextmanager
async def _client(
    server: SSHServer,
    remote_user: RemoteUser,
    io: CommandChannel,
    on_event: Callable[[ClientEvent], None],
    history: int = 0,
) -> AsyncIterator[_Running]:
    """The person's client on the node of this process, logged in."""

    def heard(event: ClientEvent) -> None:
        if isinstance(event, LoggedIn):
            running.logged_in.set()
        elif isinstance(event, ServerQuits) and event.address is not None:
            running.way_on = server.way_on(event.address, name or remote_user.name)
        elif isinstance(event, GaveUp):
            running.reason = event.reason
            running.over.set()
        on_event(event)

    name = server.node.account_name(remote_user.claim) if remote_user.claim is not None else ANONYMOUS
    settings = ClientSettings(
        username=name or remote_user.name, history=history, reconnect=False, follow_redirects=False
    )
    client = Client(settings, (), heard, home=lambda: server.node.connect_local(name))
    running = _Running(client)
    task = asyncio.create_task(client.run())
    task.add_done_callback(lambda _: running.over.set())
    try:
        if not await _first(running.logged_in, running.over, io.stopped, limit=ANSWER_LIMIT):
            reason = neutralise(running.reason, 200) or "no answer"
            raise _Failed(ExitStatus.REFUSED, f"the login did not succeed: {reason}")
        yield running
    finally:
        await client.close()
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError, Exception):
            await task


async def _first(wanted: asyncio.Event, *others: asyncio.Event, limit: float | None) -> bool:
    """Wait for the first of some events; whether it was the one that was wanted."""
    waits = [asyncio.ensure_future(event.wait()) for event in (wanted, *others)]
    try:
        await asyncio.wait(waits, timeout=limit, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()
    return wanted.is_set()


# --- post -------------------------------------------------------------------------------------------------------------


def unquoted(rest: str) -> str:
    """The rest of a line, without the quotes that all of it may still be in."""
    rest = rest.strip()
    return words[0] if rest[:1] in ("'", '"') and len(words := split(rest)) == 1 else rest


def what_to_post(rest: str) -> tuple[str, bool]:
    """What follows the word `post`: the text, and whether it is JSON.

    The person's own shell has taken its quotes away, and no other shell comes after it: the text is taken as it stands,
    unless all of it is in quotes still.
    """
    rest = rest.strip()
    as_json = re.match(r"--json(?=\s|$)", rest) is not None
    if as_json:
        rest = rest.removeprefix("--json").strip()
    if match := re.match(r"--(\s|$)", rest):
        rest = rest[match.end() :].strip()
    elif rest.startswith("--"):
        option = neutralise(rest.split()[0], 40)
        raise _Failed(
            ExitStatus.USAGE, f"{option} is no option here; `help` tells what there is, `post -- TEXT` posts it"
        )
    return unquoted(rest), as_json


async def _post(line: str, io: CommandChannel, server: SSHServer, remote_user: RemoteUser) -> int:
    text, as_json = what_to_post(line)
    if not text:
        raise _Failed(ExitStatus.USAGE, "there is nothing to post: give a text, or - for standard input")
    fates: dict[str, asyncio.Future[str]] = {}

    def heard(event: ClientEvent) -> None:
        match event:
            case PostAccepted(ref=ref, id=identity):
                fate = f"accepted {identity or ''}".rstrip()
            case PostRefused(ref=ref, info=info):
                fate = f"refused {neutralise(info)}"
            case PostUnknown(ref=ref):
                fate = "unknown the connection was lost before an answer came"
            case _:
                return
        future = fates.get(ref)
        if future is not None and not future.done():
            future.set_result(fate)

    async def one(running: _Running, text: str) -> str:
        try:
            ref = running.client.post(encode(text, as_json=as_json))
        except ValueError as error:
            return f"refused {error}"
        future = fates[ref] = asyncio.get_running_loop().create_future()
        try:
            return await asyncio.wait_for(future, ANSWER_LIMIT)
        except TimeoutError:
            return f"unknown no answer within {ANSWER_LIMIT:g} seconds"
        finally:
            del fates[ref]

    worst = ExitStatus.DONE
    rate = posting(server.settings.message_rate, time.monotonic())
    async with _client(server, remote_user, io, heard) as running:
        if text == "-":
            async for entry in io.lines(CLIENT_LINE_BYTES_MAX):
                if entry.strip():
                    while wait := rate.take(time.monotonic()):  # noqa: ASYNC110 - the event is the time itself
                        await asyncio.sleep(wait)
                    worst = max(worst, await _told(io, await one(running, entry.decode("utf-8", "replace"))))
        else:
            worst = await _told(io, await one(running, text))
    return worst


async def _told(io: CommandChannel, fate: str) -> ExitStatus:
    await io.put(fate)
    kind = fate.partition(" ")[0]
    return {"accepted": ExitStatus.DONE, "refused": ExitStatus.REFUSED}.get(kind, ExitStatus.FAILURE)


# --- tail, status -----------------------------------------------------------------------------------------------------


async def _tail(rest_of_line: str, io: CommandChannel, server: SSHServer, remote_user: RemoteUser) -> int:
    words = split(rest_of_line)
    span: str | None = None
    words = [part for word in words for part in (word.split("=", 1) if word.startswith("--since=") else [word])]
    if "--since" in words:
        place = words.index("--since")
        if place + 1 >= len(words):
            raise _Failed(ExitStatus.USAGE, "--since needs a duration (2h) or a number of activities")
        span = words[place + 1]
        words = words[:place] + words[place + 2 :]
    flags, rest = _flags(words, ("--json", "--no-follow"))
    if rest:
        raise _Failed(ExitStatus.USAGE, f"tail takes no {neutralise(rest[0], 40)!r}")
    try:
        past = since(span)
    except Exception as error:
        raise _Failed(ExitStatus.USAGE, str(error)) from None
    lines: asyncio.Queue[str | None] = asyncio.Queue(LINES_WAITING_MAX + HISTORY_MAX)
    too_slow = asyncio.Event()

    def heard(event: ClientEvent) -> None:
        match event:
            case LoggedIn(stamp=stamp):
                past.begin(stamp)
            case ActivityArrived(body=body, sender=sender, stamp=stamp, live=live):
                if live or past.includes(stamp):
                    with contextlib.suppress(asyncio.QueueFull):
                        lines.put_nowait(line_of(body, sender, stamp, as_json="--json" in flags))
                        return
                    too_slow.set()
            case CatchUpDone() if "--no-follow" in flags:
                with contextlib.suppress(asyncio.QueueFull):
                    lines.put_nowait(None)
            case _:
                pass

    async with _client(server, remote_user, io, heard, past.history) as running:
        while True:
            waiting = asyncio.ensure_future(lines.get())
            stops = [asyncio.ensure_future(event.wait()) for event in (io.stopped, running.over, too_slow)]
            try:
                await asyncio.wait([waiting, *stops], return_when=asyncio.FIRST_COMPLETED)
            finally:
                for stop in stops:
                    stop.cancel()
                if not waiting.done():
                    waiting.cancel()
            if too_slow.is_set():
                raise _Failed(ExitStatus.FAILURE, "the feed is read too slowly; what was missed is in the history")
            if not waiting.done() or waiting.cancelled():
                if io.stopped.is_set():
                    raise Closed
                ended = f"the server ended: {neutralise(running.reason, 200)}"
                left = f"this server has left the network. {running.way_on}"
                raise _Failed(ExitStatus.UNREACHABLE, left if running.way_on else ended)
            line = waiting.result()
            if line is None:
                return ExitStatus.DONE
            await io.put(line)


async def _status(line: str, io: CommandChannel, server: SSHServer, remote_user: RemoteUser) -> int:
    flags, rest = _flags(split(line), ("--json",))
    if rest:
        raise _Failed(ExitStatus.USAGE, f"status takes no {neutralise(rest[0], 40)!r}")
    async with _client(server, remote_user, io, lambda event: None) as running:
        answer: dict[str, Any] = await running.client.request_status()
    if "--json" in flags:
        await io.put(json.dumps(answer, ensure_ascii=True))
    else:
        for line in table(msgspec.convert(answer, NodeSnapshot, strict=False)):
            await io.put(line)
    return ExitStatus.DONE


# --- keys -------------------------------------------------------------------------------------------------------------


async def _keys(line: str, io: CommandChannel, server: SSHServer, remote_user: RemoteUser) -> int:
    if remote_user.claim is None:
        raise _Failed(ExitStatus.REFUSED, "keys belong to accounts; anonymous people have none")
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
            raise _Failed(ExitStatus.FAILURE, str(error)) from None
        if removed is None:
            raise _Failed(ExitStatus.FAILURE, f"no key of yours is {neutralise(which, 80)!r}; `keys` lists them")
        await io.put(f"removed {removed.fingerprint}")
        return ExitStatus.DONE
    raise _Failed(ExitStatus.USAGE, "keys [list], keys add [KEY], keys remove WHICH")


async def _add_key(text: str, io: CommandChannel, server: SSHServer, remote_user: RemoteUser) -> int:
    key = remote_user.key
    if text == "-":
        text = ""
        async for line in io.lines(CLIENT_LINE_BYTES_MAX):
            text = line.decode("utf-8", "replace").strip()
            if text:
                break
        if not text:
            raise _Failed(ExitStatus.USAGE, "standard input has no public key")
    if text:
        try:
            key = key_of(asyncssh.import_public_key(text))
        except (asyncssh.KeyImportError, ValueError) as error:
            raise _Failed(ExitStatus.USAGE, f"that is no public key: {error}") from None
    if key is None:
        raise _Failed(ExitStatus.USAGE, "you came in with a secret: give the public key to bind")
    try:
        new = await server.keyring.bind(remote_user.claim or "", key)
    except CannotChangeKeys as error:
        raise _Failed(ExitStatus.FAILURE, str(error)) from None
    await io.put(f"{'bound' if new else 'known already'} {key.fingerprint}")
    return ExitStatus.DONE


# --- passwd -----------------------------------------------------------------------------------------------------------


async def _passwd(line: str, io: CommandChannel, server: SSHServer, remote_user: RemoteUser) -> int:
    if line.strip():
        raise _Failed(
            ExitStatus.USAGE, "passwd takes nothing on its line, where others may see it: it asks for secrets"
        )
    if remote_user.claim is None:
        raise _Failed(ExitStatus.REFUSED, "secrets belong to accounts; anonymous people have none")
    present, new = await _secrets(io)
    name = server.node.account_name(remote_user.claim) or remote_user.name
    if not await server.check_secret(io.host, name, present):
        raise _Failed(ExitStatus.REFUSED, "the present secret is not right; nothing was changed")
    made = new or make_secret(random.SystemRandom())
    # The present secret may be what this very session was opened with.
    io.finishing = True
    unknown: str | None = None
    async with _client(server, remote_user, io, lambda event: None) as running:
        try:
            await running.client.change_secret(made, present)
        except SecretRefused as error:
            raise _Failed(ExitStatus.REFUSED, f"the secret was not changed: {neutralise(str(error), 200)}") from None
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
                raise _Failed(ExitStatus.USAGE, "the present secret is needed; nothing was changed")
            new = await _typed(io, lines, "new secret (leave empty: one is made): ")
            if new and io.interactive and await _typed(io, lines, "the new one again: ") != new:
                raise _Failed(ExitStatus.USAGE, "the two differ; nothing was changed")
    finally:
        io.hide(False)
    problem = secret_problem(new) if new else None
    if problem is not None:
        raise _Failed(ExitStatus.USAGE, f"{problem}; nothing was changed")
    return present, new


async def _typed(io: CommandChannel, lines: AsyncGenerator[bytes, None], question: str) -> str:
    io.prompt(question)
    try:
        async with asyncio.timeout(TYPING_LIMIT):
            line = await anext(lines, b"")
        return line.decode().removesuffix("\r")
    except TimeoutError:
        raise _Failed(ExitStatus.USAGE, "nothing was typed for a long time; nothing was changed") from None
    except UnicodeDecodeError:
        raise _Failed(ExitStatus.USAGE, "a secret is text in UTF-8; nothing was changed") from None
