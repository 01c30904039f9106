"""Which source of a setting wins, and what is said of those that are wrong."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import pytest
from msgspec.structs import fields

from core.engine import ConnectionLimits, EngineSettings, Retention
from core.engine.engine_settings import ACTIVITIES_KEPT, BYTES_KEPT
from core.node import NodeConfig
from tui.cli.chosen_settings import ConfigFile, choose, config_path, examine, read_config, unknown_variables
from tui.cli.setting_table import SETTINGS, Destination, Setting
from tui.script.exit_status import CommandFailed, ExitStatus
from tui.ssh.ssh_settings import SSHSettings, usual_workers

NO_FILE = ConfigFile(Path("/none"), False, {})


def config(tmp_path: Path, content: str) -> ConfigFile:
    file = tmp_path / "config.toml"
    file.write_text(content)
    return read_config(file, "--config")


DESTINATIONS: dict[str | None, type] = {
    "engine": EngineSettings,
    "connections": ConnectionLimits,
    "retention": Retention,
    "node": NodeConfig,
    "ssh": SSHSettings,
}


@pytest.mark.parametrize("setting", [one for one in SETTINGS if one.goes_to], ids=lambda one: one.name)
def test_what_goes_on_as_it_was_said_has_a_field_to_go_to_with_the_same_default(setting: Setting) -> None:
    destination = DESTINATIONS[setting.goes_to]
    if destination is SSHSettings:
        defaults: dict[str, object] = dict(SSHSettings._field_defaults)
    else:
        defaults = {one.name: one.default for one in fields(destination)}
    own = {"activities": ACTIVITIES_KEPT, "bytes": BYTES_KEPT, "workers": usual_workers()}
    assert setting.default == (defaults | own)[setting.field_name] or setting.zero_is_none


def test_zero_is_no_limit_where_that_is_said_and_what_nobody_set_goes_nowhere() -> None:
    chosen = choose({"bytes_kept": "0", "activities_kept": "5"}, {}, NO_FILE)
    assert chosen.going_to("retention") == {"activities": 5, "bytes": None, "seconds": None}
    assert "advertise" not in chosen.going_to("engine")


def test_without_any_source_the_default_holds() -> None:
    chosen = choose({}, {}, NO_FILE)
    assert chosen.value("port") == 3780
    assert chosen["port"].origin == "default"
    assert chosen.value("announce_interval") == 5.0


def test_the_file_wins_over_the_default(tmp_path: Path) -> None:
    chosen = choose({}, {}, config(tmp_path, "# mine\nport = 4000\n"))
    assert (chosen.value("port"), chosen["port"].origin) == (4000, f"{tmp_path}/config.toml:2:1")


def test_the_environment_wins_over_the_file(tmp_path: Path) -> None:
    chosen = choose({}, {"ACTIVITY_TUI_PORT": "4001"}, config(tmp_path, "port = 4000\n"))
    assert (chosen.value("port"), chosen["port"].origin) == (4001, "ACTIVITY_TUI_PORT")


def test_a_flag_wins_over_everything(tmp_path: Path) -> None:
    chosen = choose({"port": "4002"}, {"ACTIVITY_TUI_PORT": "4001"}, config(tmp_path, "port = 4000\n"))
    assert (chosen.value("port"), chosen["port"].origin) == (4002, "--port")


def test_an_empty_variable_is_as_good_as_none() -> None:
    assert choose({}, {"ACTIVITY_TUI_PORT": ""}, NO_FILE).value("port") == 3780


def test_a_flag_may_be_empty_to_overrule_a_variable() -> None:
    assert choose({"host": ""}, {"ACTIVITY_TUI_HOST": "127.0.0.1"}, NO_FILE).value("host") == ""


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: setting.name)
def test_every_setting_has_a_flag_a_variable_and_a_default_that_it_would_accept(setting: object) -> None:
    from tui.cli.setting_table import Setting

    assert isinstance(setting, Setting)
    assert setting.variable == "ACTIVITY_TUI_" + setting.name.upper()
    if setting.default is not None:
        assert setting.read(setting.default) == setting.default
    else:
        assert setting.unset or setting.name.endswith("_file")


def test_a_wrong_flag_is_named() -> None:
    with pytest.raises(CommandFailed, match="--port: 'many' is not a port") as failed:
        choose({"port": "many"}, {}, NO_FILE)
    assert failed.value.status == ExitStatus.USAGE


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: setting.name)
def test_no_error_of_a_variable_says_its_name_twice(setting: Setting) -> None:
    _, problems = examine({}, {setting.variable: "\0"}, NO_FILE)
    for problem in problems:
        assert problem.origin == setting.variable
        assert not problem.sentence.startswith(f"{setting.name}:")


def test_a_wrong_variable_is_named() -> None:
    with pytest.raises(CommandFailed, match=r"^ACTIVITY_TUI_PRESET: 'moon' is not one of local, lan, wan"):
        choose({}, {"ACTIVITY_TUI_PRESET": "moon"}, NO_FILE)


def test_a_wrong_line_of_the_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(CommandFailed, match=r"config.toml:3:1: port: 70000 is not a port"):
        choose({}, {}, config(tmp_path, "\nname = 'a'\nport = 70000\n"))


def test_an_unknown_key_suggests_what_was_meant(tmp_path: Path) -> None:
    with pytest.raises(CommandFailed, match=r"config.toml:1:1: 'prot' is no setting; did you mean 'port'?"):
        choose({}, {}, config(tmp_path, "prot = 1\n"))


def test_an_unknown_table_is_named_with_its_line(tmp_path: Path) -> None:
    with pytest.raises(CommandFailed, match=r"config.toml:2:2: the table 'server' is no setting"):
        choose({}, {}, config(tmp_path, "port = 1\n[server]\nport = 2\n"))


def test_everything_that_is_wrong_is_found_at_once(tmp_path: Path) -> None:
    _, problems = examine(
        {}, {"ACTIVITY_TUI_REDIRECTS": "perhaps"}, config(tmp_path, "prot = 1\nport = 'x'\nbackups_kept = 0\n")
    )
    assert [problem.origin.rpartition("/")[2] for problem in problems] == [
        "config.toml:1:1",
        "config.toml:2:1",
        "config.toml:3:1",
        "ACTIVITY_TUI_REDIRECTS",
    ]


def test_a_file_that_is_not_toml_names_the_place(tmp_path: Path) -> None:
    with pytest.raises(CommandFailed, match=r"config.toml:2:6: this is not TOML: Expected"):
        config(tmp_path, "port = 1\nport 2\n")


def test_a_named_file_must_exist_and_the_default_one_need_not(tmp_path: Path) -> None:
    missing = tmp_path / "none.toml"
    with pytest.raises(CommandFailed, match="ACTIVITY_TUI_CONFIG: there is no file"):
        read_config(*config_path(None, {"ACTIVITY_TUI_CONFIG": str(missing)}))
    assert not read_config(missing, "default").exists


def test_a_flag_names_the_file_before_a_variable_does() -> None:
    assert config_path("/a", {"ACTIVITY_TUI_CONFIG": "/b"}) == (Path("/a"), "--config")
    assert config_path(None, {"ACTIVITY_TUI_CONFIG": "/b"}) == (Path("/b"), "ACTIVITY_TUI_CONFIG")


def test_a_misspelt_variable_is_found() -> None:
    problems = list(unknown_variables({"ACTIVITY_TUI_PROT": "1", "ACTIVITY_TUI_CONFIG": "/b", "HOME": "/"}))
    assert [str(problem) for problem in problems] == [
        "ACTIVITY_TUI_PROT: no setting is called so; did you mean 'ACTIVITY_TUI_PORT'?"
    ]


def test_a_secret_may_stand_in_a_file(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text("hush\n")
    assert choose({"secret_file": str(file)}, {}, NO_FILE).secret("secret") == "hush"


def test_of_a_secret_and_a_secret_file_the_one_said_with_more_weight_wins(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text("from the file\n")
    environment = {"ACTIVITY_TUI_SECRET": "from the environment"}
    assert choose({"secret_file": str(file)}, environment, NO_FILE).secret("secret") == "from the file"
    configured = ConfigFile(Path("/c"), True, {"secret_file": str(file)})
    assert choose({}, environment, configured).secret("secret") == "from the environment"


def test_a_secret_and_a_secret_file_of_the_same_weight_contradict_each_other(tmp_path: Path) -> None:
    chosen = choose({"secret": "a", "secret_file": str(tmp_path)}, {}, NO_FILE)
    with pytest.raises(CommandFailed, match="--secret and --secret-file both name a secret"):
        chosen.secret("secret")


def test_no_secret_is_no_secret() -> None:
    assert choose({}, {}, NO_FILE).secret("user_secret") is None


@pytest.mark.parametrize("document", ["CONTRIBUTING.md", "core/DESIGN.md"])
def test_the_documents_name_every_place_that_a_setting_goes_to_and_the_readers_of_values(document: str) -> None:
    assert set(get_args(Destination)) == set(DESTINATIONS)
    text = (Path(__file__).parents[2] / document).read_text(encoding="utf-8")
    rows = [row for row in text.splitlines() if row.startswith(("| a setting", "| **a setting", "| `"))]
    assert [kind.__name__ for kind in DESTINATIONS.values() if kind.__name__ not in "".join(rows)] == []
    (how,) = (row for row in rows if "`tui/cli/setting_table.py`" in row)
    assert "`tui/cli/values.py`" in how and "place of use" in how
