"""Somebody who guesses, from one address, is one line of the events, with how often and when it was the last time."""

from __future__ import annotations

import pytest

from core.node import Notice
from tests.tui.driving import lines_of, ready, settled
from tests.tui.fakes import World
from tui.model.refusals import KINDS_MAX, PAUSE

WRONG = "a login from {} was refused: the name and the secret do not match"


def refused(world: World, text: str, seconds: float = 1.0) -> None:
    world.model.noticed(Notice(world.time, "refused", text, "warning"))
    world.time += seconds


def said(world: World) -> list[str]:
    """The lines, with how often each was."""
    model = world.model
    first = model.notices_seen - len(model.notices)
    return [
        notice.text + (f" x{found.often}" if (found := model.refusals.repeats(first + index)) is not None else "")
        for index, notice in enumerate(model.notices)
    ]


@pytest.mark.parametrize("host", ["203.0.113.7", "[2001:db8::7]", "[fe80::1%eth0]"])
def test_refusals_from_one_address_are_one_line_whatever_the_port(host: str) -> None:
    world = World()
    for port in range(40_000, 40_037):
        refused(world, WRONG.format(f"{host}:{port}"))
    assert said(world) == [WRONG.format(host) + " x37"]
    assert world.model.notices_seen == 1


def test_a_single_refusal_is_told_as_it_is_with_its_port() -> None:
    world = World()
    refused(world, WRONG.format("203.0.113.7:40000"))
    assert said(world) == [WRONG.format("203.0.113.7:40000")]


def test_what_happens_in_between_keeps_its_line_and_the_count_goes_on() -> None:
    world = World()
    for port in range(40_000, 40_003):
        refused(world, WRONG.format(f"203.0.113.7:{port}"))
        refused(world, "a server link from 203.0.113.8:5000 was refused: wrong secret")
        world.notice("joined", f"server {port} joined the network", "good")
    assert said(world) == [
        WRONG.format("203.0.113.7") + " x3",
        "a server link from 203.0.113.8 was refused: wrong secret x3",
        *(f"server {port} joined the network" for port in range(40_000, 40_003)),
    ]


def test_another_address_and_another_reason_have_lines_of_their_own() -> None:
    world = World()
    refused(world, WRONG.format("203.0.113.7:1"))
    refused(world, WRONG.format("203.0.113.70:1"))
    refused(world, "a login from 203.0.113.7:2 was refused: this account was closed by ada")
    assert len(said(world)) == 3


def test_guesses_over_ssh_of_many_names_from_one_address_are_one_line() -> None:
    world = World()
    for name in ("root", "admin", "jo smith"):
        refused(world, f"a login over SSH from 203.0.113.7 as {name} failed")
    assert said(world) == ["a login over SSH from 203.0.113.7 failed x3"]


def test_after_a_pause_another_line_begins_and_the_first_keeps_its_count() -> None:
    world = World()
    refused(world, WRONG.format("203.0.113.7:1"))
    refused(world, WRONG.format("203.0.113.7:2"), PAUSE + 1)
    refused(world, WRONG.format("203.0.113.7:3"))
    assert said(world) == [WRONG.format("203.0.113.7") + " x2", WRONG.format("203.0.113.7:3")]


def test_a_clock_that_was_set_back_begins_another_line() -> None:
    world = World()
    refused(world, WRONG.format("203.0.113.7:1"), -3600)
    refused(world, WRONG.format("203.0.113.7:2"))
    assert len(said(world)) == 2


def test_a_line_that_is_no_more_is_not_counted_on() -> None:
    world = World()
    refused(world, WRONG.format("203.0.113.7:1"))
    for number in range(world.model.notices.maxlen or 0):
        world.notice("joined", f"server {number} joined the network")
    refused(world, WRONG.format("203.0.113.7:2"))
    assert said(world)[-1] == WRONG.format("203.0.113.7:2")


def test_addresses_without_number_keep_no_more_than_the_lines_that_there_are() -> None:
    world = World()
    kept = world.model.notices.maxlen or 0
    for number in range(3 * kept):
        refused(world, WRONG.format(f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}:9"))
    refusals = world.model.refusals
    assert len(refusals._lines) <= KINDS_MAX and len(refusals._repeats) <= 2 * kept + 1


async def test_the_events_tell_how_many_there_were_and_when_the_last_one_was(world: World) -> None:
    app = world.app()
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(pilot)
        for port in range(40_000, 40_012):
            refused(world, WRONG.format(f"203.0.113.7:{port}"))
        await settled(pilot)
        lines = " ".join(" ".join(lines_of(app, "#events")).split())
        assert "(12 times, the last at 12:00:11)" in lines
