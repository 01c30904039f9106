"""What is installed beside the package belongs to this version, and gets to where systems look for it."""

from __future__ import annotations

import shlex
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.architecture.packaging_files import SHARE, files
from tests.architecture.rooms import ROOT
from tui.cli.arguments import build
from tui.cli.headless import LEAVE_LIMIT
from tui.cli.setting_table import SETTINGS
from tui.script.exit_status import ExitStatus

UNIT = ROOT / "packaging" / "systemd" / "activity-tui.service"


@pytest.mark.skipif(sys.version_info[:2] != (3, 11), reason="each Python writes help in its own way; these are of 3.11")
def test_the_man_page_and_the_completions_are_those_of_the_command_line() -> None:
    found = (file for file in SHARE.rglob("*") if file.is_file())
    there = {str(file.relative_to(SHARE)): file.read_text(encoding="utf-8") for file in found}
    made = dict(files())
    assert there.keys() == made.keys()
    assert [path for path in made if there[path] != made[path]] == [], "make packaging"


@pytest.mark.slow
def test_a_wheel_lays_them_where_man_and_shells_look(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(tmp_path)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True, timeout=60)
    (wheel,) = tmp_path.glob("*.whl")
    names = {name.partition(".data/data/share/")[2] for name in zipfile.ZipFile(wheel).namelist()}
    assert names >= {
        "man/man1/activity-tui.1",
        "bash-completion/completions/activity-tui",
        "zsh/site-functions/_activity-tui",
        "fish/vendor_completions.d/activity-tui.fish",
    }


def _told_by_the_unit() -> dict[str, str]:
    lines = UNIT.read_text(encoding="utf-8").splitlines()
    return dict(line.split("=", 1) for line in lines if "=" in line and not line.startswith("#"))


def test_the_unit_starts_a_server_by_words_that_the_command_line_knows() -> None:
    program, *words = shlex.split(_told_by_the_unit()["ExecStart"])
    assert program == "activity-tui"
    told = build().parse_args(words)
    assert (told.command, told.headless) == ("serve", True)
    variable = _told_by_the_unit()["Environment"].partition("=")[0]
    assert variable in {setting.variable for setting in SETTINGS}


def test_the_unit_gives_a_server_the_time_that_it_takes_to_leave() -> None:
    assert float(_told_by_the_unit()["TimeoutStopSec"]) > LEAVE_LIMIT


def test_the_unit_starts_no_server_again_that_would_end_in_the_same_way() -> None:
    prevented = {int(status) for status in _told_by_the_unit()["RestartPreventExitStatus"].split()}
    assert prevented == {ExitStatus.USAGE, ExitStatus.DATA_DIRECTORY}


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="there is no systemd here")
def test_systemd_understands_all_of_the_unit(tmp_path: Path) -> None:
    unit = tmp_path / UNIT.name
    text = UNIT.read_text(encoding="utf-8").replace("ExecStart=activity-tui", "ExecStart=/bin/true")
    unit.write_text(text.replace("Documentation=man:activity-tui(1)\n", ""))
    done = subprocess.run(["systemd-analyze", "verify", str(unit)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
