"""Standard input and output of a command over SSH: nothing is lost, nothing piles up, and the end is heard of."""

from __future__ import annotations

import asyncio
import contextlib

import pytest

from tui.script.exit_status import OutputClosed
from tui.ssh.commands.command_channel import INPUT_HOLD, JOINED_MAX, CommandChannel


class Far:
    """The other side of a channel: what it was sent, and whether its input is held back."""

    def __init__(self) -> None:
        self.output = b""
        self.errors = b""
        self.held: list[bool] = []
        self.channel = CommandChannel(self._write, self.held.append)

    def _write(self, data: bytes, *, error: bool = False) -> None:
        if error:
            self.errors += data
        else:
            self.output += data


@pytest.fixture
def far() -> Far:
    return Far()


async def read(channel: CommandChannel, longest: int = 100) -> list[bytes]:
    async with asyncio.timeout(5):
        return [line async for line in channel.lines(longest)]


async def test_data_goes_to_standard_output_and_what_is_said_to_standard_error(far: Far) -> None:
    await far.channel.put("one line")
    far.channel.say("a word")
    assert far.output == b"one line\n"
    assert far.errors == b"activity-tui: a word\n"


async def test_lines_of_one_turn_are_written_together_and_those_of_the_next_for_themselves() -> None:
    written: list[bytes] = []
    channel = CommandChannel(lambda data, *, error=False: written.append(data), lambda hold: None)
    await channel.put("one")
    await channel.put("two")
    assert written == []
    await asyncio.sleep(0)
    assert written == [b"one\ntwo\n"]
    await channel.put("three")
    await asyncio.sleep(0)
    assert written[1:] == [b"three\n"]


async def test_what_is_joined_has_an_end() -> None:
    written: list[bytes] = []
    channel = CommandChannel(lambda data, *, error=False: written.append(data), lambda hold: None)
    for _ in range(100):
        await channel.put("x" * 999)
    assert max(map(len, written)) <= JOINED_MAX + 1_000
    channel.flush()
    assert b"".join(written) == (b"x" * 999 + b"\n") * 100


async def test_text_that_is_no_unicode_is_written_all_the_same(far: Far) -> None:
    await far.channel.put("a\ud800b")
    far.channel.flush()
    assert far.output.decode() == "a?b\n"


async def test_a_question_is_asked_only_where_somebody_sits_at_a_terminal(far: Far) -> None:
    far.channel.prompt("secret: ")
    assert far.errors == b""
    far.channel.terminal_size = lambda: (80, 24)
    far.channel.prompt("secret: ")
    assert far.errors == b"secret: "


async def test_lines_come_whole_however_they_were_cut_and_the_last_needs_no_end(far: Far) -> None:
    for piece in (b"on", b"e\ntw", b"o\r\n", b"\nthree"):
        far.channel.received(piece)
    far.channel.ended()
    assert await read(far.channel) == [b"one", b"two", b"", b"three"]


async def test_a_line_is_handed_over_as_soon_as_it_is_there(far: Far) -> None:
    async with contextlib.aclosing(far.channel.lines(100)) as lines, asyncio.timeout(5):
        for word in (b"one", b"two"):
            waiting = asyncio.ensure_future(anext(lines))
            await asyncio.sleep(0)
            assert not waiting.done()
            far.channel.received(word + b"\n")
            assert await waiting == word


async def test_of_a_line_that_never_ends_no_more_is_kept_than_shows_that_it_is_too_long(far: Far) -> None:
    far.channel.received(b"x" * 5_000)
    far.channel.received(b"x" * 5_000 + b"\nnext\n")
    far.channel.ended()
    assert await read(far.channel, longest=100) == [b"x" * 101, b"next"]


async def test_input_that_nobody_takes_is_held_back_until_half_of_it_has_been_taken(far: Far) -> None:
    line = b"x" * 1_023 + b"\n"
    for _ in range(INPUT_HOLD // len(line)):
        far.channel.received(line)
    assert far.held == []
    far.channel.received(line)
    far.channel.received(line)
    assert far.held == [True]
    taken = 0
    async with contextlib.aclosing(far.channel.lines(2_000)) as lines, asyncio.timeout(5):
        while far.held == [True]:
            await anext(lines)
            taken += 1
    assert far.held == [True, False]
    assert (INPUT_HOLD // 2) // 1_024 <= taken <= (INPUT_HOLD // 2) // 1_024 + 4


async def test_what_came_before_the_application_began_is_taken_by_it_whole(far: Far) -> None:
    far.channel.received(b"x" * INPUT_HOLD)
    far.channel.received(b"yz")
    assert far.channel.take() == b"x" * INPUT_HOLD + b"yz"
    assert far.held == [True, False]
    assert far.channel.take() == b""


async def test_output_waits_while_the_other_side_takes_no_more(far: Far) -> None:
    far.channel.pause()
    putting = asyncio.create_task(far.channel.put("late"))
    await asyncio.sleep(0)
    assert not putting.done() and far.output == b""
    far.channel.resume()
    await putting
    assert far.output == b"late\n"


@pytest.mark.parametrize("how", ["closed", "unread", "interrupted"])
async def test_who_waits_to_write_or_to_read_hears_of_the_end(far: Far, how: str) -> None:
    far.channel.pause()
    putting = asyncio.create_task(far.channel.put("for nobody"))
    reading = asyncio.create_task(read(far.channel))
    await asyncio.sleep(0)
    getattr(far.channel, how)()
    async with asyncio.timeout(5):
        for waiting in (putting, reading):
            with pytest.raises(OutputClosed):
                await waiting
    with pytest.raises(OutputClosed):
        await far.channel.put("for nobody")
    assert far.output == b"" and far.channel.stopped.is_set()
    assert far.channel.had_enough is (how == "unread"), "nothing has gone wrong where somebody has read enough"


async def test_a_pause_that_comes_after_the_end_holds_nobody_up(far: Far) -> None:
    far.channel.interrupted()
    far.channel.pause()
    async with asyncio.timeout(5):
        with pytest.raises(OutputClosed):
            await far.channel.put("for nobody")


async def test_the_end_of_input_ends_no_output(far: Far) -> None:
    far.channel.ended()
    await far.channel.put("still here")
    far.channel.flush()
    assert far.output == b"still here\n" and await read(far.channel) == []
