"""Which seeds a sweep takes follows from the commit, so that no range is learned by heart."""

from __future__ import annotations

import itertools
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from core.simulation.command import main
from core.simulation.runs.revision import FIRST, ROOT, SPACING, Revision, revision

needs_git = pytest.mark.skipif(shutil.which("git") is None, reason="there is no git here")


def git(root: Path, *arguments: str) -> None:
    who = ["-c", "user.name=somebody", "-c", "user.email=somebody@example.org", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", *who, *arguments], cwd=root, check=True, capture_output=True)


@pytest.fixture
def sources(tmp_path: Path) -> Path:
    (tmp_path / "core").mkdir()
    (tmp_path / "core" / "node.py").write_text("first\n")
    return tmp_path


@needs_git
def test_each_commit_has_seeds_of_its_own(sources: Path) -> None:
    git(sources, "init")
    firsts = []
    for text in ("one", "two", "three"):
        (sources / "core" / "node.py").write_text(text)
        git(sources, "add", ".")
        git(sources, "commit", "-m", text)
        found = revision(sources)
        assert found == revision(sources)
        assert found.name.startswith("commit ")
        firsts.append(found.first_seed)
    assert len(set(firsts)) == 3
    assert all(first >= FIRST and first % SPACING == 0 for first in firsts)


def test_outside_a_checkout_the_seeds_follow_from_the_sources(sources: Path) -> None:
    before = revision(sources)
    assert before == revision(sources)
    assert not before.name.startswith("commit")
    (sources / "core" / "node.py").write_text("second\n")
    assert revision(sources).first_seed != before.first_seed


@needs_git
def test_a_checkout_around_an_installed_copy_is_none_of_its_own(sources: Path) -> None:
    inner = sources / "site-packages"
    shutil.copytree(sources / "core", inner / "core")
    git(sources, "init")
    git(sources, "add", ".")
    git(sources, "commit", "-m", "somebody else's")
    assert not revision(inner).name.startswith("commit")


@needs_git
def test_a_checkout_without_a_commit_is_none(sources: Path) -> None:
    git(sources, "init")
    assert not revision(sources).name.startswith("commit")


def test_without_git_the_seeds_follow_from_the_sources(sources: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (sources / ".git").mkdir()
    monkeypatch.setenv("PATH", "")
    assert not revision(sources).name.startswith("commit")


def test_ranges_of_different_commits_do_not_overlap() -> None:
    firsts = sorted({Revision("", f"{number:040x}").first_seed for number in range(200)})
    assert len(firsts) > 190
    assert all(later - earlier >= SPACING for earlier, later in itertools.pairwise(firsts))


def test_a_sweep_of_the_commit_says_which_seeds_it_takes_and_how_to_take_them_again(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["sweep", "--first", "commit", "--seeds", "2", "--jobs", "1"]) == 0
    printed = capsys.readouterr().out
    first = revision(ROOT).first_seed
    assert f"seeds {first} to {first + 1}" in printed
    [again] = re.findall(r"python -m core\.simulation (sweep .*)", printed)
    assert main([*again.split(), "--jobs", "1"]) == 0
    histories = re.compile(r"messages: .*")
    assert histories.findall(capsys.readouterr().out) == histories.findall(printed)


def test_a_first_seed_that_is_neither_a_number_nor_the_commits_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["sweep", "--first", "yesterday"])
    assert ended.value.code == 2
    assert "neither a number nor 'commit'" in capsys.readouterr().err
