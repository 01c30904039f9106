"""`check` finds each promise that a server breaks, and nothing at one that keeps all of them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager

import pytest

from core.client import ClientSettings
from core.wire import Address
from tests.script.faulty_server import EVERY, FaultyServer
from tui.cli.command_client import script_client
from tui.script.check_command import CheckCommand
from tui.script.check_parties import CheckedParty
from tui.script.check_plan import CheckPlan
from tui.script.check_report import CheckReport
from tui.script.exit_status import CommandFailed, ExitStatus
from tui.script.script_client import OnEvent, ScriptClient
from tui.script.seam_check import judged
from tui.script.sightings import Mark, ReaderRecord, Sighting, Visit, WrittenRecord

POSTS = 80
"""The last ones of each third are none that a server deals with wrongly: what follows shows what became of those."""
PATIENCE = 30.0
"""Seconds that a good server may take, on a machine that has much else to do."""
IMPATIENCE = 0.7
"""Seconds after which what a faulty server has not sent is taken not to come."""


class Written:
    """Streams whose output is kept."""

    def __init__(self) -> None:
        self.out: list[str] = []
        self.said: list[str] = []
        self.stopped = asyncio.Event()

    screen = None

    async def put(self, line: str) -> None:
        self.out.append(line)

    def say(self, sentence: str) -> None:
        self.said.append(sentence)

    def lines(self, longest: int) -> AsyncGenerator[bytes, None]:
        raise AssertionError("a check reads nothing")


def plan(seconds: float, **other: int) -> CheckPlan:
    numbers = {
        "posts": POSTS,
        "in_flight": 12,
        "writers": 2,
        "readers": 2,
        "returns": 3,
        "history": 10,
        "size": 0,
    } | other
    return CheckPlan(rate=10_000.0, seconds=seconds, run="c0ffee", **numbers)


async def checked(
    server: FaultyServer, the_plan: CheckPlan, *, as_json: bool = True
) -> tuple[ExitStatus | CommandFailed, Written]:
    """Run a check; how it ended, and what it wrote."""

    def connect(party: CheckedParty, heard: OnEvent) -> AbstractAsyncContextManager[ScriptClient]:
        settings = ClientSettings(history=party.history, resume=party.resume, tell_repetitions=party.reads)
        return script_client(settings, Address("127.0.0.1", server.port), heard, None)

    streams = Written()
    command = CheckCommand(the_plan, f"127.0.0.1:{server.port}", "anonymous", as_json=as_json)
    try:
        return await command.run(connect, streams), streams
    except CommandFailed as failure:
        return failure, streams


async def verdicts(server: FaultyServer, the_plan: CheckPlan) -> dict[str, str]:
    ended, streams = await checked(server, the_plan)
    found = json.loads(streams.out[0])
    broken = any(check["verdict"] == "broken" for check in found["checks"])
    assert ended is (ExitStatus.CHECK_FAILED if broken else ExitStatus.DONE), streams
    assert found["holds"] is not broken
    return {check["name"]: check["verdict"] for check in found["checks"]}


def broken(found: dict[str, str]) -> set[str]:
    return {name for name, verdict in found.items() if verdict == "broken"}


async def test_a_server_that_keeps_its_promises_passes() -> None:
    async with FaultyServer() as server:
        found = await verdicts(server, plan(PATIENCE))
    assert set(found.values()) == {"holds"}


async def test_a_base_server_that_keeps_its_promises_passes_and_no_seam_is_tried() -> None:
    async with FaultyServer(native=False) as server:
        found = await verdicts(server, plan(PATIENCE))
    assert found.pop("the seam") == "not tried"
    assert set(found.values()) == {"holds"}


@pytest.mark.parametrize(
    ("fault", "breaks"),
    [
        ("drops the last of the past", {"nothing dropped", "the seam"}),
        ("sends the last of the past again, live", {"nothing twice", "the seam"}),
        ("sends the last of the past after what is live", {"senders' order", "the seam"}),
        ("ignores what was seen", {"nothing twice", "the seam"}),
        ("drops in the past", {"nothing dropped"}),
        ("reorders the past", {"senders' order"}),
        ("drops what is live", {"nothing dropped"}),
        ("doubles what is live", {"nothing twice"}),
        ("reorders what is live", {"senders' order"}),
        ("accepts twice", {"nothing twice"}),
        ("acknowledges what it never sends", {"nothing dropped"}),
        ("never answers", {"posts answered"}),
        ("alters", {"as written"}),
        ("sends what it refuses", {"as written"}),
    ],
)
async def test_a_broken_promise_is_found_out_and_told_from_others(fault: str, breaks: set[str]) -> None:
    async with FaultyServer(fault) as server:
        found = await verdicts(server, plan(IMPATIENCE))
    assert breaks <= broken(found)
    # What is wrong in the midst of something may lie at a seam as well; nothing else may be called broken.
    assert broken(found) <= breaks | {"the seam"}


@pytest.mark.parametrize(
    ("fault", "breaks"),
    [
        ("drops what is live", {"nothing dropped"}),
        ("doubles what is live", {"nothing twice"}),
        ("reorders what is live", {"senders' order"}),
        ("alters", {"as written"}),
    ],
)
async def test_a_base_server_is_found_out_too(fault: str, breaks: set[str]) -> None:
    async with FaultyServer(fault, native=False) as server:
        found = await verdicts(server, plan(IMPATIENCE))
    assert breaks <= broken(found)
    # Its writer does not know again what came back altered.
    assert broken(found) <= breaks | ({"posts answered"} if fault == "alters" else set())


async def test_what_is_refused_is_told_and_no_fault() -> None:
    async with FaultyServer("refuses") as server:
        ended, streams = await checked(server, plan(PATIENCE))
    found = json.loads(streams.out[0])
    assert ended is ExitStatus.DONE
    assert found["posts"]["refused"] == POSTS // EVERY == found["posts"]["refusals"]["not today"]
    assert found["posts"]["accepted"] == POSTS - POSTS // EVERY


async def test_it_is_said_what_will_be_posted_before_anything_is() -> None:
    async with FaultyServer() as server:
        the_plan = plan(PATIENCE)
        sentences = list(the_plan.sentences("somewhere", "anonymous"))
        _, streams = await checked(server, the_plan, as_json=False)
        contents = [kept["activity"]["object"]["content"] for kept in server.kept]
    assert f"{POSTS} activities" in sentences[0] and "Everybody in the network sees them" in sentences[0]
    assert streams.said[0].startswith(f"This posts {POSTS} activities")
    assert len(contents) == POSTS and all(text.startswith(f"activity-tui check {the_plan.run}") for text in contents)


async def test_faults_are_told_one_by_one_and_where_they_lie() -> None:
    async with FaultyServer("sends the last of the past again, live") as server:
        _, streams = await checked(server, plan(IMPATIENCE), as_json=False)
    told = "\n".join(streams.out)
    assert "nothing twice    BROKEN" in told
    assert "live: no. " in told and "came once more (reader 1, login 2, in the past)" in told


async def test_no_more_is_posted_than_planned_nor_more_at_once() -> None:
    async with FaultyServer("never answers") as server:
        await checked(server, plan(IMPATIENCE, in_flight=3))
        # Every seventh stays unanswered: at the third of them there is no room left.
        assert len(server.kept) == 3 * EVERY


@pytest.mark.parametrize(
    ("spoken", "protocol", "told"),
    [
        ([True, True], "native", "1 logins had one writer's activities on both sides"),
        ([True, False], "mixed", "on both sides; where only the base protocol is spoken no past is sent"),
        ([False, False], "base", "no login had one writer's activities on both sides; where only the base protocol"),
    ],
)
def test_it_is_told_which_protocol_was_spoken_and_what_follows_for_the_seam(
    spoken: list[bool], protocol: str, told: str
) -> None:
    visits = [
        Visit(native, [0], {}, native, [Sighting(Mark(1, 1), live=False), Sighting(Mark(1, 2), live=True)], native)
        for native in spoken
    ]
    readers = [ReaderRecord("reader 1", "new", visits[:1]), ReaderRecord("reader 2", "stays", visits[1:])]
    readers[1].visits[0].sightings.pop(0)
    written = WrittenRecord([["unknown", "accepted"]])
    report = CheckReport(plan(PATIENCE), "a:1, b:2", written, readers, judged(written, readers), 1.0)
    assert report.protocol == report.as_json()["protocol"] == protocol
    assert report.as_json()["servers"] == ["a:1", "b:2"]
    assert told in "\n".join(report.lines())
