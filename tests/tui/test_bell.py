"""When somebody is told of what others write, and how often."""

from __future__ import annotations

import itertools

import pytest

from tests.tui.fakes import World
from tui.look.bell import A_MINUTE, INTERVAL, MINUTE, Bell
from tui.model.personal import Personal, ReadMark, encode
from tui.terminal.modes import notice, takes_osc, title


def named() -> World:
    world = World()
    world.model.logged_in("alice", None)
    return world


def test_it_rings_once_for_what_came_at_once_and_says_how_much_that_was():
    world, bell = named(), Bell("mention")
    for number in range(3):
        world.says("bob", f"@alice {number}")
    occasion = bell.rings(world.model, 0.0)
    assert occasion is not None and occasion.more == 2 and b"@alice 2" in occasion.entry.body
    assert bell.rings(world.model, 10.0) is None


def test_what_it_is_too_early_to_ring_for_is_rung_for_later():
    world, bell = named(), Bell("mention")
    for number, now in enumerate((0.0, INTERVAL / 2)):
        world.says("bob", f"@alice {number}")
        assert (bell.rings(world.model, now) is not None) is (number == 0)
    assert bell.waits
    occasion = bell.rings(world.model, INTERVAL)
    assert occasion is not None and b"@alice 1" in occasion.entry.body and not bell.waits


def test_it_rings_at_most_so_often_in_any_minute_and_tells_later_what_it_kept_to_itself():
    world, bell = named(), Bell("all")
    rung = []
    now = 0.0
    while now < 3 * MINUTE:
        world.says("bob", "again")
        if bell.rings(world.model, now) is not None:
            rung.append(now)
        now += INTERVAL / 2
    assert all(later - one >= INTERVAL for one, later in itertools.pairwise(rung))
    assert all(sum(begin <= one < begin + MINUTE for one in rung) <= A_MINUTE for begin in rung)
    occasion = bell.rings(world.model, now + MINUTE)
    assert occasion is not None and occasion.more > 50


def test_ones_own_and_what_was_read_in_another_session_rings_nobody():
    world, bell = named(), Bell("all")
    world.says("alice", "@alice a note to myself")
    assert bell.rings(world.model, 0.0) is None
    stamp = int((world.time + 60) * 1_000_000)
    world.model.concerns.changed_elsewhere(encode(Personal(ReadMark(stamp, stamp))))
    world.says("bob", "read on the telephone")
    assert bell.rings(world.model, 10.0) is None


@pytest.mark.parametrize(
    ("term", "forms"),
    [
        ("xterm-256color", (True, True)),
        ("rxvt-unicode-256color", (False, True)),
        ("xterm-kitty", (True, False)),
        ("xterm-256color iTerm.app", (True, False)),
    ],
)
def test_a_desktop_is_told_once_whatever_the_terminal_knows(term, forms):
    said = notice(term, "bob", "hello")
    assert ("\x1b]9;bob: hello\x1b\\" in said, "\x1b]777;notify;bob;hello\x1b\\" in said) == forms


def test_nothing_that_others_write_is_a_command_to_the_terminal():
    said = notice("xterm", "4;1;50", "a\x1b]52;c;eA==\x07\x9d\u202e;b") + title("x\x1b\\\x1b]0;y\x07")
    assert said.count("\x1b") == 6 and "\x07" not in said and "\x9d" not in said and "\u202e" not in said
    assert "\x1b]9;4" not in said and "notify;4,1,50;" in said


@pytest.mark.parametrize("term", ["", "dumb", "linux", "vt220", "cons25", "ansi"])
def test_a_terminal_that_would_show_such_a_command_is_sent_none(term):
    assert not takes_osc(term)
