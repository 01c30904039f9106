"""`config`: where the settings come from, what is wrong with them, and a file to begin with."""

from __future__ import annotations

import argparse
import os
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path

from tui.cli.chosen_settings import (
    ChosenSettings,
    choose,
    config_path,
    default_data_dir,
    examine,
    read_config,
    unknown_variables,
)
from tui.cli.console import put, say
from tui.cli.inputs import given_settings
from tui.cli.setting_table import CONFIG_VARIABLE, GROUP_TITLES, KEYS_TABLE, SETTINGS, Setting
from tui.remembered import directories
from tui.script.exit_status import CommandFailed, ExitStatus, usage_error

MASK = "********"


def run(arguments: argparse.Namespace) -> int:
    path, origin = config_path(getattr(arguments, "config", None), os.environ)
    if arguments.action in ("path", "init"):
        if path is None:
            raise usage_error(
                "there is no home directory for a configuration file",
                hint=f"--config FILE says where it is; so do {CONFIG_VARIABLE} and HOME.",
            )
        if arguments.action == "init":
            return _init(path, arguments.force)
        put(str(path))
        return ExitStatus.DONE
    file = read_config(path, origin)
    if arguments.action == "show":
        state = "" if file.exists else " (there is none yet; `activity-tui config init` writes one)"
        say(f"configuration file: {path}{state}" if path is not None else "no configuration file: no home directory")
        for line in shown_settings(choose(given_settings(arguments), os.environ, file)):
            put(line)
        return ExitStatus.DONE
    return _check(path, origin)


def shown_settings(choices: ChosenSettings) -> Iterator[str]:
    """`NAME = VALUE  # ORIGIN`, a line of TOML where there is a value; without secrets."""
    lines = []
    for setting in SETTINGS:
        choice = choices[setting.name]
        value = choice.value
        if setting.name == "data_dir" and value is None and directories.data_dir() is not None:
            value = default_data_dir(int(str(choices.value("port"))))
        if value is None:
            lines.append((f"# {setting.name}", f"{choice.origin}: {setting.unset or 'none'}"))
        else:
            shown = f'"{MASK}"' if setting.secret else _toml(value)
            note = f": {setting.unset}" if value == "" and setting.unset else ""
            lines.append((f"{setting.name} = {shown}", choice.origin + note))
    width = max(len(left) for left, _ in lines if len(left) <= 60)
    for left, right in lines:
        yield f"{left:<{width}}  # {right}"
    if choices.keymap:
        yield f"[{KEYS_TABLE}]"
        for action, keys in choices.keymap.items():
            yield f"{_toml(action)} = {_toml_list(keys.split(','))}"


def _check(path: Path | None, origin: str) -> int:
    file = read_config(path, origin)
    choices, problems = examine({}, os.environ, file)
    wrong = [str(problem) for problem in (*problems, *unknown_variables(os.environ))]
    for name in ("secret", "user_secret"):
        try:
            choices.secret(name)
        except CommandFailed as error:
            wrong.append(str(error))
    for sentence in wrong:
        put(sentence)
    if (
        file.exists
        and path is not None
        and _readable_by_others(path)
        and any(s.secret and s.name in file.found for s in SETTINGS)
    ):
        say(f"warning: {path} contains a secret and can be read by others; `chmod 600 {path}` changes that")
    if wrong:
        say(f"{len(wrong)} wrong")
        return ExitStatus.USAGE
    missing = f"there is no {path}" if path is not None else "there is no configuration file"
    say(f"{path}: everything is right" if file.exists else f"{missing}; the defaults hold")
    return ExitStatus.DONE


def _readable_by_others(path: Path) -> bool:
    try:
        return bool(path.stat().st_mode & (stat.S_IRGRP | stat.S_IROTH))
    except OSError:
        return False


def _init(path: Path, force: bool) -> int:
    content = template()
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise CommandFailed(ExitStatus.FAILURE, f"{path} cannot be written: {error.strerror}") from None
    try:
        # Whole or not at all; private, because a secret may come to stand in it.
        draft = path.with_name(f".{path.name}.{os.getpid()}")
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
                stream.write(content)
            if force:
                draft.replace(path)
            else:
                os.link(draft, path)
        finally:
            draft.unlink(missing_ok=True)
    except FileExistsError:
        raise usage_error(f"{path} exists already", hint="--force overwrites it.") from None
    except OSError as error:
        raise CommandFailed(ExitStatus.FAILURE, f"{path} cannot be written: {error.strerror}") from None
    say(f"wrote {path}")
    return ExitStatus.DONE


def template() -> str:
    """A configuration file with every setting, commented out, its default and what it means."""
    lines = [
        "# Settings of activity-tui. Flags and environment variables (ACTIVITY_TUI_PORT for port) win over this file.",
        "# `activity-tui config check` tells what is wrong here; `activity-tui config show` what holds.",
    ]
    from tui.user_actions.keymap import usual_keys

    for group, title in GROUP_TITLES.items():
        lines += ["", f"# --- {title}"]
        for setting in SETTINGS:
            if setting.group == group:
                lines += ["", *_explained(setting)]
    lines += ["", "# --- Your keys, by the ids of their actions", "", f"#[{KEYS_TABLE}]"]
    lines += [f"#{_toml(action)} = {_toml_list(keys)}" for action, keys in usual_keys()]
    return "\n".join(lines) + "\n"


def _explained(setting: Setting) -> Iterator[str]:
    yield f"# {setting.help[0].upper()}{setting.help[1:]}." + (f" Default: {setting.unset}." if setting.unset else "")
    yield f"#{setting.name} = {_toml('' if setting.default is None else setting.default)}"


def _toml_list(values: Iterable[str]) -> str:
    shown = [_toml(value) for value in values]
    return shown[0] if len(shown) == 1 else f"[{', '.join(shown)}]"


def _toml(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float) and not isinstance(value, bool):
        return f"{value!r}"
    import json

    # A JSON string is a TOML basic string, but for DEL.
    return json.dumps(str(value), ensure_ascii=False).replace("\x7f", "\\u007f")
