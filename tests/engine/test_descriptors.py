"""How many connections a process has room for."""

from __future__ import annotations

import pytest

from core.engine.upkeep.descriptors import RESERVED, explain_room, room_for

resource = pytest.importorskip("resource")


class Limits:
    """The system's limits on open files, as this test wants them."""

    def __init__(self, soft: int, hard: int) -> None:
        self.soft = soft
        self.hard = hard
        self.fixed = False

    def get(self, _: int) -> tuple[int, int]:
        return self.soft, self.hard

    def set(self, _: int, wanted: tuple[int, int]) -> None:
        if self.fixed:
            raise ValueError("not allowed to raise the limit")
        assert wanted[1] == self.hard
        self.soft = wanted[0]


@pytest.fixture
def limits(monkeypatch: pytest.MonkeyPatch) -> Limits:
    made = Limits(1024, 4096)
    monkeypatch.setattr(resource, "getrlimit", made.get)
    monkeypatch.setattr(resource, "setrlimit", made.set)
    return made


def test_a_limit_that_is_high_enough_is_left_alone(limits: Limits) -> None:
    assert room_for(100) == 100
    assert limits.soft == 1024


def test_a_low_limit_is_raised_as_far_as_needed(limits: Limits) -> None:
    assert room_for(2000) == 2000
    assert limits.soft == 2000 + RESERVED


def test_where_it_cannot_be_raised_far_enough_there_is_less_room(limits: Limits) -> None:
    assert room_for(10_000) == 4096 - RESERVED


def test_where_it_cannot_be_raised_at_all_there_is_less_room(limits: Limits) -> None:
    limits.fixed = True
    assert room_for(10_000) == 1024 - RESERVED


def test_no_limit_is_room_for_all(limits: Limits) -> None:
    limits.soft = limits.hard = resource.RLIM_INFINITY
    assert room_for(10_000) == 10_000


@pytest.mark.parametrize(("files", "least"), [(20, 5), (64, 16), (128, 32), (256, 128)])
def test_few_descriptors_leave_room_for_some_connections_and_for_the_server_itself(
    limits: Limits, files: int, least: int
) -> None:
    limits.soft = limits.hard = files
    assert room_for(10_000) == least


def test_little_room_is_explained_with_what_to_do(limits: Limits) -> None:
    limits.soft = limits.hard = 256
    explained = explain_room(10_000)
    assert explained is not None
    assert "128 connections" in explained and "ulimit -n" in explained


def test_enough_room_needs_no_explanation(limits: Limits) -> None:
    assert explain_room(10_000) is None
    limits.soft = limits.hard = 256
    assert explain_room(100) is None
