"""`events` over SSH: what happened in the network, as the server has noted it, but for what only its owner may read."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from core.stories import public
from tui.script.exit_status import ExitStatus, usage_error
from tui.ssh.commands.command_channel import CommandChannel
from tui.ssh.remote_people.remote_user import RemoteUser
from tui.text import quantities

if TYPE_CHECKING:
    from tui.ssh.ssh_server import SSHServer

USAGE = "events [--json] [--since DURATION]"


async def events(rest: str, io: CommandChannel, server: SSHServer, remote_user: RemoteUser) -> int:
    """Print the incidents, the oldest first; the exit status. Raises CommandFailed."""
    words = iter(rest.split())
    wants_json, span = False, None
    for word in words:
        name, equals, value = word.partition("=")
        if name == "--json" and not equals:
            wants_json = True
        elif name == "--since":
            try:
                span = quantities.duration(value if equals else next(words, ""))
            except ValueError as error:
                raise usage_error(f"--since: {error}") from None
        else:
            raise usage_error(f"it is used as: {USAGE}")
    now = server.wall()
    # That takes some hundredths of a second, in which the loop is others'.
    lines = [public(line) for line in server.node.lines]

    def told() -> list[str]:
        # A server notes lines, and loads what tells stories once somebody asks for them.
        from tui.text.story_text import as_json, report, stories_since

        incidents = stories_since(lines, None if span is None else now - span)
        return list(as_json(incidents, now) if wants_json else report(incidents, now, None))

    for text in await asyncio.to_thread(told):
        await io.put(text)
    return ExitStatus.DONE
