"""Why nobody can be reached, in words that a person understands."""

from __future__ import annotations

import asyncio
import errno
import socket

import pytest

from core.client.reaching import Unreachable, explain, reach
from core.wire.address import Address


def unreachable(number: int) -> OSError:
    """What asyncio raises for one address."""
    return OSError(number, "Connect call failed ('192.0.2.77', 9)")


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.EHOSTUNREACH, "no route to host"),
        (errno.ENETUNREACH, "network is unreachable"),
        (errno.ETIMEDOUT, "connection timed out"),
        (errno.ECONNREFUSED, "nobody listens there"),
    ],
)
def test_the_system_s_words_are_told_and_not_the_program_s_own_call(number, words):
    assert explain(unreachable(number)) == words


async def several(monkeypatch, *numbers: int) -> str:
    """Why a name cannot be reached of whose addresses each fails in its own way, as asyncio tells it."""
    loop = asyncio.get_running_loop()
    fail = iter(numbers)

    async def names(*_: object, **__: object) -> list[object]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (f"127.0.0.{n}", 9)) for n, _ in enumerate(numbers, 1)]

    async def connect(*_: object) -> None:
        raise unreachable(next(fail))

    monkeypatch.setattr(loop, "getaddrinfo", names)
    monkeypatch.setattr(loop, "sock_connect", connect)
    with pytest.raises(Unreachable) as why:
        await reach(Address("several.example", 9), 5)
    return str(why.value)


async def test_a_name_of_which_no_address_answers_is_explained_in_one_clause(monkeypatch):
    assert await several(monkeypatch, errno.ECONNREFUSED, errno.ECONNREFUSED) == "nobody listens there"
    monkeypatch.undo()
    assert await several(monkeypatch, errno.ECONNREFUSED, errno.EHOSTUNREACH) == "no route to host"
