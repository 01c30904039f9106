"""Who is let in when there are many."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import asyncssh
import pytest

from tests.ssh.conftest import SECRET, serving
from tui.ssh.door import Door
from tui.ssh.ssh_settings import SSHSettings


@dataclass(eq=False)
class Caller:
    share: str


class Street:
    """A door, and those that it has cut."""

    def __init__(self, drawn: float = 0.0, **limits: int) -> None:
        self.cut: list[Caller] = []
        self.door: Door[Caller] = Door(
            SSHSettings("", 0, Path(), **limits),  # type: ignore[arg-type]
            self.cut.append,
            drawn=lambda: drawn,
        )

    def come(self, share: str, count: int = 1) -> list[Caller]:
        """So many come; those that are let in."""
        callers = [Caller(share) for _ in range(count)]
        return [caller for caller in callers if self.door.admit(caller)]

    def log_in(self, caller: Caller, *, anonymous: bool = False) -> None:
        self.door.came_in(caller, anonymous=anonymous)


def test_below_the_start_nobody_is_cut() -> None:
    street = Street(unauthenticated_start=10)
    assert len(street.come("a", 10)) == 10
    assert not street.cut


def test_above_it_the_likelihood_grows_up_to_the_full_number() -> None:
    door = Street(unauthenticated_start=10, unauthenticated_rate=30, unauthenticated_max=110).door
    assert [round(door._likelihood(count), 2) for count in (9, 10, 60, 109, 110, 500)] == [0, 0.3, 0.65, 0.99, 1, 1]


def test_ten_addresses_that_do_not_log_in_keep_nobody_out_from_elsewhere() -> None:
    street = Street()
    for _ in range(60):
        for number in range(10):
            street.come(f"mallory{number}")
    for number in range(30):
        assert street.come(f"home{number}")
    assert not any(one.share.startswith("home") for one in street.cut)
    left = Counter(share for share, there in street.door._newcomers.items() for _ in there)
    assert sum(left.values()) <= street.door.settings.unauthenticated_max


def test_when_every_address_has_one_any_of_them_may_go() -> None:
    street = Street(unauthenticated_start=20, unauthenticated_max=20)
    let_in = [street.come(f"h{number}") for number in range(400)]
    assert len(street.door) == 20
    assert 100 < sum(map(len, let_in)) <= 400


def test_those_who_have_logged_in_do_not_go_for_those_who_have_not() -> None:
    street = Street(connections_max=10)
    inside = [street.come(f"h{number}")[0] for number in range(10)]
    for caller in inside:
        street.log_in(caller)
    assert not street.come("late")
    street.door.leave(inside[0])
    assert street.come("late")
    assert not street.cut


def test_a_full_house_takes_the_place_of_one_who_has_not_logged_in() -> None:
    street = Street(connections_max=10)
    for number in range(7):
        street.log_in(street.come(f"h{number}")[0])
    street.come("mallory", 3)
    assert street.come("home")
    assert [one.share for one in street.cut] == ["mallory"]


def test_some_places_are_kept_for_people_with_an_account() -> None:
    street = Street(connections_max=100, connections_per_host_max=1000)
    came = 0
    while street.door.has_room_for_anonymous():
        street.log_in(street.come("mallory")[0], anonymous=True)
        came += 1
    assert came == 80
    assert street.come("mallory")


def test_nothing_is_left_of_those_who_went() -> None:
    street = Street()
    for caller in [one for number in range(100) for one in street.come(f"h{number}", 5)]:
        street.log_in(caller, anonymous=True)
        street.door.leave(caller)
    for caller in list(street.door._all):
        street.door.leave(caller)
    door = street.door
    assert not door._newcomers
    assert not door._anonymous
    assert len(door._of_share) == len(door._waiting) == 0


async def test_hundreds_of_connections_from_ten_addresses_keep_nobody_out(tmp_path: Path) -> None:
    async with serving(tmp_path, unauthenticated_max=20, unauthenticated_start=10) as place:

        async def flood(host: str) -> list[asyncio.StreamWriter]:
            held = []
            for _ in range(20):
                try:
                    _, writer = await asyncio.open_connection("127.0.0.1", place.port, local_addr=(host, 0))
                except OSError:
                    continue
                held.append(writer)
            return held

        held = [one for some in await asyncio.gather(*(flood(f"127.0.1.{n}") for n in range(1, 11))) for one in some]
        for number in range(5):
            async with asyncssh.connect(
                "127.0.0.1",
                place.port,
                username="anonymous",
                known_hosts=None,
                client_keys=None,
                local_addr=(f"127.0.2.{number + 1}", 0),
            ):
                pass
        assert any("have not logged in" in notice.text for notice in place.node.notices)
        for writer in held:
            writer.close()


async def test_anonymous_people_over_ssh_are_told_that_there_is_no_room_and_others_come_in(tmp_path: Path) -> None:
    async with serving(tmp_path, connections_max=5) as place:
        await place.register("grace")
        inside = [await place.connect("anonymous") for _ in range(4)]
        with pytest.raises((asyncssh.PermissionDenied, asyncssh.DisconnectError)):
            await place.connect("anonymous")
        (await place.connect("grace", password=SECRET)).close()
        for one in inside:
            one.close()
