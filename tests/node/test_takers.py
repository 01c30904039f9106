"""Methods that say which message they take."""

from __future__ import annotations

import pytest

from core.node.kernel.rules import Handler
from core.node.kernel.takers import takers_of, takes


class Room:
    def __init__(self) -> None:
        self.taken: list[tuple[object, object]] = []

    @takes(Handler.QUIT)
    def quit(self, connection: object, message: object) -> None:
        self.taken.append((connection, message))

    @takes(Handler.HELLO)
    def hello(self, connection: object, message: object) -> None:
        self.taken.append((connection, message))

    def other(self, connection: object, message: object) -> None:
        self.taken.append((connection, message))


def test_the_methods_that_say_so_take_messages_for_the_part_that_they_belong_to() -> None:
    one, other = Room(), Room()
    takers = takers_of(one)
    assert takers.keys() == {Handler.QUIT, Handler.HELLO}
    takers[Handler.QUIT]("conn", "message")
    assert (one.taken, other.taken) == ([("conn", "message")], [])


def test_a_method_that_takes_a_message_is_still_a_method() -> None:
    room = Room()
    room.quit("conn", "message")
    assert room.taken == [("conn", "message")]


def test_two_parts_cannot_take_the_same() -> None:
    with pytest.raises(ValueError, match="QUIT"):
        takers_of(Room(), Room())


def test_two_methods_of_one_part_cannot_take_the_same() -> None:
    with pytest.raises((ValueError, RuntimeError)) as caught:

        class Twice:
            @takes(Handler.QUIT)
            def one(self, connection: object, message: object) -> None: ...

            @takes(Handler.QUIT)
            def other(self, connection: object, message: object) -> None: ...

    assert "QUIT" in str(caught.value) + str(caught.value.__cause__)


def test_parts_that_take_nothing_take_nothing() -> None:
    assert takers_of(object()) == {}
