"""What is installed beside the package belongs to this version, and gets to where systems look for it."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.architecture.packaging_files import SHARE, files
from tests.architecture.rooms import ROOT

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
