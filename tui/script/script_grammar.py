"""The grammar of `post`, `tail`, `search` and `status`, the same on the command line and over SSH. Costs little."""

from __future__ import annotations

import argparse
import contextlib
import os
import re
import sys
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Final, NoReturn

from tui.script.exit_status import OutputClosed, usage_error
from tui.text.quantities import duration_between, shown, suggestion

if TYPE_CHECKING:
    from _typeshed import SupportsWrite

    from core.answers import AnswerKind

SECONDS_MAX: Final = 86_400


class HelpFormatter(argparse.HelpFormatter):
    """Fills what is prose to the terminal's width, and leaves what is indented, the examples, as it is."""

    def __init__(self, prog: str) -> None:
        # Not given the width, argparse loads shutil for it, with all that packs and unpacks archives: it makes a
        # formatter for each argument that there may be.
        super().__init__(prog, width=_columns() - 2)

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        import textwrap

        return "\n".join(
            line
            if line.startswith(" ")
            else textwrap.fill(line, width, initial_indent=indent, subsequent_indent=indent)
            for line in text.splitlines()
        )


def _columns() -> int:
    """The terminal's width: what COLUMNS says, else what the terminal does, else 80 (as shutil.get_terminal_size)."""
    with contextlib.suppress(ValueError):
        if (columns := int(os.environ.get("COLUMNS", "0"))) > 0:
            return columns
    with contextlib.suppress(OSError, ValueError, AttributeError):
        return os.get_terminal_size(sys.__stdout__.fileno()).columns or 80  # type: ignore[union-attr]
    return 80


class Parser(argparse.ArgumentParser):
    """Says what was wrong in one line instead of the whole usage, and suggests what may have been meant."""

    gone: ClassVar[Mapping[str, str]] = {}
    """Flags of earlier versions, and what became of them, as a clause."""

    def __init__(self, *, hint: str = "", fill: Callable[[Parser], None] | None = None, **settings: Any) -> None:
        """`hint`: what to do after an error, where it is not the help of the command. `fill` gives it its arguments,
        once they are asked for: of a dozen commands one is called, and all their arguments take longer than the rest of
        a short command does."""
        settings.setdefault("formatter_class", HelpFormatter)
        super().__init__(allow_abbrev=False, **settings)
        self.hint = hint
        self._fill = fill
        self._intermixing = False

    def be_filled(self) -> None:
        fill, self._fill = self._fill, None
        if fill is not None:
            fill(self)

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Let positional arguments stand on both sides of a flag, as in `post HOST -u ada TEXT`.

        argparse itself takes an optional positional argument to be missing when a flag comes before it.
        """
        self.be_filled()
        if self._subparsers is not None or self._intermixing:
            return super().parse_known_args(args, namespace)
        self._intermixing = True
        try:
            return self.parse_known_intermixed_args(args, namespace)
        finally:
            self._intermixing = False

    def format_usage(self) -> str:
        self.be_filled()
        return super().format_usage()

    def format_help(self) -> str:
        self.be_filled()
        return super().format_help()

    def print_help(self, file: SupportsWrite[str] | None = None) -> None:
        """Raises OutputClosed, OSError: argparse itself takes help that cannot be written for written."""
        try:
            (file or sys.stdout).write(self.format_help())
        except BrokenPipeError:
            raise OutputClosed from None

    def error(self, message: str) -> NoReturn:
        """Raise CommandFailed: the command line is wrong."""
        if match := re.match(r"argument (\S+): invalid choice: '(.*?)' \(choose from (.*)\)", message):
            words = re.findall(r"[\w-]+", match[3])
            near = suggestion(match[2], words)
            if match[1] == "COMMAND":
                message = f"there is no command {shown(match[2])}{near}"
            else:
                message = f"{shown(match[2])} is none of {', '.join(words)}{near}"
        elif match := re.match(r"the following arguments are required: (.*)", message):
            message = f"{match[1]} is missing"
        elif match := re.match(r"unrecognized arguments: (.*)", message, re.DOTALL):
            message = self._unrecognized(match[1])
        raise usage_error(message, hint=self.hint or f"`{self.prog} --help` tells what can be said.")

    def _unrecognized(self, words: str) -> str:
        name = words.split()[0].partition("=")[0]
        if name in self.gone:
            return f"{name} {self.gone[name]}"
        known = set(self.flags())
        if name in known:
            return f"{name} does not belong to this command"
        if not name.startswith("--"):
            return f"{shown(words)} is not understood here"
        # Without the dashes, which all flags have in common and which would make any two of them alike.
        near = suggestion(name[2:], (flag[2:] for flag in known), "--")
        return f"{shown(name)} is no option here{near}"

    def flags(self) -> Iterable[str]:
        """All flags of this parser and of the commands below it."""
        self.be_filled()
        for action in self._actions:
            yield from (flag for flag in action.option_strings if flag.startswith("--"))
            if isinstance(action, argparse._SubParsersAction):
                for parser in set(action.choices.values()):
                    yield from parser.flags()


def add_timeout(parser: argparse.ArgumentParser, default: str = "10") -> None:
    parser.add_argument(
        "--timeout", metavar="SECONDS", default=default, help=f"give up after this time (default: {default})"
    )


def add_post(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("text", metavar="TEXT", nargs="*", default=(), help="the note; - for one a line from stdin")
    parser.add_argument(
        "--json", metavar="OBJECT", default=None, help="a JSON object to post as it is; - for one a line from stdin"
    )
    parser.add_argument(
        "--whole", action="store_true", default=False, help="with -: all of stdin is one note, over its lines"
    )
    answers = (
        ("--in-reply-to", "reply to this activity with TEXT"),
        ("--like", "like it; with a TEXT such as 🎉 react in another way"),
        ("--undo", "take a reaction of yours back, by its own reference"),
        ("--edit", "have it, one of yours, say TEXT from now on"),
        ("--remove", "have it, one of yours, be removed"),
    )
    for flag, explained in answers:
        parser.add_argument(flag, metavar="REFERENCE", default=None, help=explained)
    add_timeout(parser)


ANSWERS: Final[Mapping[str, AnswerKind]] = {
    "in_reply_to": "reply", "like": "reaction", "undo": "undo", "edit": "edit", "remove": "removal",
}  # fmt: skip
"""What the flags of `post` make of an activity, by their attributes."""


def add_as_posted(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--as-posted", action="store_true", default=False,
        help="what was posted, also where its sender has edited or removed it since",
    )  # fmt: skip


def add_tail(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--json", action="store_true", default=False,
        help="the objects, each with its reference and its acceptedAt; of the past as they are now, with the times at "
        "which they were edited or removed",
    )  # fmt: skip
    parser.add_argument(
        "--since", metavar="DURATION|N", default=None,
        help="begin with what was posted in that time (10m, 2h, 1d), or with the newest N",
    )  # fmt: skip
    parser.add_argument(
        "--origin", action="store_true", default=False,
        help="also at which server each was accepted, and whether that has signed it; with --json as "
        '{"accepted":{"server","name","entry","signed"},"stamp","acceptedAt","reference","editedAt","removedAt",'
        '"activity"}',
    )  # fmt: skip
    parser.add_argument("--filter", metavar="QUERY", default=None, help="of all these only what matches: see `search`")
    parser.add_argument(
        "--no-follow", dest="follow", action="store_false", default=True, help="end when the past has been shown"
    )
    add_as_posted(parser)


def add_search(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "query", metavar="QUERY", nargs="*", default=(),
        help='what to look for: deploy, depl*, "out of disk", from:NAME, to:NAME, #TAG, type:TYPE, about:REFERENCE, '
        "after:2026-11-01, before:2d, not WORD",
    )  # fmt: skip
    parser.add_argument(
        "--limit", metavar="COUNT", default="100", help="show the newest so many (default: 100); 0 for all"
    )
    parser.add_argument(
        "--json", action="store_true", default=False,
        help='each as {"id","stamp","acceptedAt","reference","editedAt","removedAt","replies","reactions","activity"}, '
        "one a line",
    )  # fmt: skip
    add_as_posted(parser)


def add_status(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", default=False, help="everything, as one JSON object")
    parser.add_argument(
        "--queues", action="store_true", default=False,
        help="also what waits where in that server, for who has the network's secret",
    )  # fmt: skip
    parser.add_argument(
        "--watch", metavar="SECONDS", nargs="?", const="2", default=None,
        help="again and again, so many seconds apart (2, if none are given), until Ctrl+C",
    )  # fmt: skip
    add_timeout(parser)


def add_check(parser: argparse.ArgumentParser) -> None:
    numbers = (
        ("--posts", "COUNT", "200", "activities to post in all"),
        ("--rate", "COUNT", "50", "how many of them a second at most, on average"),
        ("--in-flight", "COUNT", "16", "how many of them at once, not answered yet"),
        ("--size", "BYTES", "0", "how long each is filled up to be"),
        ("--writers", "COUNT", "2", "connections that post"),
        ("--readers", "COUNT", "4", "connections that read, leave, and come back; one more stays"),
        ("--returns", "COUNT", "4", "how often they come back"),
        ("--history", "COUNT", "50", "what a newcomer at each return asks for of the past; 0 for no newcomers"),
    )
    for flag, metavar, default, explained in numbers:
        parser.add_argument(flag, metavar=metavar, default=default, help=f"{explained} (default: {default})")
    parser.add_argument("--json", action="store_true", default=False, help="what was found, as one JSON object")
    parser.add_argument("--dry-run", action="store_true", default=False, help="say what would be posted, and end")
    add_timeout(parser)


def seconds_of(arguments: argparse.Namespace, name: str = "timeout") -> float:
    """`--timeout`, or another flag that is a time. Raises CommandFailed."""
    try:
        return duration_between(0.1, SECONDS_MAX)(getattr(arguments, name))
    except ValueError as error:
        raise usage_error(f"--{name}: {error}") from None
