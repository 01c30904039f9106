"""`config`: path, show, init and check."""

from __future__ import annotations

import stat
import tomllib
from pathlib import Path

import pytest

from tests.cli.program import Program
from tui.cli.chosen_settings import ConfigFile, examine
from tui.cli.config_command import template
from tui.cli.setting_table import SETTINGS


def default_file(program: Program) -> Path:
    return Path(program.run("config", "path").out.strip())


def test_path_tells_where_the_file_belongs(program: Program) -> None:
    ended = program.run("config", "path")
    assert ended.status == 0
    assert ended.out.strip().startswith(str(program.home))
    assert ended.out.strip().endswith("activity-tui/config.toml")
    assert ended.err == ""


def test_path_tells_the_file_that_was_named(program: Program) -> None:
    assert program.run("config", "path", "--config", "/x.toml").out == "/x.toml\n"
    assert program.run("--config", "/x.toml", "config", "path").out == "/x.toml\n"
    assert program.run("config", "path", variables={"ACTIVITY_TUI_CONFIG": "/y.toml"}).out == "/y.toml\n"


def test_init_writes_a_private_file_in_which_nothing_is_wrong(program: Program) -> None:
    assert program.run("config", "init").status == 0
    file = default_file(program)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert tomllib.loads(file.read_text()) == {}
    assert program.run("config", "check").status == 0
    assert list(file.parent.iterdir()) == [file]


def test_init_never_overwrites_unless_told_to(program: Program) -> None:
    program.run("config", "init")
    file = default_file(program)
    file.write_text("port = 4000\n")
    refused = program.run("config", "init")
    assert (refused.status, file.read_text()) == (2, "port = 4000\n")
    assert "exists already" in refused.err
    assert program.run("config", "init", "--force").status == 0
    assert "port = 4000" not in file.read_text()


def test_init_says_why_a_file_cannot_be_written(program: Program, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    ended = program.run("config", "init", "--config", str(tmp_path / "file" / "config.toml"))
    assert ended.status == 1
    assert "cannot be written" in ended.err


def test_every_line_of_the_template_is_right_once_the_comment_sign_is_gone() -> None:
    lines = [line.removeprefix("#") for line in template().splitlines() if line.startswith("#") and line[1:2] != " "]
    found = tomllib.loads("\n".join(lines))
    assert list(found) == [*(setting.name for setting in SETTINGS), "keys"]
    given = {name: value for name, value in found.items() if value != ""}
    chosen, problems = examine({}, {}, ConfigFile(Path("/c"), True, given))
    assert problems == []
    for setting in SETTINGS:
        assert chosen.value(setting.name) == setting.default


def test_show_tells_each_value_and_who_says_so(program: Program, tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text("name = 'kitchen'\nport = 4000\n")
    ended = program.run(
        "config", "show", "--config", str(file), variables={"ACTIVITY_TUI_PORT": "4001", "ACTIVITY_TUI_ANONYMOUS": "no"}
    )
    said = {line.partition(" = ")[0]: line.partition(" = ")[2].split("  # ") for line in ended.out.splitlines()}
    assert ended.status == 0
    assert [part.strip() for part in said["name"]] == ['"kitchen"', f"{file}:1:1"]
    assert [part.strip() for part in said["port"]] == ["4001", "ACTIVITY_TUI_PORT"]
    assert [part.strip() for part in said["anonymous"]] == ["false", "ACTIVITY_TUI_ANONYMOUS"]
    assert [part.strip() for part in said["backups_kept"]] == ["5", "default"]


def test_show_tells_the_data_directory_of_the_port(program: Program) -> None:
    ended = program.run("config", "show", variables={"ACTIVITY_TUI_PORT": "4001"})
    assert "activity-tui/node-4001" in ended.out


def test_show_writes_a_file_that_can_be_read_again(program: Program) -> None:
    shown = program.run("config", "show", variables={"ACTIVITY_TUI_NAME": 'a "quoted" näme'}).out
    assert tomllib.loads(shown)["name"] == 'a "quoted" näme'


@pytest.mark.parametrize("action", ["show", "check"])
def test_a_secret_is_never_shown(program: Program, tmp_path: Path, action: str) -> None:
    file = tmp_path / "mine.toml"
    file.write_text('secret = "swordfish"\n')
    ended = program.run("config", action, "--config", str(file), variables={"ACTIVITY_TUI_USER_SECRET": "open sesame"})
    assert ended.status == 0
    assert "swordfish" not in ended.out + ended.err
    assert "sesame" not in ended.out + ended.err


def test_a_wrong_secret_is_not_shown_either(program: Program) -> None:
    ended = program.run("config", "check", variables={"ACTIVITY_TUI_SECRET": "sword\nfish"})
    assert ended.status == 2
    assert "fish" not in ended.out + ended.err


def test_check_tells_everything_that_is_wrong(program: Program, tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text("prot = 1\n\nbackup_interval = 'often'\nhost = 5\nbckups_kept = 3\n")
    ended = program.run("config", "check", "--config", str(file), variables={"ACTIVITY_TUI_NAM": "x"})
    assert ended.status == 2
    assert ended.out.splitlines() == [
        f"{file}:1:1: 'prot' is no setting; did you mean 'port'?",
        f"{file}:3:1: backup_interval: 'often' is not a time: write seconds, or a number with s, m, h, d, w or y",
        f"{file}:4:1: host: 5 is not a text in quotes",
        f"{file}:5:1: 'bckups_kept' is no setting; did you mean 'backups_kept'?",
        "ACTIVITY_TUI_NAM: no setting is called so; did you mean 'ACTIVITY_TUI_NAME'?",
    ]


def test_check_notices_two_ways_to_a_secret(program: Program, tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text("secret = 'a'\nsecret_file = '/b'\n")
    ended = program.run("config", "check", "--config", str(file))
    assert ended.status == 2
    assert "both name a secret" in ended.out


def test_check_warns_of_a_secret_that_others_can_read(program: Program, tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text("secret = 'a'\n")
    file.chmod(0o644)
    ended = program.run("config", "check", "--config", str(file))
    assert ended.status == 0
    assert "can be read by others" in ended.err
    file.chmod(0o600)
    assert "can be read by others" not in program.run("config", "check", "--config", str(file)).err


def test_a_wrong_configuration_keeps_every_command_from_running(program: Program, tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text("port = 'x'\n")
    for arguments in (("config", "show"), ("restore", "backup"), ("serve", "--headless")):
        ended = program.run(*arguments, "--config", str(file))
        assert ended.status == 2, arguments
        assert f"{file}:1:1: port: 'x' is not a port" in ended.err


# --- keys -------------------------------------------------------------------------------------------------------------


def test_keys_are_read_from_their_table_and_shown_as_toml(program: Program, tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_text('[keys]\nfeed.write = "a"\n"pane.zoom" = ["Ctrl+T", "F11"]\n')
    ended = program.run("config", "show", "--config", str(file))
    assert ended.status == 0, ended.err
    assert tomllib.loads(ended.out)["keys"] == {"feed.write": "a", "pane.zoom": ["ctrl+t", "f11"]}
    assert program.run("config", "check", "--config", str(file)).status == 0


def test_what_is_wrong_with_keys_is_told_with_what_to_do(program: Program, tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_text('port = 4000\n[keys]\nfeed.wirte = "a"\n  pane.zoom = "Strg+O"\n"feed.write" = "t"\n')
    ended = program.run("config", "check", "--config", str(file))
    assert ended.status == 2
    lines = ended.out.splitlines()
    assert [line.partition(": ")[0] for line in lines] == [f"{file}:3:1", f"{file}:4:3", f"{file}:5:1"]
    assert "feed.write" in lines[0] and "ctrl" in lines[1] and "application.theme" in lines[2]


@pytest.mark.parametrize("command", ["serve", "status"])
def test_no_command_runs_with_keys_that_are_wrong(command: str, program: Program, tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_text('[keys]\nfeed.write = "t"\n')
    words = (command, "localhost") if command == "status" else (command,)
    ended = program.run(*words, "--config", str(file))
    assert ended.status == 2
    assert ended.err.startswith(f"activity-tui: {file}:2:1: [keys] feed.write: ")


def test_the_file_to_begin_with_has_every_key_and_says_what_holds(program: Program) -> None:
    uncommented = "\n".join(line[1:] for line in template().splitlines() if line.startswith('#"') or line == "#[keys]")
    found, problems = examine({}, {}, ConfigFile(Path("f"), True, tomllib.loads(uncommented)))
    assert problems == []
    assert found.keymap["feed.write"] == "i" and found.keymap["application.quit"] == "ctrl+q"
