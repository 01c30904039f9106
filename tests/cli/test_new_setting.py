"""What it takes to add a setting: one entry in the table, and one field where it is used.

Each test makes a copy of the program, edits it in these two places, and runs it.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]

TABLE = "tui/cli/setting_table.py"
ENTRY = """    Setting(
        "made_up", number_between(0, 100), "between two made-up things", "SECONDS", 4.5, goes_to="{goes_to}"
    ),
"""
FIELD = """    made_up: float = 4.5
"""
HOMES = {
    "node": ("core/node/interface/node_config.py", '    name: str = ""\n', "config.made_up"),
    "engine": ("core/engine/engine_settings.py", "    port: int = DEFAULT_PORT\n", "server.settings.made_up"),
}
"""Destination to the file of the field, a line before it, and the way to it from a server and its node's settings."""

SERVER = """
import os
from core.engine.server import Server
from core.node.node import Node
from tui.cli import main

start, make = Server.start, Node.__init__
servers = []

def started(self):
    servers.append(self)
    return start(self)

def made(self, config, *arguments, **options):
    server = servers[-1]
    os.write(1, repr({way}).encode())
    os._exit(0)

Server.start, Node.__init__ = started, made
main(["serve", "--headless", "--host", "127.0.0.1", "--port", "0", *{arguments!r}])
"""


def insert(file: Path, before: str, line: str) -> None:
    text = file.read_text()
    assert text.count(before) == 1
    file.write_text(text.replace(before, before + line))


class Copy:
    """A program with a setting more than this one."""

    def __init__(self, directory: Path, goes_to: str) -> None:
        self.directory, self.home = directory / "program", directory / "home"
        self.home.mkdir()
        for part in ("core", "tui"):
            shutil.copytree(REPOSITORY / part, self.directory / part, ignore=shutil.ignore_patterns("__pycache__"))
        insert(self.directory / TABLE, "SETTINGS: Final[tuple[Setting, ...]] = (\n", ENTRY.format(goes_to=goes_to))
        home, before, self.way = HOMES[goes_to]
        insert(self.directory / home, before, FIELD)

    def run(self, *command: str, **variables: str) -> str:
        path = {"PATH": os.environ["PATH"], "HOME": str(self.home), "PYTHONPATH": str(self.directory)}
        ended = subprocess.run(
            [sys.executable, *command],
            cwd=self.directory,
            env={**path, **variables},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=50,
            check=False,
        )
        assert ended.returncode == 0, ended.stderr
        return ended.stdout

    def arrived(self, *arguments: str, **variables: str) -> float:
        """What a server that runs has it for."""
        arguments = ("--data-dir", str(self.home / "data"), *arguments)
        return float(self.run("-c", SERVER.format(way=self.way, arguments=list(arguments)), **variables))


@pytest.mark.parametrize("goes_to", HOMES)
def test_a_setting_that_is_in_the_table_and_has_a_field_arrives_there_from_wherever_it_is_said(
    tmp_path: Path, goes_to: str
) -> None:
    copy = Copy(tmp_path, goes_to)
    assert copy.arrived() == 4.5
    assert copy.arrived("--made-up", "7") == 7.0
    assert copy.arrived(ACTIVITY_TUI_MADE_UP="8") == 8.0
    config = tmp_path / "config.toml"
    config.write_text("made_up = 9\n")
    assert copy.arrived("--config", str(config)) == 9.0


def test_a_setting_that_is_in_the_table_is_in_the_help_and_in_the_configuration(tmp_path: Path) -> None:
    copy = Copy(tmp_path, "node")
    assert "--made-up SECONDS" in copy.run("-m", "tui", "serve", "--help")
    assert "made_up" in copy.run("-m", "tui", "config", "show")
    copy.run("-m", "tui", "config", "init")
    (written,) = copy.home.rglob("config.toml")
    assert "made_up = 4.5" in written.read_text()
