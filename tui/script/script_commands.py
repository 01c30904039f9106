"""`post`, `tail`, `search` and `status`, understood: from the command line, or from a line that no shell has read.

Each is imported when it is called: a script pays at each start for what the other two would load.
"""

from __future__ import annotations

import argparse
import re
import shlex
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final, Protocol

from tui.script.exit_status import ExitStatus, usage_error
from tui.script.script_client import ConnectClient
from tui.script.script_grammar import ANSWERS, Parser, add_post, add_search, add_status, add_tail, seconds_of
from tui.script.streams import Streams
from tui.text.quantities import count_between
from tui.text.safe_text import neutralise

if TYPE_CHECKING:
    from core.query import Query
    from tui.script.post_command import PostCommand
    from tui.script.search_command import SearchCommand
    from tui.script.status_command import StatusCommand
    from tui.script.tail_command import TailCommand


class ScriptCommand(Protocol):
    """A command that was understood."""

    @property
    def history(self) -> int:
        """How many of the newest activities its client asks for."""
        ...

    @property
    def stays(self) -> bool:
        """Whether its client goes on at another server, when it is sent there or the connection breaks."""
        ...

    async def run(self, connect: ConnectClient, streams: Streams) -> ExitStatus:
        """Run it to its exit status. Raises CommandFailed, OutputClosed."""
        ...


def post_command(arguments: argparse.Namespace) -> PostCommand:
    """Raises CommandFailed if there is nothing that can be posted."""
    from tui.script.post_command import PostCommand, encode

    # Words that a shell has parted are one text again, as `echo` and `ssh` have it.
    text, given = " ".join(arguments.text) if arguments.text else None, arguments.json
    said = [name for name in ANSWERS if getattr(arguments, name) is not None]
    if said:
        return _answer_command(arguments, said, text)
    if text is None and not given:
        raise usage_error(
            "there is nothing to post; give what to post: a TEXT, --json OBJECT, or - for one a line from standard "
            "input"
        )
    if text not in (None, "-") and given is not None:
        raise usage_error("give a TEXT or --json OBJECT, not both")
    as_json, seconds = given is not None, seconds_of(arguments)
    if "-" in (text, given):
        return PostCommand(None, as_json, seconds, whole=arguments.whole)
    if arguments.whole:
        raise usage_error("--whole is about standard input: give - with it")
    try:
        return PostCommand(encode(given if as_json else text or "", as_json=as_json), as_json, seconds)
    except ValueError as error:
        raise usage_error(str(error)) from None


def _answer_command(arguments: argparse.Namespace, said: list[str], text: str | None) -> PostCommand:
    """`post` with one of the flags that name another activity. Raises CommandFailed."""
    from tui.script.post_command import PostCommand, answer_to, claim_of, encode_answer

    flags = [f"--{name.replace('_', '-')}" for name in said]
    if len(flags) > 1:
        raise usage_error(f"{flags[0]} and {flags[1]} are two things: post them one after the other")
    if arguments.json is not None:
        raise usage_error(f"{flags[0]} makes the object that is posted; give it a TEXT, or --json OBJECT without it")
    kind, seconds = ANSWERS[said[0]], seconds_of(arguments)
    if kind in ("undo", "removal") and text is not None:
        raise usage_error(f"{flags[0]} takes no TEXT")
    if text is None and kind in ("reply", "edit"):
        raise usage_error(f"{flags[0]} needs a TEXT: what is to be said")
    if text == "-" and kind != "reply":
        raise usage_error(f"{flags[0]} takes no lines of standard input; a TEXT has to stand behind it")
    try:
        about = answer_to(getattr(arguments, said[0]))
    except ValueError as error:
        raise usage_error(f"{flags[0]}: {error}") from None
    if text == "-":
        return PostCommand(None, False, seconds, in_reply_to=about, whole=arguments.whole)
    claim = None if kind in ("reply", "reaction") else claim_of(about)
    if claim == "":
        raise usage_error(
            f"{flags[0]}: {about} is nobody's: only what has a reference with its account in it, "
            "activity:CLAIM/REF, can be changed"
        )
    try:
        return PostCommand(encode_answer(kind, about, text or ""), False, seconds, claim=claim)
    except ValueError as error:
        raise usage_error(str(error)) from None


def tail_command(arguments: argparse.Namespace) -> TailCommand:
    """Raises CommandFailed."""
    from tui.script.tail_command import TailCommand, since

    backlog = since(arguments.since)
    if not arguments.follow and not backlog.history:
        raise usage_error("--no-follow shows the past only, and no past was asked for: give --since")
    query = query_of(arguments.filter or "")
    return TailCommand(
        *(backlog, arguments.json, arguments.follow, arguments.origin, query), as_posted=arguments.as_posted
    )


def query_of(text: str) -> Query:
    """A query, its dates in this machine's zone. Raises CommandFailed."""
    from core.query import QueryError, parse

    try:
        return parse(text, now=time.time())
    except QueryError as error:
        raise usage_error(str(error), hint=f"  {neutralise(text, 200)}\n  {' ' * min(error.at, 200)}^") from None


def search_command(arguments: argparse.Namespace) -> SearchCommand:
    """Raises CommandFailed."""
    from tui.script.search_command import SearchCommand

    text = " ".join(arguments.query)
    query = query_of(text)
    if not query:
        raise usage_error("there is nothing to look for; say what: a word, from:NAME, #TAG, after:2d")
    try:
        limit = count_between(0, LIMIT_MAX)(arguments.limit)
    except ValueError as error:
        raise usage_error(f"--limit: {error}") from None
    return SearchCommand(query, arguments.json, limit, as_posted=arguments.as_posted)


def status_command(arguments: argparse.Namespace) -> StatusCommand:
    """Raises CommandFailed."""
    from tui.script.status_command import StatusCommand

    secret = getattr(arguments, "network_secret", None)
    if arguments.queues and secret is None:
        raise usage_error(
            "--queues needs the network's secret",
            hint="`activity-tui status --queues` finds it on the machine where the server runs, in the usual data"
            " directory; --data-dir DIR names another one, and elsewhere --secret-file FILE gives it.",
        )
    every = None if arguments.watch is None else seconds_of(arguments, "watch")
    return StatusCommand(arguments.json, seconds_of(arguments), secret if arguments.queues else None, every)


LIMIT_MAX: Final = 1_000_000_000

_Grammar = tuple[Callable[[argparse.ArgumentParser], None], Callable[[argparse.Namespace], ScriptCommand]]

COMMANDS: Final[Mapping[str, _Grammar]] = {
    "post": (add_post, post_command),
    "tail": (add_tail, tail_command),
    "search": (add_search, search_command),
    "status": (add_status, status_command),
}


def command_of(name: str, arguments: argparse.Namespace) -> ScriptCommand:
    """One of `COMMANDS`, from its arguments. Raises CommandFailed."""
    return COMMANDS[name][1](arguments)


# --- a line that no shell has read ------------------------------------------------------------------------------------


def read_line(name: str, rest: str, hint: str) -> ScriptCommand:
    """One of `COMMANDS`, from what follows its name on a line; `hint` says what to do when that is wrong.

    Raises CommandFailed.
    """
    parser = Parser(prog=name, add_help=False, hint=hint)
    COMMANDS[name][0](parser)
    words = _words_of_post(parser, rest) if name == "post" else split(rest)
    if name == "search":
        words = _words_of_search(rest)
    return command_of(name, parser.parse_args(words))


def split(line: str) -> list[str]:
    """The words of a line as a shell would see them; where its quotes do not close, as blanks part them."""
    try:
        return shlex.split(line)
    except ValueError:
        return line.split()


def unquoted(rest: str) -> str:
    """The rest of a line, without the quotes that all of it may still be in."""
    rest = rest.strip()
    return words[0] if rest[:1] in ("'", '"') and len(words := split(rest)) == 1 else rest


def _words_of_post(parser: Parser, rest: str) -> list[str]:
    """What follows the word `post`, as a shell would have handed it over.

    The person's own shell has taken its quotes away, and no other shell comes after it: the text or object, which comes
    last, is taken as it stands, unless all of it is in quotes still.
    """
    words: list[str] = []
    flags = set(parser.flags())
    while match := re.match(r"\s*(--[^\s=]*)(=?)", rest):
        flag, rest = match[1], rest[match.end() :]
        if flag == "--":
            break
        if flag not in flags:
            parser.error(f"unrecognized arguments: {flag}")
        if flag == "--whole":
            words.append(flag)
            continue
        if flag == "--json":
            return [*words, f"--json={unquoted(rest)}"]
        value, _, rest = rest.strip().partition(" ")
        words.append(f"{flag}={value}")
    text = unquoted(rest)
    return [*words, "--", text] if rest.strip() else words


def _words_of_search(rest: str) -> list[str]:
    """What follows the word `search`: a query is taken as it stands, quotes included, behind the flags before it."""
    words: list[str] = []
    while match := re.match(r"\s*(--json|--as-posted)(?=\s|$)|\s*(--limit)(?:=|\s+)(\S+)", rest):
        words += [match[1]] if match[1] else [f"{match[2]}={match[3]}"]
        rest = rest[match.end() :]
    if re.match(r"\s*--\S", rest):
        # No flag: the parser says so.
        return [*words, *split(rest)]
    query = re.sub(r"^\s*--\s", "", rest).strip()
    # With a blank in it, it is no flag, whatever it begins with.
    return [*words, f" {query}"] if query else words
