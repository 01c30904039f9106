"""Every row of the benchmark can be measured, and is told in a table, as JSON and as a picture."""

from __future__ import annotations

import argparse
import json
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from tests.benchmarks import brokers, data, picture, report
from tests.benchmarks.bars import FAILED, LEFT_OUT, MET, NOT_MET, WISHED, Bar, Line, Spread
from tests.benchmarks.compiled import NotHere, program
from tests.benchmarks.peers import PEERS
from tests.benchmarks.trials import Results

SMALL = brokers.Scale(rounds=1, seconds=0.3, receivers=20, crowd=40, tries=1, activities=300, accounts=20)
TOGETHER = ["saturation", "cpu", "senders", "crowd", "one-in-flight", "durable", "latency", "latency-10k"]
"""Rows whose runs share servers."""
SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture
def _made() -> None:
    try:
        program("loadgen")
    except NotHere as why:
        pytest.skip(str(why))


@pytest.fixture
def _no_compiler(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CC", str(tmp_path / "cc"))


@pytest.mark.slow
@pytest.mark.timeout(240)
@pytest.mark.usefixtures("_made")
@pytest.mark.parametrize("names", [TOGETHER, *([name] for name in brokers.ROWS if name not in TOGETHER)], ids=" ".join)
async def test_a_row_is_measured(
    names: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(data, "CACHE", tmp_path)
    where = argparse.Namespace(
        scale=SMALL, json=tmp_path / "all.json", picture=tmp_path / "all.svg", markdown=tmp_path / "all.md"
    )
    lines, results = await brokers.main(names, SMALL)
    brokers.written(where, lines, results)
    told = capsys.readouterr().out
    made = [line for found in lines.values() for line in found]
    assert [line.why for line in made if line.verdict == FAILED] == []
    assert [line.what for line in made if line.what not in told] == []
    kept = json.loads((tmp_path / "all.json").read_text())
    assert [line["what"] for line in kept["lines"]] == [line.what for line in made]
    assert ElementTree.parse(tmp_path / "all.svg").getroot().tag == f"{SVG}svg"


def test_what_is_judged_is_measured() -> None:
    for row in brokers.ROWS.values():
        measured = {*map(str, row.runs), *row.measures}
        for judge in row.judges:
            sides = {judge.ours, *judge.shown} | ({judge.theirs} if judge.theirs else set())
            assert {side.measured for side in sides} <= measured


def test_each_run_is_of_a_peer_and_a_load_that_there_are() -> None:
    loads, measures = brokers.loads(SMALL), brokers.measures(SMALL)
    for row in brokers.ROWS.values():
        assert all(run.peer in PEERS and run.load in loads for run in row.runs)
        assert set(row.measures) <= set(measures)


def test_the_page_has_each_row_with_its_bars() -> None:
    page = (Path(brokers.__file__).parent / "README.md").read_text(encoding="utf-8")
    rows = {cells[1].strip(" `"): cells[3] for line in page.splitlines() if len(cells := line.split("|")) == 5}
    for name, row in brokers.ROWS.items():
        bars = [judge.bar for judge in row.judges if judge.bar is not None and not judge.bar.told]
        figures = {f"{figure:,g}" for bar in bars for figure in (bar.limit, bar.wish) if figure is not None}
        assert [figure for figure in figures if f" {figure}" not in rows[name]] == [], name


def test_a_row_that_there_is_not_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        brokers.command(["speed"])
    assert ended.value.code == 2 and "there is no row 'speed'" in capsys.readouterr().err


def test_a_file_that_cannot_be_written_is_refused_before_anything_is_measured(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        brokers.command(["--json", str(tmp_path / "nowhere" / "all.json")])
    assert ended.value.code == 2 and "all.json cannot be written" in capsys.readouterr().err


@pytest.mark.usefixtures("_no_compiler")
async def test_without_a_compiler_rows_are_left_out_with_a_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    lines, _ = await brokers.main(["cpu", "hops"], SMALL)
    assert {line.verdict for found in lines.values() for line in found} == {LEFT_OUT}
    assert all("no C compiler" in line.why for found in lines.values() for line in found)
    assert "left out: there is no C compiler (cc)" in capsys.readouterr().out


# --- what is told -----------------------------------------------------------------------------------------------------

RUN = {"complete": True, "deliveries": 2.5e6, "cpu_per_million": 0.37, "server_cpu": 0.9, "seconds": 1.0, "rss": 51_200,
       "pss": 40_960, "share": 0.5, "waited": 0.0}  # fmt: skip
LINES = {
    "saturation": [
        Line("against one", Bar(2, " ×", 3), Spread((3.5, 3.1)), ("ours 7", "theirs 2")),
        Line("against another", Bar(2, " ×"), Spread((2.5,))),
        Line("against <a third>", Bar(2, " ×"), Spread((0.5,))),
        Line("against nobody", Bar(2, " ×"), why="it is not installed", is_left_out=True),
        Line("what was lost", Bar(2, " ×"), why="3 lost"),
    ]
}


def found(*runs: dict[str, object]) -> Results:
    results = Results()
    for run in runs:
        results.note("ours 256 in flight", {**RUN, **run})
    return results


def test_the_table_has_a_verdict_a_line() -> None:
    told = report.table(LINES).splitlines()
    verdicts = {
        what: line for line in told for what in ("one", "another", "third", "nobody", "lost") if f"{what}" in line
    }
    assert verdicts["another"].endswith(MET) and verdicts["third"].endswith(NOT_MET)
    assert "3.30 × (3.10 to 3.50)" in told[2] and told[2].endswith(WISHED)
    assert [line.strip() for line in told if "installed" in line or "3 lost" in line] == [
        "it is not installed",
        "3 lost",
    ]


def test_the_table_for_a_document_has_the_same() -> None:
    assert report.markdown(LINES).splitlines()[2:] == [
        "| `saturation` | against one | 3.30 × (3.10 to 3.50); ours 7; theirs 2 | ≥ 2 ×, wished 3 × | met as wished |",
        "|  | against another | 2.50 × | ≥ 2 × | met |",
        "|  | against <a third> | 0.50 × | ≥ 2 × | NOT MET |",
        "|  | against nobody | it is not installed | ≥ 2 × | left out |",
        "|  | what was lost | 3 lost | ≥ 2 × | FAILED |",
    ]


def test_beside_each_rate_is_what_it_took_of_the_machine() -> None:
    told = report.figures_table(found({}, {"deliveries": 2.7e6})).splitlines()[-1]
    expected = "ours: 256 in flight 2.60 M (2.50 M to 2.70 M) 0.370 0.90 50 40 50 %"
    assert told.split() == expected.split()


def test_it_is_said_where_the_load_generator_was_the_bottleneck() -> None:
    told = report.figures_table(found({"share": 0.98}))
    assert "ours: 256 in flight: the load generator was the bottleneck" in told
    assert "bottleneck" not in report.figures_table(found({}))


def test_json_has_what_was_measured_in_each_round() -> None:
    kept = json.loads(report.as_json(LINES, found({}, {"deliveries": 2.7e6}), SMALL))
    assert [one["deliveries"] for one in kept["rounds"]["ours 256 in flight"]] == [2.5e6, 2.7e6]
    assert kept["lines"][0] | {"beside": []} == {
        "row": "saturation", "what": "against one", "verdict": WISHED, "bar": "≥ 2 ×, wished 3 ×",
        "median": pytest.approx(3.3), "rounds": [3.5, 3.1], "said": "", "beside": [], "why": "",
    }  # fmt: skip
    assert kept["scale"]["receivers"] == 20 and kept["machine"]["processors"] >= 1


def test_json_has_no_infinity() -> None:
    lines = {"saturation": [Line("against what did nothing", Bar(2, " ×"), Spread((float("inf"),)))]}
    kept = json.loads(report.as_json(lines, found({}), SMALL))
    assert (kept["lines"][0]["median"], kept["lines"][0]["rounds"]) == (None, [None])


def test_the_picture_has_a_dot_on_the_right_side_of_each_bar() -> None:
    root = ElementTree.fromstring(picture.drawn(LINES, found({})))
    dots = [float(dot.attrib["cx"]) for dot in root.iter(f"{SVG}circle")]
    bar = picture.place(1)
    assert [dot > bar for dot in dots] == [True, True, False]
    words = [text.text for text in root.iter(f"{SVG}text")]
    assert {"against <a third>", "ours", "2.50 M", "left out: it is not installed"} <= set(words)


def test_what_is_off_the_scale_is_drawn_at_its_edge() -> None:
    assert picture.place(float("inf")) == picture.place(picture.RANGE) == picture.LEFT + picture.SCALE
    assert picture.place(0.0) == picture.LEFT
