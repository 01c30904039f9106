"""Noise: lines that are nearly messages, bytes that are nearly lines, and records that are nearly TLS.

Everything comes from one generator, so a seed says it all.
"""

from __future__ import annotations

import json
import os
import random
import secrets
from collections.abc import Iterable, Sequence
from typing import Any, Final

SEED_VARIABLE: Final = "FUZZ_SEED"


def drawn_seed() -> int:
    """The run's seed: what FUZZ_SEED says, or one that nobody has seen. Workers of the run find the same."""
    return int(os.environ.setdefault(SEED_VARIABLE, str(secrets.randbits(32))))


def generator(*what: object) -> random.Random:
    """The generator of one part of the run."""
    return random.Random(f"{drawn_seed()} {what}")


STRINGS: Final = (
    "", " ", "\0", "a\0b", "\n", "\r\n", "\u2028", "\ud800", "\U0001f600", "x" * 65, "x" * 257, "x" * 5000, "anonymous",
    "ann", "here", "elsewhere", "another", "faithful", "elsewhere.1.1", "here.1.1", "here.1.99999", "9" * 40, "null",
    "..", "%s%n", "\x1b[2J", "$argon2id$v=19$m=65536,t=3,p=4$c2FsdA$aGFzaA", "AAAA", "A" * 43 + "=", "A" * 86 + "==",
    "here.example", "host1.example", "127.0.0.1", "::1", "0.0.0.0", "[::1]:80", "-1", "1e400",
)  # fmt: skip
NUMBERS: Final = (
    0, 1, -1, 2, 255, 256, 65535, 65536, 2**31, 2**32, 2**53 - 1, 2**53, 2**63 - 1, 2**63, 2**64, -(2**63), 10**30, 0.5,
    -0.0, 1e308, 1_700_000_000_000_000,
)  # fmt: skip
RAW: Final = (
    b"NaN", b"Infinity", b"-", b"01", b"1e999999", b"tru", b'"\\ud800"', b'"\\u0000"', b"[" * 300, b"{" * 300,
    b"[" * 120 + b"]" * 120, b'{"a":' * 120 + b"1" + b"}" * 120, b"9" * 2000, b"\xff\xfe", b'"', b"{}", b"[]", b"null",
)  # fmt: skip


class Noise:
    """What is said, made of lines that mean something (`examples`) by a generator."""

    def __init__(self, rng: random.Random, examples: Sequence[bytes]) -> None:
        self.rng = rng
        self._examples = [json.loads(line) for line in examples]
        self._values: dict[str, list[Any]] = {}
        """What stands in the examples under each name: a value that is of the right kind mostly."""
        for example in self._examples:
            for name, value in example.items():
                self._values.setdefault(name, []).append(value)

    def value(self, name: str = "", depth: int = 0) -> Any:
        """A value: one of that name, one of another, or any."""
        rng = self.rng
        match rng.randrange(8):
            case 0 | 1 | 2 if name in self._values:
                return self._nearly(rng.choice(self._values[name]), depth)
            case 3:
                return rng.choice(STRINGS)
            case 4:
                return rng.choice(NUMBERS)
            case 5 if depth < 4:
                return [self.value(name, depth + 1) for _ in range(rng.choice((0, 1, 2, 70)) if depth < 2 else 1)]
            case 6 if depth < 4:
                keys = rng.sample(STRINGS, rng.randrange(3))
                return {key: self.value(name, depth + 1) for key in keys}
            case 7:
                return rng.choice(rng.choice(list(self._values.values())))
            case _:
                return rng.choice((None, True, False, rng.randrange(10), rng.choice(STRINGS)))

    def _nearly(self, value: Any, depth: int) -> Any:
        """The same, or nearly."""
        rng = self.rng
        if rng.random() < 0.3:
            return value
        match value:
            case bool() | None:
                return rng.choice((True, False, None))
            case int():
                return rng.choice((value + 1, value - 1, value * 2, 0, value))
            case str():
                return rng.choice((value, value + "x", value[:-1], value.swapcase(), rng.choice(STRINGS)))
            case list() if value and depth < 4:
                return [self._nearly(each, depth + 1) for each in value] * rng.choice((1, 1, 2, 0))
            case dict() if depth < 4:
                return {name: self._nearly(each, depth + 1) for name, each in value.items()}
            case _:
                return value

    def message(self, commands: Iterable[str] | None = None) -> bytes:
        """A line with a command that exists, and members that nearly do. `commands`: those that it is one of mostly."""
        rng = self.rng
        chosen = [one for one in self._examples if commands is not None and one["command"] in commands]
        changed = rng.choice((0.03, 0.1, 0.35))
        fields = dict(rng.choice(chosen or self._examples))
        for name in list(fields):
            if name != "command" and rng.random() < changed:
                if rng.random() < 0.15:
                    del fields[name]
                else:
                    fields[name] = self.value(name)
        if rng.random() < 0.2:
            name = rng.choice(list(self._values))
            if name != "command":
                fields[name] = self.value(name)
        return json.dumps(fields).encode() + b"\n"

    def line(self, commands: Iterable[str] | None = None) -> bytes:
        """A message, or one of which some bytes are others."""
        rng, made = self.rng, self.message(commands)
        if rng.random() < 0.8:
            return made
        for _ in range(rng.choice((1, 1, 2, 10))):
            made = self._torn(made)
        return made.replace(b"\n", b" ") + b"\n"

    def _torn(self, made: bytes) -> bytes:
        rng = self.rng
        at = rng.randrange(len(made) + 1)
        match rng.randrange(6):
            case 0:
                return made[:at] + rng.randbytes(rng.choice((1, 2, 40))) + made[at:]
            case 1:
                return made[:at] + made[at + rng.choice((1, 2, 40)) :]
            case 2:
                return made[:at] + made[at : at + 20] * rng.choice((2, 3, 50)) + made[at + 20 :]
            case 3:
                return made[:at]
            case 4:
                return made[:at] + rng.choice(RAW) + made[at:]
            case _:
                return made[:at] + bytes([rng.randrange(256)]) + made[at + 1 :]

    def lines(self, commands: Iterable[str] | None = None) -> bytes:
        """Some lines, the last of which may have no end, or what has nothing to do with lines."""
        rng = self.rng
        match rng.randrange(10):
            case 0:
                return rng.randbytes(rng.choice((1, 5, 300, 5000)))
            case 1:
                return rng.choice(
                    (b"\n" * 500, b"\r\n\r\n", b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"SSH-2.0-x\r\n", b"\0" * 99)
                )
            case _:
                said = b"".join(self.line(commands) for _ in range(rng.randrange(1, 12)))
                return said if rng.random() < 0.9 else said[: rng.randrange(len(said))]
