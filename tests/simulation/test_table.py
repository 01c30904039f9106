"""The table: every line is measured with real nodes, and a line whose bar is missed says so. Small networks here."""

from __future__ import annotations

import math
from functools import partial

import pytest
from msgspec.structs import replace

from core.client.write_set import WriteSet
from core.node.interface.node_config import lan
from core.simulation.command import main
from core.simulation.experiments import broadcasts, crashes, partitions, storm, worlds
from core.simulation.experiments.figure_table import print_table, results, rows
from core.simulation.experiments.measuring import FigureRow, Sample, measure, quantile, worst
from core.simulation.world.world import PORT, SECRET, World


def sample_of(seconds: float) -> Sample:
    return Sample(f"{seconds} s", {"whole": seconds})


def broken() -> Sample:
    raise RuntimeError("the world ended")


def row_of(*cases: partial[Sample], bar: float = 1.0) -> FigureRow:
    return FigureRow(
        "line", "what is measured", f"≤ {bar:g} s", cases, partial(worst, figure="whole", unit="s", bar=bar)
    )


# --- lines ------------------------------------------------------------------------------------------------------------


def test_the_table_has_a_line_for_every_bar_and_no_two_of_one_name() -> None:
    names = [row.name for row in rows()]
    assert len(set(names)) == len(names)
    assert {"crash-25", "crash-100", "crash-1000", "half-100", "half-1000", "most-1000"} < {*names}
    assert {
        "parts-2",
        "parts-5",
        "wandering",
        "one-sender",
        "all-send",
        "maelstrom",
        "storm",
        "idle-1000",
        "simulator",
    } < {*names}


def test_the_quick_table_has_no_network_of_a_thousand_servers() -> None:
    assert not any("1000" in row.name for row in rows(quick=True, seeds=50))


def test_every_line_is_measured_in_as_many_worlds_as_are_asked_for() -> None:
    table = rows(seeds=7)
    assert {len(row.cases) for row in table if row.name not in ("idle-1000", "simulator")} == {7}


def test_a_line_is_met_only_if_every_case_meets_its_bar() -> None:
    assert row_of().judge([sample_of(0.5), sample_of(1.0)]).met
    missed = row_of().judge([sample_of(0.5), sample_of(1.1)])
    assert not missed.met
    assert missed.measured == "1.10 s at worst, 0.50 s in the middle, 1 of 2"


def test_a_case_that_was_never_whole_or_found_a_problem_misses_the_bar() -> None:
    assert not row_of().judge([sample_of(0.5), Sample("never", {})]).met
    assert not row_of().judge([sample_of(0.5), Sample("unsound", {"whole": 0.5}, ["something was lost"])]).met
    assert not row_of().judge([]).met


def test_an_exception_is_a_problem_of_its_case_alone(capsys: pytest.CaptureFixture[str]) -> None:
    assert measure(broken).problems == ["RuntimeError: the world ended"]
    good, bad = row_of(partial(sample_of, 0.5)), row_of(partial(broken))
    assert [result.verdict.met for result in results([bad, good], jobs=1)] == [False, True]
    assert not print_table([bad, good], jobs=1)
    printed = capsys.readouterr().out
    assert "NOT MET" in printed
    assert "the world ended" in printed
    assert "NOT every bar is met" in printed


def test_cases_run_on_several_processors_and_come_back_in_order() -> None:
    table = [row_of(partial(sample_of, 0.1), partial(sample_of, 0.2)), row_of(partial(sample_of, 0.3))]
    found = [[sample.case for sample in result.samples] for result in results(table, jobs=2)]
    assert found == [["0.1 s", "0.2 s"], ["0.3 s"]]


def test_a_quantile_is_a_value_that_so_many_do_not_exceed() -> None:
    assert quantile([4, 1, 3, 2], 0.5) == 2
    assert quantile(range(1, 101), 0.99) == 99
    assert quantile([7], 0.5) == 7
    assert math.isnan(quantile([], 0.5))


# --- what is measured -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("index", [0, 7])
def test_one_crash_cuts_nobody_off_for_a_second(index: int) -> None:
    sample = crashes.one_crash(index, 12, index)
    assert sample.problems == []
    assert 0.0 <= sample.figures["cut"] < 1.0


def test_being_cut_off_shows_when_nothing_redundant_closes_the_gap(monkeypatch: pytest.MonkeyPatch) -> None:
    slow = replace(lan("", PORT, SECRET), heal_jitter=1.0)

    def world(seed: int, servers: int, *, latency: float) -> World:
        return worlds.settled_world(seed, servers, latency=latency, lazy_links=0, config=slow)

    monkeypatch.setattr(crashes, "settled_world", world)
    by_dialling = crashes.one_crash(0, 12, 0).figures["cut"]
    monkeypatch.undo()
    assert crashes.one_crash(0, 12, 0).figures["cut"] < by_dialling


def test_half_of_all_crash_and_the_others_are_one_network_within_ten_seconds() -> None:
    sample = crashes.many_crash(1, 24, 0.5, 20.0)
    assert sample.problems == []
    assert 0.0 < sample.figures["whole"] <= 10.0


def test_a_server_whose_every_neighbour_died_says_that_it_is_alone() -> None:
    world = worlds.settled_world(1, 4)
    first, *others = world.servers.values()
    for other in others:
        other.crash(0.0)
    world.schedule.run_until(3.0)
    assert list(world.alone) == [first.name]


def test_a_network_that_was_in_parts_is_complete_and_agreed_within_ten_seconds() -> None:
    sample = partitions.parted(0, 6, 2)
    assert sample.problems == []
    assert sample.figures["registrations"] >= 12
    assert sample.figures["whole"] <= 10.0
    assert partitions.judge(10.0, [sample]).met
    broken_order = Sample("parted", {"whole": 2.0, "disordered": 1.0})
    verdict = partitions.judge(10.0, [sample, broken_order])
    assert verdict.measured.endswith("order kept in 1 of 2")
    assert not verdict.met


def test_people_who_go_from_part_to_part_are_read_in_order_because_they_repeat_what_is_not_there() -> None:
    sample = partitions.wandering(1, 6, 3)
    verdict = partitions.judge(10.0, [sample])
    assert verdict.met, verdict.measured
    assert 0.05 < sample.figures["repeated"] < 1.0


def test_people_who_repeat_nothing_are_not_read_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(WriteSet, "logged_in", lambda self, entries: None)
    assert not partitions.judge(10.0, [partitions.wandering(1, 6, 3)]).met


@pytest.mark.parametrize(("senders", "bar"), [(1, 0.1), (16, 0.5)])
def test_a_broadcast_in_a_settled_network_costs_hardly_more_than_a_tree(senders: int, bar: float) -> None:
    sample = broadcasts.broadcasts(0, 16, senders, 0.5, 5.0)
    assert sample.figures["written"] >= 8 * senders
    verdict = broadcasts.judge_redundancy(bar, [sample])
    assert verdict.met, verdict.measured


def test_redundant_messages_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    def flooded(*arguments: object, **more: object) -> World:
        world = worlds.settled_world(0, 16)
        for server in world.servers.values():
            assert server.node is not None
            monkeypatch.setattr(type(server.node.neighbours), "flooding", True)
        return world

    monkeypatch.setattr(broadcasts, "settled_world", flooded)
    assert broadcasts.broadcasts(0, 16, 1, 0.5, 5.0).figures["redundancy"] > 0.5


def test_a_storm_of_logins_ends_with_even_loads_and_few_redirects() -> None:
    sample = storm.storm(0, 5, 200)
    assert sample.problems == []
    assert storm.judge([sample]).met
    assert not storm.judge([Sample("uneven", {"redirects": 1, "spread": 0.2})]).met
    assert not storm.judge([Sample("sent about", {"redirects": 3, "spread": 0.0})]).met


def test_an_idle_node_has_few_links_and_says_little() -> None:
    sample = broadcasts.idle(0, 30)
    assert sample.figures["links"] <= broadcasts.LINKS_MAX
    assert 0 < sample.figures["messages"] <= sample.figures["busiest"] <= broadcasts.MESSAGES_MAX


# --- the command ------------------------------------------------------------------------------------------------------


def test_the_command_prints_one_line_and_says_whether_it_is_met(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["table", "--quick", "--row", "crash-25", "--seeds", "1", "--jobs", "1"]) == 0
    printed = capsys.readouterr().out
    assert "crash-25" in printed
    assert "every bar is met" in printed
    assert "crash-100" not in printed


def test_a_line_that_there_is_not_is_told_with_those_that_there_are(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["table", "--row", "crsh"]) == 2
    complaint = capsys.readouterr().err
    assert "'crsh'" in complaint
    assert "crash-25" in complaint
    assert main(["table", "--seeds", "0"]) == 2
