"""`tail`: the feed as lines, for people and for pipes."""

from __future__ import annotations

import argparse
import asyncio
import os
import re
import ssl
import stat
import sys
import time
from typing import Final

from core.client import ActivityArrived, CatchUpDone, ClientEvent, ClientSettings, LoggedIn
from core.wire import Address
from tui.cli.clients import session
from tui.cli.console import put, put_utf8, say
from tui.cli.encryption import client_context, client_tls
from tui.cli.inputs import address_of, choices_of, credentials
from tui.cli.loop import run_until_interrupted
from tui.feed.activities import compact, sentence
from tui.script.exit_status import CommandFailed, ExitStatus, OutputClosed, usage_error
from tui.text import quantities
from tui.text.safe_text import neutralise_name

HISTORY_MAX: Final = 10_000
"""What a server gives at most to one login."""
CONNECT_LIMIT: Final = 15.0
MICROSECONDS: Final = 1_000_000

_CONTROL: Final = re.compile("[\x7f-\x9f\u2028\u2029]")
"""What JSON lets stand in a string, but a terminal or a reader of lines would obey."""


def run(arguments: argparse.Namespace) -> int:
    address = address_of(arguments)
    past = since(arguments.since)
    if not arguments.follow and not past.history:
        raise usage_error("--no-follow shows the past only, and no past was asked for: give --since")
    if arguments.json:
        put_utf8()
    choices = choices_of(arguments)
    who = credentials(choices, address)
    tls = client_context(client_tls(choices))
    settings = ClientSettings(username=who.user, secret=who.secret, history=past.history)
    tail = _Tail(as_json=arguments.json, past=past, follow=arguments.follow, hint=who.hint)
    return run_until_interrupted(lambda: tail.run(settings, address, tls))


class Past:
    """What `--since` asks for: so many activities, or those of the last so many seconds (None: of any age)."""

    def __init__(self, history: int, seconds: float | None = None) -> None:
        self.history = history
        self.seconds = seconds
        self._not_before = 0.0

    def begin(self, stamp: int | None) -> None:
        """Count from now, which is `stamp` by the clock of the server that dates the activities.

        None: it does not tell, and this machine's clock has to do.
        """
        if self.seconds is not None:
            now = stamp if stamp is not None else time.time() * MICROSECONDS
            self._not_before = now - self.seconds * MICROSECONDS

    def includes(self, stamp: int | None) -> bool:
        return stamp is None or stamp >= self._not_before


def since(text: str | None) -> Past:
    """What `--since` asks for: a number counts activities, a number with a unit is a time. Raises CommandFailed."""
    if text is None:
        return Past(0)
    try:
        if text.isascii() and text.isdigit():
            return Past(quantities.count_between(0, HISTORY_MAX)(text))
        return Past(HISTORY_MAX, quantities.duration(text))
    except ValueError as error:
        raise usage_error(f"--since: {error}") from None


class _Tail:
    def __init__(self, *, as_json: bool, past: Past, follow: bool, hint: str) -> None:
        self._as_json = as_json
        self._past = past
        self._follow = follow
        self._hint = hint
        self._caught_up = asyncio.Event()
        self._closed = asyncio.Event()
        self._unwritten: CommandFailed | None = None

    async def run(self, settings: ClientSettings, address: Address, tls: ssl.SSLContext | None) -> int:
        self._watch_output()
        async with session(settings, address, self._on_event, tls, hint=self._hint) as client:
            await client.wait_logged_in(CONNECT_LIMIT)
            await client.until(self._closed if self._follow else self._caught_up, None)
        if self._unwritten is not None:
            raise self._unwritten
        return ExitStatus.DONE

    def _watch_output(self) -> None:
        """Notice that nobody reads any more even while there is nothing to write."""
        try:
            descriptor = sys.stdout.fileno()
            if stat.S_ISFIFO(os.fstat(descriptor).st_mode):
                # The writing end of a pipe becomes readable when the reading end is closed.
                asyncio.get_running_loop().add_reader(descriptor, self._output_closed)
        except (OSError, ValueError):
            pass

    def _output_closed(self) -> None:
        asyncio.get_running_loop().remove_reader(sys.stdout.fileno())
        self._closed.set()

    def _on_event(self, event: ClientEvent) -> None:
        match event:
            case LoggedIn(stamp=stamp):
                self._past.begin(stamp)
            case ActivityArrived(body=body, sender=sender, stamp=stamp, live=live):
                if live or self._past.includes(stamp):
                    self._put(line_of(body, sender, stamp, as_json=self._as_json))
            case CatchUpDone(sent=sent):
                if self._past.seconds is not None and sent >= HISTORY_MAX and not self._caught_up.is_set():
                    say(f"the server gives only its newest {HISTORY_MAX:,} activities")
                self._caught_up.set()

    def _put(self, line: str) -> None:
        if self._closed.is_set():
            return
        try:
            put(line)
        except OutputClosed:
            self._closed.set()
        except CommandFailed as failed:
            self._unwritten = failed
            self._closed.set()


def line_of(body: bytes, sender: str | None, stamp: int | None, *, as_json: bool) -> str:
    """An activity on one line: its JSON as it came, or the time, the sender and its words. Safe for a terminal."""
    if as_json:
        return _CONTROL.sub(lambda match: f"\\u{ord(match[0]):04x}", compact(body))
    words = sentence(body)
    moment = time.strftime("%H:%M:%S", time.localtime(stamp / MICROSECONDS if stamp else None))
    return f"{moment}  {neutralise_name(sender or words.sender or '?')}: {words.text}"
