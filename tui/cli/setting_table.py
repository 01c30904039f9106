"""Every setting that a person may choose, once: its name, what it may be, its default, and what it is for.

A setting `data_dir` is the flag `--data-dir`, the environment variable `ACTIVITY_TUI_DATA_DIR` and the line
`data_dir = …` in the configuration file. Flags win over the environment, the environment over the file, the file over
the default.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Final, Literal

from core.wire import DEFAULT_PORT
from tui.cli import given_file, values
from tui.look.appearance import THEMES
from tui.remembered import directories
from tui.script.exit_status import usage_error
from tui.ssh.ssh_settings import SSHSettings, usual_workers
from tui.text.quantities import count_between, duration, duration_between, number_between, shown, suggestion

ENVIRONMENT_PREFIX: Final = "ACTIVITY_TUI_"
CONFIG_VARIABLE: Final = "ACTIVITY_TUI_CONFIG"
NEW_SECRET_VARIABLE: Final = "ACTIVITY_TUI_NEW_SECRET"
"""What `passwd` changes a secret to: no setting, for it is said once."""

SettingGroup = Literal["server", "ssh", "tls", "person"]
GROUP_TITLES: Final[Mapping[SettingGroup, str]] = {
    "server": "The server that `serve` and `join` run",
    "ssh": "The application over SSH",
    "tls": "Encryption: all servers and clients of a network use it, or none does",
    "person": "Who you are",
}


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting. A `default` of None means that there is none; `unset` says in words what holds then."""

    name: str
    read: values.Reader
    help: str
    metavar: str = ""
    default: object = None
    unset: str = ""
    group: SettingGroup = "server"
    secret: bool = False
    flag: bool = True
    """Whether it has a flag: a person's own secret has none, command lines are seen by others."""

    @property
    def flag_name(self) -> str:
        return "--" + self.name.replace("_", "-")

    @property
    def variable(self) -> str:
        return ENVIRONMENT_PREFIX + self.name.upper()

    @property
    def is_switch(self) -> bool:
        return self.read is values.switch


def _ssh_limit(name: str, read: values.Reader, explained: str) -> Setting:
    """A limit of the SSH server: in the configuration file and the environment only, for there are many."""
    return Setting(f"ssh_{name}", read, explained, default=_SSH_DEFAULTS[name], group="ssh", flag=False)


_SSH_DEFAULTS: Final = {one.name: one.default for one in fields(SSHSettings)}
_COUNT: Final = count_between(1, 100_000)
_SECONDS: Final = duration_between(0.01, 86400)
_SSH_LIMITS: Final = (
    _ssh_limit("registration", values.switch, "whether somebody with a new name may register it over SSH"),
    _ssh_limit("connections_max", _COUNT, "connections at a time"),
    _ssh_limit("connections_per_host_max", _COUNT, "the same, of one address"),
    _ssh_limit("unauthenticated_max", _COUNT, "connections at a time that have not logged in yet"),
    _ssh_limit("unauthenticated_start", _COUNT, "from how many of those on a new one may cost one its place"),
    _ssh_limit(
        "unauthenticated_rate", number_between(0, 100), "how likely that is at first, in per cent (MaxStartups)"
    ),
    _ssh_limit("unauthenticated_per_host_max", _COUNT, "the same, of one address"),
    _ssh_limit("login_limit", _SECONDS, "how long somebody may take to log in"),
    _ssh_limit("attempts_max", count_between(1, 100), "failed attempts to log in on one connection"),
    _ssh_limit(
        "failure_delay", _SECONDS, "how long a wrong secret's answer is kept back; doubles with each of one address"
    ),
    _ssh_limit("delay_max", _SECONDS, "how long a wrong secret's answer is kept back at most"),
    _ssh_limit("checks_max", count_between(1, 100), "secrets that are checked at a time"),
    _ssh_limit(
        "checks_per_host_max",
        count_between(1, 1000),
        "secrets of one address that guesses, checked or waiting; more are refused as they come",
    ),
    _ssh_limit("sessions_max", _COUNT, "sessions at a time"),
    _ssh_limit("sessions_per_host_max", _COUNT, "the same, of one address"),
    _ssh_limit("sessions_per_user_max", _COUNT, "sessions of one user at a time"),
    _ssh_limit("sessions_per_connection_max", _COUNT, "sessions on one connection at a time"),
    _ssh_limit("empty_limit", _SECONDS, "how long a connection may be without a session"),
    _ssh_limit(
        "idle_limit",
        duration_between(1, 365 * 86400, zero=True),
        "how long nothing may be typed before a session is ended; 0 for any time",
    ),
    _ssh_limit("keepalive_interval", _SECONDS, "how often a silent client is asked whether it is there"),
    _ssh_limit("keepalive_misses", count_between(1, 100), "how often it may not answer"),
    _ssh_limit("message_rate", number_between(0.1, 10_000), "activities a second that a session may post"),
    _ssh_limit("input_rate", count_between(1024, 2**30), "bytes a second that a session may type or paste"),
    _ssh_limit("keys_max", count_between(1, 1000), "keys of one account"),
    _ssh_limit("leave_limit", _SECONDS, "how long sessions have to say good-bye when the server ends"),
)

SETTINGS: Final[tuple[Setting, ...]] = (
    Setting(
        "host",
        values.host,
        "where to listen; 0.0.0.0 for IPv4 only, :: for IPv6 only",
        "HOST",
        "",
        "all addresses of this machine",
    ),
    Setting("port", values.port, "where to listen; 0 for any free port", "PORT", DEFAULT_PORT),
    Setting(
        "advertise",
        values.advertised,
        "where others reach this server, if not where it listens",
        "HOST[:PORT]",
        unset="found out by itself",
    ),
    Setting("name", values.label, "what people call the server", "NAME", "", "this machine's name"),
    Setting(
        "secret",
        values.secret,
        "the network's secret: whoever has it may link a server",
        "SECRET",
        secret=True,
        unset="kept in the data directory, made at the first start",
    ),
    Setting("secret_file", values.path, "a file whose first line is the network's secret", "FILE"),
    Setting(
        "data_dir",
        values.path,
        "where the server keeps everything; never shared by two",
        "DIRECTORY",
        unset="one for each port, see `config show`",
    ),
    Setting(
        "announce_interval",
        duration_between(0.1, 3600),
        "between two announcements to the network",
        "SECONDS",
        5.0,
    ),
    Setting(
        "backup_interval",
        duration_between(1, 365 * 86400, zero=True),
        "between two backups; 0 for none",
        "SECONDS",
        600.0,
    ),
    Setting("backups_kept", count_between(1, 10_000), "how many backups are kept", "COUNT", 5),
    Setting(
        "activities_kept",
        count_between(1, 1_000_000_000),
        "how many activities the server remembers",
        "COUNT",
        1_000_000,
    ),
    Setting(
        "bytes_kept",
        values.size,
        "how much room they take at most; 0 is without limit, and backups take as much again each",
        "SIZE",
        512 * 1024 * 1024,
    ),
    Setting("age_kept", duration, "how old they may get; 0 is without limit", "TIME", 0.0),
    Setting(
        "anonymous_rate",
        values.size,
        "what the anonymous people at one address may write a second in the long run; 0 is without limit",
        "SIZE",
        128 * 1024,
    ),
    Setting(
        "preset",
        values.choice("local", "lan", "wan"),
        "how fast the others are: local (this machine), lan, or wan (slow or lossy)",
        "PRESET",
        "lan",
    ),
    Setting("anonymous", values.switch, "whether people may come in without a name", default=True),
    Setting(
        "connections_max",
        count_between(16, 1_000_000),
        "connections at a time; some places are kept for servers and people with an account",
        "COUNT",
        10_000,
    ),
    Setting(
        "registrations_per_minute",
        number_between(0.1, 1_000_000),
        "names that may be registered from one address a minute, on average; ten minutes' worth may come at once",
        "COUNT",
        60.0,
    ),
    Setting("redirects", values.switch, "whether people are sent to servers with fewer of them", default=True),
    Setting(
        "ssh", values.listening, "serve the application over SSH there", "[HOST:]PORT", unset="not served", group="ssh"
    ),
    Setting(
        "ssh_workers",
        count_between(0, 64),
        "processes that run the sessions' applications; 0: the server's own does",
        "N",
        usual_workers(),
        group="ssh",
    ),
    *_SSH_LIMITS,
    Setting(
        "tls",
        values.switch,
        "as a client, encrypt the connection; on by itself where an authority or a certificate is named",
        default=False,
        group="tls",
    ),
    Setting(
        "tls_certificate",
        values.path,
        "PEM file: the server's certificate and its chain",
        "FILE",
        group="tls",
        unset="no encryption",
    ),
    Setting("tls_key", values.path, "PEM file: the certificate's key", "FILE", group="tls"),
    Setting(
        "tls_authority",
        values.path,
        "PEM file: who signed the other servers' certificates",
        "FILE",
        group="tls",
        unset="the system's authorities",
    ),
    Setting("user", values.username, "your name in the network", "NAME", group="person", unset="asked for"),
    Setting("user_secret", values.secret, "your secret", group="person", secret=True, flag=False, unset="asked for"),
    Setting("user_secret_file", values.path, "a file whose first line is your secret", "FILE", group="person"),
    Setting(
        "theme",
        values.choice(*THEMES),
        "the application's colours",
        group="person",
        flag=False,
        unset="as chosen in the application the last time",
    ),
)

BY_NAME: Final[Mapping[str, Setting]] = {setting.name: setting for setting in SETTINGS}


@dataclass(frozen=True, slots=True)
class SettingChoice:
    """A setting's value and where it comes from: a flag, a variable, `FILE:LINE`, or `default`."""

    value: object
    origin: str
    rank: int
    """0 flag, 1 environment, 2 file, 3 default."""


DEFAULT_RANK: Final = 3


@dataclass(frozen=True, slots=True)
class SettingProblem:
    """Something wrong with a setting."""

    origin: str
    sentence: str

    def __str__(self) -> str:
        return f"{self.origin}: {self.sentence}"


@dataclass(frozen=True, slots=True)
class ConfigFile:
    """A configuration file as it was read; values are as TOML gave them."""

    path: Path | None
    """None: there is no place for one here."""
    exists: bool
    found: Mapping[str, tuple[object, int]]
    """Key to value and line."""


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

    try:
        document = content.decode("utf-8-sig")
        found = tomllib.loads(document)
    except UnicodeDecodeError:
        raise usage_error(f"{path} is not UTF-8 text") from None
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise usage_error(f"{path} is not TOML: {error}") from None
    return ConfigFile(path, True, {key: (value, _line_of(document, key)) for key, value in found.items()})


def _line_of(document: str, key: str) -> int:
    """The line on which a top-level key or table is written; 0 if it cannot be told."""
    quoted = rf"""["']?{re.escape(key)}["']?"""
    pattern = re.compile(rf"\s*(?:{quoted}\s*[=.]|\[+\s*{quoted}\s*[.\]])")
    for number, line in enumerate(document.splitlines(), 1):
        if pattern.match(line):
            return number
    return 0


class ChosenSettings:
    """What every setting is, and why. Made by `choose`."""

    def __init__(self, chosen: Mapping[str, SettingChoice], file: ConfigFile) -> None:
        self._chosen = chosen
        self.file = file

    def __getitem__(self, name: str) -> SettingChoice:
        return self._chosen[name]

    def __contains__(self, name: str) -> bool:
        return name in self._chosen

    def value(self, name: str) -> object:
        return self._chosen[name].value

    def is_default(self, name: str) -> bool:
        return self._chosen[name].rank == DEFAULT_RANK

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
    problems = list(_unknown_keys(file))
    chosen: dict[str, SettingChoice] = {}
    for setting in SETTINGS:
        sources: list[tuple[object, str]] = [
            (flags.get(setting.name), setting.flag_name),
            (environment.get(setting.variable) or None, setting.variable),
        ]
        value, line = file.found.get(setting.name, (None, 0))
        sources.append((value, f"{file.path}:{line}"))
        for rank, (raw, origin) in enumerate(sources):
            if raw is None or setting.name in chosen:
                continue
            try:
                chosen[setting.name] = SettingChoice(setting.read(raw), origin, rank)
            except ValueError as error:
                within = "" if origin.startswith("--") else f"{setting.name}: "
                problems.append(SettingProblem(origin, within + str(error)))
        chosen.setdefault(setting.name, SettingChoice(setting.default, "default", DEFAULT_RANK))
    problems.sort(key=_place)
    return ChosenSettings(chosen, file), problems


def _place(problem: SettingProblem) -> float:
    """Where a problem is told: those of flags, those of the file in the order of its lines, those of variables."""
    if problem.origin.startswith("--"):
        return 0
    line = problem.origin.rpartition(":")[2]
    return int(line) if line.isdecimal() else math.inf


def _unknown_keys(file: ConfigFile) -> Iterable[SettingProblem]:
    for key, (value, line) in file.found.items():
        if key not in BY_NAME:
            table = "the table " if isinstance(value, dict) else ""
            yield SettingProblem(f"{file.path}:{line}", f"{table}{shown(key)} is no setting{suggestion(key, BY_NAME)}")


def unknown_variables(environment: Mapping[str, str]) -> Iterable[SettingProblem]:
    """Variables with our prefix that mean nothing: misspelt ones, most likely."""
    known = {setting.variable for setting in SETTINGS} | {CONFIG_VARIABLE, NEW_SECRET_VARIABLE}
    for name in sorted(environment):
        if name.startswith(ENVIRONMENT_PREFIX) and name not in known:
            bare = name.removeprefix(ENVIRONMENT_PREFIX)
            near = suggestion(bare, (each.removeprefix(ENVIRONMENT_PREFIX) for each in known), ENVIRONMENT_PREFIX)
            yield SettingProblem(name, f"no setting is called so{near}")


def load(flags: Mapping[str, object], config: str | None) -> ChosenSettings:
    """All sources of this process together. Raises CommandFailed."""
    path, origin = config_path(config, os.environ)
    return choose(flags, os.environ, read_config(path, origin))
