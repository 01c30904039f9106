"""The command that one is told is one that one can type."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tui.cli.program_word import program_word


def program(directory: Path) -> Path:
    directory.mkdir(parents=True)
    path = directory / "activity-tui"
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    return path


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    path = program(tmp_path / ".venv" / "bin")
    monkeypatch.setattr(sys, "argv", [str(path), "serve"])
    return path


def test_a_program_that_the_shell_finds_is_called_by_its_name(own: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PATH", str(own.parent))
    assert program_word() == "activity-tui"


def test_one_that_is_on_no_path_is_called_by_its_place_from_here(own: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PATH", "/nowhere")
    assert program_word() == ".venv/bin/activity-tui"


def test_where_the_shell_finds_another_one_it_is_called_by_its_place(own: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PATH", str(program(own.parent.parent / "other").parent))
    assert program_word() == ".venv/bin/activity-tui"
    monkeypatch.chdir(own.parent)
    assert program_word() == "activity-tui" or program_word() == str(own)


def test_elsewhere_it_is_called_by_its_whole_path(own: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.chdir("/")
    assert program_word() in (str(own), str(own.relative_to("/")))
