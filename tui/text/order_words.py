"""Orders as operators write them: the same words on the command line and behind `/order` in the application."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final, NamedTuple

from tui.text.quantities import duration_between, suggestion

BECAUSE_MAX: Final = 200
FOR_GOOD: Final = frozenset({"undo", "dismiss", "remove", "rekey"})
"""What `undo` does not take back."""
SWITCHES: Final = frozenset({"--keep-activities", "--all-activities", "--keep-key", "--undo-all"})
VALUES: Final = frozenset({"--because", "--since", "--expires", "--for"})
HOLDS: Final = "7d"
"""For how long the secret before another one holds, unless somebody says otherwise."""
HOLDS_SECONDS_MAX: Final = 366 * 86_400
REKEYED: Final = (
    "Servers that were away get the new key when they come back, and our programs follow without a question. OpenSSH"
    " does not: `activity-tui known-hosts HOST` prints the lines that it needs now."
)
STILL_HAS: Final = (
    "The expelled server still has the network's key and secret, and can come again as another one: `rekey`, ordered by"
    " the network's first operator, takes both from it."
)


class OrderVerb(NamedTuple):
    """What an operator may do, and the words that follow it."""

    operands: str
    explained: str
    most: int = 1
    """How many words there may be: a key has blanks in it."""


VERBS: Final[Mapping[str, OrderVerb]] = {
    "silence": OrderVerb("USER", "refuse what somebody posts"),
    "close": OrderVerb("USER", "close an account: nobody logs in with it"),
    "remove": OrderVerb("ACTIVITY-ID", "remove an activity everywhere, for good"),
    "ban": OrderVerb("ADDRESS[/PREFIX]", "refuse connections from an address or a network"),
    "expel": OrderVerb("SERVER", "have a server be part of the network no more"),
    "rekey": OrderVerb("", "give the network another key and another secret, which no expelled server gets", 0),
    "secret": OrderVerb("", "give the network another secret; the one before holds for a time", 0),
    "code": OrderVerb("USER", "make a one-time code by which somebody whose secret is lost sets another"),
    "readmit": OrderVerb("USER", "let an account in that came from an expelled server"),
    "undo": OrderVerb("ID", "undo an order"),
    "appoint": OrderVerb("USER KEY", "make somebody an operator, who signs orders with this public key", 9),
    "dismiss": OrderVerb("USER", "let somebody be an operator no more; what they have ordered stays"),
    "list": OrderVerb("", "tell the orders, and who is an operator", 0),
    "key": OrderVerb("", "tell your public key, for who appoints you", 0),
}


class OrderWords(NamedTuple):
    """An order as it was written."""

    verb: str
    operands: tuple[str, ...] = ()
    because: str = ""
    since: str | None = None
    expires: str = "24h"
    switches: frozenset[str] = frozenset()
    holds: str = HOLDS

    @property
    def target(self) -> str:
        return self.operands[0] if self.operands else ""


def check_words(words: OrderWords) -> None:
    """Raises ValueError with a clause for a person."""
    verb = VERBS.get(words.verb)
    if verb is None:
        near = suggestion(words.verb, VERBS)
        raise ValueError(f"{words.verb!r} is nothing that can be ordered{near}; it is one of: {', '.join(VERBS)}")
    least = len(verb.operands.split())
    if not least <= len(words.operands) <= max(verb.most, least):
        key = "; KEY is what `order HOST key`, or /order key, shows to USER" if words.verb == "appoint" else ""
        raise ValueError(f"{words.verb} needs other words: {words.verb} {verb.operands}".rstrip() + key)
    if len(words.because) > BECAUSE_MAX:
        raise ValueError(f"--because has at most {BECAUSE_MAX} characters: everybody whom it concerns is told")
    if words.verb == "expel":
        since_of(words.since)
        activities_of(words)
    if words.verb == "secret":
        until_of(words.holds, 0.0)


def until_of(text: str, now: float) -> int:
    """Up to when a secret holds that another one follows at a time in seconds since 1970, in microseconds since then.
    Raises ValueError."""
    try:
        seconds = 0.0 if text == "0" else duration_between(60, HOLDS_SECONDS_MAX)(text)
    except ValueError as error:
        raise ValueError(f"--for: {error}; 0 is not at all") from None
    return int((now + seconds) * 1_000_000)


def since_of(text: str | None) -> int:
    """A date in this machine's time zone, as microseconds since 1970. Raises ValueError."""
    if text is None:
        raise ValueError("expel needs --since DATE: from when on what came from the server is not trusted; 0 for all")
    if text == "0":
        return 0
    try:
        return max(0, int(datetime.fromisoformat(text).astimezone().timestamp() * 1_000_000))
    except (ValueError, OverflowError, OSError):
        raise ValueError(f"--since: {text!r} is no date: write 2026-11-20, or '2026-11-20 14:30'") from None


def activities_of(words: OrderWords) -> str:
    """What an expulsion says of the server's activities. Raises ValueError."""
    if words.switches >= {"--keep-activities", "--all-activities"}:
        raise ValueError("--keep-activities and --all-activities say two things: give only one of them")
    if "--keep-activities" in words.switches:
        return "keep"
    return "all" if "--all-activities" in words.switches else "since"


def parse_order(text: str) -> OrderWords:
    """Read a line. Raises ValueError with a clause for a person."""
    try:
        left = shlex.split(text)
    except ValueError:
        raise ValueError("there is a quotation mark without its partner") from None
    operands: list[str] = []
    switches: set[str] = set()
    values: dict[str, str] = {}
    while left:
        word = left.pop(0)
        flag, equals, value = word.partition("=")
        if not word.startswith("--"):
            operands.append(word)
        elif word in SWITCHES:
            switches.add(word)
        elif flag not in VALUES:
            near = suggestion(flag[2:], (one[2:] for one in VALUES | SWITCHES), "--")
            raise ValueError(f"{flag} is no option here{near}")
        elif equals or left:
            values[flag] = value if equals else left.pop(0)
        else:
            raise ValueError(f"{flag} needs a value behind it")
    if not operands:
        raise ValueError(f"what is to be ordered? One of: {', '.join(VERBS)}")
    words = OrderWords(
        operands[0],
        tuple(operands[1:]),
        values.get("--because", ""),
        values.get("--since"),
        values.get("--expires", "24h"),
        frozenset(switches),
        values.get("--for", HOLDS),
    )
    check_words(words)
    return words


def order_line(verb: str, target: str, *more: str) -> str:
    """A line that can be read again."""
    return " ".join(("/order", verb, shlex.quote(target), *more))


def named_operands(words: Sequence[str]) -> str:
    """The words behind the first, as one text: a key."""
    return " ".join(words[1:])
