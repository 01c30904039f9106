"""Commands over SSH: those of the command line, with its words and exit statuses, and those of its server alone."""

from __future__ import annotations

import textwrap
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Final

from tui.script.exit_status import CommandFailed, ExitStatus, OutputClosed, explained, usage_error
from tui.script.script_client import OnEvent, ScriptClient
from tui.script.script_commands import COMMANDS, read_line
from tui.ssh.commands.account_commands import keys, passwd
from tui.ssh.commands.command_channel import CommandChannel
from tui.ssh.commands.events_over_ssh import events
from tui.ssh.commands.local_client import client_of
from tui.ssh.remote_people.remote_user import RemoteUser
from tui.text.safe_text import neutralise

if TYPE_CHECKING:
    from contextlib import AbstractAsyncContextManager

    from tui.ssh.ssh_server import SSHServer

_STATUSES: Final = (
    ExitStatus.DONE,
    ExitStatus.FAILURE,
    ExitStatus.USAGE,
    ExitStatus.UNREACHABLE,
    ExitStatus.REFUSED,
    ExitStatus.NOT_FOUND,
    ExitStatus.INTERRUPTED,
)
HINT: Final = "`help` tells what there is."
POST_HINT: Final = "`help` tells what there is; `post -- TEXT` posts a text that begins with dashes."

HELP: Final = f"""\
ssh HOST                      open the application (needs a terminal)
ssh -t HOST feed QUERY        open it with the feed filtered
ssh HOST post [--timeout SECONDS] TEXT
                              post a note
ssh HOST post --json OBJECT   post an activity as it stands
ssh HOST post --in-reply-to REFERENCE TEXT
                              reply; --like, --edit TEXT, --remove and --undo alike
ssh HOST post [--json] -      post each line of standard input
ssh HOST tail [--json] [--since DURATION|N] [--filter QUERY] [--no-follow]
                              the feed, an activity a line
ssh HOST search [--json] [--limit COUNT] QUERY
                              what matches in all of the past, the newest first
ssh HOST status [--json] [--timeout SECONDS]
                              servers, loads, connections, users
ssh HOST events [--json] [--since DURATION]
                              what happened in the network, each with its cause and its verdict
ssh HOST keys                 the keys that open your account, in the whole network
ssh HOST keys add [KEY|-]     bind the key that you came in with, or another public key
ssh HOST keys remove WHICH    by its number in the list, its fingerprint or its comment
ssh -t HOST passwd            change your account's secret, in the whole network
                              (without -t: the present one and the new one on standard input, a line each)
ssh HOST help                 this page

{textwrap.fill(f"Exit statuses: {explained(_STATUSES)}.", 90)}"""


async def run(line: str, io: CommandChannel, server: SSHServer, remote_user: RemoteUser) -> int:
    """Run a command line that is not empty; its exit status."""
    name, _, rest = line.strip().partition(" ")
    try:
        return await _run(name, rest, io, server, remote_user)
    except CommandFailed as failed:
        io.say(str(failed))
        if failed.hint:
            io.say(failed.hint)
        return failed.status
    except OutputClosed:
        return ExitStatus.DONE if io.had_enough else ExitStatus.INTERRUPTED


async def _run(name: str, rest: str, io: CommandChannel, server: SSHServer, remote_user: RemoteUser) -> int:
    if name not in COMMANDS and name not in _OVER_SSH and name != "help":
        needs = " needs a terminal: ssh -t" if name == "feed" else " is no command here"
        raise usage_error(f"{neutralise(name, 40)!r}{needs}; `help` tells what there is")
    if name == "help":
        for each in HELP.splitlines():
            await io.put(each)
        return ExitStatus.DONE
    if remote_user.newcomer:
        who = neutralise(remote_user.name, 64)
        raise CommandFailed(
            ExitStatus.REFUSED, f"nobody is registered as {who!r}; come with a terminal to register the name"
        )
    if name in _OVER_SSH:
        return await _OVER_SSH[name](rest, io, server, remote_user)
    command = read_line(name, rest, POST_HINT if name == "post" else HINT)

    def connect(on_event: OnEvent) -> AbstractAsyncContextManager[ScriptClient]:
        return client_of(remote_user, server, io, on_event, command.history)

    return await command.run(connect, io)


_CommandOverSSH = Callable[[str, CommandChannel, "SSHServer", RemoteUser], Awaitable[int]]
_OVER_SSH: Final[Mapping[str, _CommandOverSSH]] = {"keys": keys, "passwd": passwd, "events": events}
