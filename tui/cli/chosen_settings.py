"""What every setting is for this process: flags, variables and the configuration file, put together and checked."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from tui.cli import given_file, values
from tui.cli.setting_table import (
    BY_NAME,
    CONFIG_VARIABLE,
    ENVIRONMENT_PREFIX,
    GONE,
    KEYS_TABLE,
    NEW_SECRET_VARIABLE,
    SETTINGS,
    Destination,
)
from tui.remembered import directories
from tui.script.exit_status import usage_error
from tui.text.quantities import shown, suggestion

if TYPE_CHECKING:
    from tui.cli.toml_places import KeyPath, KeyPlace
    from tui.user_actions.keymap import Keymap


class SettingChoice:
    """A setting's value and where it comes from: a flag, a variable, `FILE:LINE:COLUMN`, or `default`."""

    __slots__ = ("origin", "rank", "value")

    def __init__(self, value: object, origin: str, rank: int) -> None:
        self.value = value
        self.origin = origin
        self.rank = rank
        """0 flag, 1 environment, 2 file, 3 default."""


FILE_RANK: Final = 2
DEFAULT_RANK: Final = 3


class SettingProblem:
    """Something wrong with a setting."""

    __slots__ = ("order", "origin", "sentence")

    def __init__(self, origin: str, sentence: str, order: tuple[float, int] = (math.inf, 0)) -> None:
        self.origin = origin
        self.sentence = sentence
        self.order = (0, 0) if origin.startswith("--") else order
        """Where it is told: what is wrong with flags, with the file from its beginning on, with variables."""

    def __str__(self) -> str:
        return f"{self.origin}: {self.sentence}"


class ConfigFile:
    """A configuration file as it was read; values are as TOML gave them."""

    __slots__ = ("exists", "found", "path", "places")

    def __init__(
        self,
        path: Path | None,
        exists: bool,
        found: Mapping[str, object],
        places: Mapping[KeyPath, KeyPlace] = MappingProxyType({}),
    ) -> None:
        self.path = path
        """None: there is no place for one here."""
        self.exists = exists
        self.found = found
        self.places = places

    def origin(self, path: KeyPath) -> str:
        """`FILE:LINE:COLUMN` of a key."""
        place = self.places.get(path)
        return f"{self.path}:{place}" if place is not None else str(self.path)

    def problem(self, path: KeyPath, sentence: str) -> SettingProblem:
        """Something wrong at a key."""
        return SettingProblem(self.origin(path), sentence, self.places.get(path, (1, 1)))


def config_path(flag: str | None, environment: Mapping[str, str]) -> tuple[Path | None, str]:
    """Where the configuration file is, whether it exists or not, and who says so.

    None where nobody says and there is no home directory.
    """
    for named, origin in ((flag, "--config"), (environment.get(CONFIG_VARIABLE), CONFIG_VARIABLE)):
        if named:
            try:
                return values.path(named), origin
            except ValueError as error:
                raise usage_error(f"{origin}: {error}") from None
    directory = directories.config_dir()
    return directory / "config.toml" if directory is not None else None, "default"


CONFIG_BYTES_MAX: Final = 1024 * 1024


def default_data_dir(port: int) -> Path:
    """Where a server keeps its data if nobody says: each port of this machine has a directory of its own.

    Raises CommandFailed where there is no home directory.
    """
    directory = directories.data_dir()
    if directory is None:
        raise usage_error("there is no home directory to keep data in", hint="--data-dir DIR says where; so does HOME.")
    return directory / f"node-{port}"


def read_config(path: Path | None, origin: str) -> ConfigFile:
    """Read a configuration file. A file that nobody named need not exist.

    Raises CommandFailed with the line if it is not TOML.
    """
    if path is None:
        return ConfigFile(None, False, {})
    try:
        content = given_file.read(path, CONFIG_BYTES_MAX)
    except (FileNotFoundError, NotADirectoryError):
        if origin == "default":
            return ConfigFile(path, False, {})
        raise usage_error(
            f"{origin}: there is no file {path}", hint="`activity-tui config init` writes one with all settings."
        ) from None
    except OSError as error:
        raise usage_error(f"{path} cannot be read: {error.strerror}") from None
    import tomllib

    from tui.cli.toml_places import key_places

    try:
        document = content.decode("utf-8-sig")
        found = tomllib.loads(document)
    except UnicodeDecodeError:
        raise usage_error(f"{path} is not UTF-8 text") from None
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise usage_error(_not_toml(path, str(error))) from None
    return ConfigFile(path, True, found, key_places(document))


def _not_toml(path: Path, error: str) -> str:
    """`FILE:LINE:COLUMN: what`, as everything else about the file is told; the reader says the place in words."""
    words, _, place = error.rpartition(" (at line ")
    numbers = place.removesuffix(")").split(", column ")
    if words and len(numbers) == 2 and all(number.isdecimal() for number in numbers):
        return f"{path}:{':'.join(numbers)}: this is not TOML: {words}"
    return f"{path} is not TOML: {error}"


class ChosenSettings:
    """What every setting is, and why. Made by `choose`."""

    def __init__(self, chosen: Mapping[str, SettingChoice], file: ConfigFile, keymap: Keymap) -> None:
        self._chosen = chosen
        self.file = file
        self.keymap = keymap
        """Other keys for actions."""

    def __getitem__(self, name: str) -> SettingChoice:
        return self._chosen[name]

    def __contains__(self, name: str) -> bool:
        return name in self._chosen

    def value(self, name: str) -> object:
        return self._chosen[name].value

    def is_default(self, name: str) -> bool:
        return self._chosen[name].rank == DEFAULT_RANK

    def going_to(self, destination: Destination) -> dict[str, Any]:
        """The fields of what lies below the command line, as the settings say them; without those that nobody set and
        that have no default."""
        found = {}
        for setting in SETTINGS:
            value = self.value(setting.name)
            if setting.goes_to == destination and value is not None:
                found[setting.field_name] = None if setting.zero_is_none and value == 0 else value
        return found

    def secret(self, name: str) -> str | None:
        """A secret given itself or in a file (`…_file`), whichever is said with more weight.

        Raises CommandFailed if both are said with the same weight, or the file holds none.
        """
        itself, in_file = self._chosen[name], self._chosen[f"{name}_file"]
        if itself.rank == in_file.rank == DEFAULT_RANK:
            return None
        if itself.rank == in_file.rank:
            raise usage_error(f"{itself.origin} and {in_file.origin} both name a secret: give only one of them")
        if itself.rank < in_file.rank:
            return str(itself.value)
        assert isinstance(in_file.value, Path)
        try:
            return values.read_secret_file(in_file.value)
        except ValueError as error:
            raise usage_error(f"{in_file.origin}: {error}") from None


def choose(flags: Mapping[str, object], environment: Mapping[str, str], file: ConfigFile) -> ChosenSettings:
    """Put all sources together.

    `flags` has only those that were given. Raises CommandFailed for the first setting that is wrong.
    """
    chosen, problems = examine(flags, environment, file)
    if problems:
        raise usage_error(
            str(problems[0]), hint="`activity-tui config check` tells everything that is wrong." if problems[1:] else ""
        )
    return chosen


def examine(
    flags: Mapping[str, object], environment: Mapping[str, str], file: ConfigFile
) -> tuple[ChosenSettings, list[SettingProblem]]:
    """Like `choose`, but collects what is wrong; a wrong value leaves the setting to the next source."""
    keymap, wrong_keys = _keymap(file)
    problems = [*_unknown_keys(file), *_gone_variables(environment), *wrong_keys]
    chosen: dict[str, SettingChoice] = {}
    for setting in SETTINGS:
        sources: list[tuple[object, str]] = [
            (flags.get(setting.name), setting.flag_name),
            (environment.get(setting.variable) or None, setting.variable),
        ]
        sources.append((file.found.get(setting.name), file.origin((setting.name,))))
        for rank, (raw, origin) in enumerate(sources):
            if raw is None or setting.name in chosen:
                continue
            try:
                chosen[setting.name] = SettingChoice(setting.read(raw), origin, rank)
            except ValueError as error:
                # A place in the file does not say by itself which setting it is; a flag and a variable do.
                within = f"{setting.name}: " if rank == FILE_RANK else ""
                place = file.places.get((setting.name,)) if rank == FILE_RANK else None
                problems.append(SettingProblem(origin, within + str(error), place or (math.inf, 0)))
        chosen.setdefault(setting.name, SettingChoice(setting.default, "default", DEFAULT_RANK))
    problems.sort(key=lambda problem: problem.order)
    return ChosenSettings(chosen, file, keymap), problems


def _keymap(file: ConfigFile) -> tuple[Keymap, list[SettingProblem]]:
    """What the table `keys` of the file says, and what is wrong with it."""
    table = file.found.get(KEYS_TABLE, {})
    if not table:
        return {}, []
    if not isinstance(table, dict):
        return {}, [file.problem((KEYS_TABLE,), f"{KEYS_TABLE} is a table: write [{KEYS_TABLE}] above it")]
    from tui.user_actions.keymap import read_keymap

    keymap, problems = read_keymap(table)
    # An action's id has dots in it, whether it is written as one key or as several.
    written = {".".join(path[1:]): path for path in reversed(list(file.places)) if path[0] == KEYS_TABLE}
    return keymap, [
        file.problem(written.get(action, (KEYS_TABLE,)), f"[{KEYS_TABLE}] {action}: {sentence}")
        for action, sentence in problems
    ]


def _unknown_keys(file: ConfigFile) -> Iterable[SettingProblem]:
    for key, value in file.found.items():
        if key in GONE:
            yield file.problem((key,), f"{key} {GONE[key]}")
        elif key not in BY_NAME and key != KEYS_TABLE:
            table = "the table " if isinstance(value, dict) else ""
            yield file.problem((key,), f"{table}{shown(key)} is no setting{suggestion(key, BY_NAME)}")


def _gone_variables(environment: Mapping[str, str]) -> Iterable[SettingProblem]:
    for name, why in GONE.items():
        if environment.get(variable := ENVIRONMENT_PREFIX + name.upper()):
            yield SettingProblem(variable, why)


def unknown_variables(environment: Mapping[str, str]) -> Iterable[SettingProblem]:
    """Variables with our prefix that mean nothing: misspelt ones, most likely."""
    known = {setting.variable for setting in SETTINGS} | {CONFIG_VARIABLE, NEW_SECRET_VARIABLE}
    gone = {ENVIRONMENT_PREFIX + name.upper() for name in GONE}
    for name in sorted(environment):
        if name.startswith(ENVIRONMENT_PREFIX) and name not in known | gone:
            bare = name.removeprefix(ENVIRONMENT_PREFIX)
            near = suggestion(bare, (each.removeprefix(ENVIRONMENT_PREFIX) for each in known), ENVIRONMENT_PREFIX)
            yield SettingProblem(name, f"no setting is called so{near}")


def load(flags: Mapping[str, object], config: str | None) -> ChosenSettings:
    """All sources of this process together. Raises CommandFailed."""
    path, origin = config_path(config, os.environ)
    return choose(flags, os.environ, read_config(path, origin))
