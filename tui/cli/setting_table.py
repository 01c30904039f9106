"""Every setting that a person may choose, once: its name, what it may be, its default, and what it is for.

A setting `data_dir` is the flag `--data-dir`, the environment variable `ACTIVITY_TUI_DATA_DIR` and the line
`data_dir = …` in the configuration file. Flags win over the environment, the environment over the file, the file over
the default.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal, NamedTuple

from core.wire import DEFAULT_PORT
from tui.cli import values
from tui.look.appearance import THEMES
from tui.ssh.ssh_settings import SSHSettings, usual_workers
from tui.text.quantities import count_between, duration, duration_between, number_between

ENVIRONMENT_PREFIX: Final = "ACTIVITY_TUI_"
CONFIG_VARIABLE: Final = "ACTIVITY_TUI_CONFIG"
KEYS_TABLE: Final = "keys"
"""The table of the configuration file that gives actions other keys."""

NEW_SECRET_VARIABLE: Final = "ACTIVITY_TUI_NEW_SECRET"
"""What `passwd` changes a secret to: no setting, for it is said once."""

CODE_VARIABLE: Final = "ACTIVITY_TUI_CODE"
"""The one-time code for `passwd --code`."""

SettingGroup = Literal["server", "ssh", "trust", "person"]
GROUP_TITLES: Final[Mapping[SettingGroup, str]] = {
    "server": "The server that `serve` and `join` run",
    "ssh": "The application over SSH",
    "trust": "Whom you talk to",
    "person": "Who you are",
}


Destination = Literal["engine", "connections", "retention", "node", "ssh"]
"""The settings below the command line: `EngineSettings`, its `ConnectionLimits` and `Retention`, `NodeConfig`,
`SSHSettings`."""


class Setting(NamedTuple):
    """One setting. A `default` of None means that there is none; `unset` says in words what holds then.

    With a place that it `goes_to` it needs nothing more than the field that it is there: whoever starts a server hands
    it on without knowing it. The command line sees to the others itself.
    """

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
    goes_to: Destination | None = None
    field: str = ""
    """What it is called there, if not by its own name."""
    zero_is_none: bool = False
    """Whether 0 stands for no limit, which there is None."""

    @property
    def flag_name(self) -> str:
        return "--" + self.name.replace("_", "-")

    @property
    def variable(self) -> str:
        return ENVIRONMENT_PREFIX + self.name.upper()

    @property
    def field_name(self) -> str:
        """What it is called where it goes to."""
        return self.field or self.name

    @property
    def is_switch(self) -> bool:
        return self.read is values.switch


def _ssh_limit(name: str, read: values.Reader, explained: str) -> Setting:
    """A limit of the SSH server: in the configuration file and the environment only, for there are many."""
    return Setting(
        f"ssh_{name}",
        read,
        explained,
        default=_SSH_DEFAULTS[name],
        group="ssh",
        flag=False,
        goes_to="ssh",
        field=name,
    )


_SSH_DEFAULTS: Final = SSHSettings._field_defaults
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


def _room(name: str, what: str, default: int) -> Setting:
    """A bound on what other servers have this one keep: few ever change one."""
    return Setting(name, count_between(16, 100_000_000), what, default=default, flag=False, goes_to="node")


_ROOM: Final = (
    _room("servers_max", "servers whose records are kept; a neighbour brings no more than are left free", 8192),
    _room("origins_max", "servers, gone ones included, whose activities are kept; likewise", 16_384),
    _room("starts_max", "starts of servers of which something is kept; likewise", 2_000_000),
    _room("accounts_max", "accounts, and changes of accounts, that are kept; likewise", 1_000_000),
    _room("claims_max", "other servers' registrations that are under way at a time; likewise", 20_000),
    Setting(
        "documents_bytes_max",
        count_between(64 * 1024, 2**36),
        "bytes that accounts' documents may have, which are in memory, with 512 for each; of more the largest go",
        default=64 * 1024 * 1024,
        flag=False,
        goes_to="node",
    ),
    Setting(
        "server_registrations_per_minute",
        number_between(0.1, 1_000_000),
        "names that a server may register a minute, on average; a neighbour with twice as many loses its link",
        default=6000.0,
        flag=False,
        goes_to="node",
    ),
)

SETTINGS: Final[tuple[Setting, ...]] = (
    Setting(
        "host",
        values.host,
        "where to listen; 0.0.0.0 for IPv4 only, :: for IPv6 only",
        "HOST",
        "",
        "all addresses of this machine",
        goes_to="engine",
    ),
    Setting("port", values.port, "where to listen; 0 for any free port", "PORT", DEFAULT_PORT),
    Setting(
        "advertise",
        values.advertised,
        "where others reach this server, if not where it listens",
        "HOST[:PORT]",
        unset="found out by itself",
        goes_to="engine",
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
        goes_to="node",
    ),
    Setting(
        "backup_interval",
        duration_between(1, 365 * 86400, zero=True),
        "between two backups; 0 for none",
        "SECONDS",
        600.0,
        goes_to="engine",
    ),
    Setting("backups_kept", count_between(1, 10_000), "how many backups are kept", "COUNT", 5, goes_to="engine"),
    Setting(
        "activities_kept",
        count_between(1, 1_000_000_000),
        "how many activities the server remembers",
        "COUNT",
        1_000_000,
        goes_to="retention",
        field="activities",
    ),
    Setting(
        "bytes_kept",
        values.size,
        "how much room they take at most; 0 is without limit, and backups take as much again each",
        "SIZE",
        512 * 1024 * 1024,
        goes_to="retention",
        field="bytes",
        zero_is_none=True,
    ),
    Setting(
        "age_kept",
        duration,
        "how old they may get; 0 is without limit",
        "TIME",
        0.0,
        goes_to="retention",
        field="seconds",
        zero_is_none=True,
    ),
    Setting(
        "search_index",
        values.switch,
        "keep an index of words, a file beside the data; without one a search looks at each activity",
        default=True,
        goes_to="engine",
    ),
    Setting(
        "anonymous_rate",
        values.size,
        "what the anonymous people at one address may write a second in the long run; 0 is without limit",
        "SIZE",
        128 * 1024,
        goes_to="node",
    ),
    Setting(
        "preset",
        values.Choice("local", "lan", "wan"),
        "how fast the others are: local (this machine), lan, or wan (slow or lossy)",
        "PRESET",
        "lan",
        goes_to="engine",
    ),
    Setting(
        "accept_unsigned",
        values.switch,
        "whether what no key has signed is believed of servers that have one: only for going back to a version before"
        " servers had keys",
        default=False,
        goes_to="node",
    ),
    Setting(
        "links",
        values.Choice("encrypted", "base", "mixed"),
        "which links with other servers may be in clear, secret included: encrypted (none), base (those with servers of"
        " 2018), or mixed (those with servers of the version before, too, to upgrade a network one by one)",
        "POLICY",
        "base",
        goes_to="node",
    ),
    Setting(
        "redundant_links",
        count_between(0, 8),
        "links that the server keeps with others beside the spanning tree's; with more of them than there are members"
        " that lie these cannot cut it off",
        "COUNT",
        2,
        goes_to="node",
        field="lazy_links",
    ),
    Setting(
        "distrusted",
        values.server_ids,
        "servers that lie about people, by id, with commas between them: what was registered there takes nobody's name,"
        " and what they say of keys and secrets does not count; say it at each server of the network",
        "ID,ID",
        values.ServerIds(),
        unset="none",
        goes_to="node",
    ),
    Setting(
        "operators",
        values.operator_keys,
        "public keys (ssh-ed25519 AAAA…, or their SHA256:… fingerprints) whose orders this server heeds beside those of"
        " the network's operators, with commas between them",
        "KEY,KEY",
        values.OperatorKeys(),
        unset="none",
        goes_to="node",
    ),
    Setting("anonymous", values.switch, "whether people may come in without a name", default=True, goes_to="node"),
    Setting(
        "connections_max",
        count_between(16, 1_000_000),
        "connections at a time; some places are kept for servers and people with an account",
        "COUNT",
        10_000,
        goes_to="connections",
        field="connections",
    ),
    Setting(
        "registrations_per_minute",
        number_between(0.1, 1_000_000),
        "names that may be registered from one address a minute, on average; ten minutes' worth may come at once",
        "COUNT",
        60.0,
        goes_to="node",
    ),
    *_ROOM,
    Setting(
        "redirects",
        values.switch,
        "whether people are sent to servers with fewer of them",
        default=True,
        goes_to="node",
    ),
    Setting(
        "log_level",
        values.Choice("debug", "info", "warning", "error"),
        "what is logged: debug (what goes on inside, as key=value), info, warning or error",
        "LEVEL",
        "info",
    ),
    Setting(
        "log_format",
        values.Choice("text", "json"),
        "how: text (sentences), or json (an object a line, with the kind of each event)",
        "FORMAT",
        "text",
    ),
    Setting(
        "log_file",
        values.path,
        "a file to log to",
        "FILE",
        unset="standard error; with a screen DATA_DIR/log where a level or format is said, else nowhere",
    ),
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
        goes_to="ssh",
        field="workers",
    ),
    *_SSH_LIMITS,
    Setting(
        "network",
        values.network,
        "the network that the server must be of: its fingerprint",
        "FINGERPRINT",
        group="trust",
        unset="the one that is known there; you are asked about a new one",
    ),
    Setting(
        "accept_new",
        values.switch,
        "whether a network that is met at an address for the first time is known from then on, without a question",
        default=False,
        group="trust",
    ),
    Setting(
        "plain",
        values.switch,
        "whether to talk in clear, to whoever listens there: to servers that speak only the base protocol",
        default=False,
        group="trust",
    ),
    Setting("user", values.username, "your name in the network", "NAME", group="person", unset="asked for"),
    Setting("user_secret", values.secret, "your secret", group="person", secret=True, flag=False, unset="asked for"),
    Setting("user_secret_file", values.path, "a file whose first line is your secret", "FILE", group="person"),
    Setting(
        "theme",
        values.Choice(*THEMES),
        "the application's colours",
        group="person",
        flag=False,
        unset="as chosen in the application the last time",
    ),
)

BY_NAME: Final[Mapping[str, Setting]] = {setting.name: setting for setting in SETTINGS}

_NO_CERTIFICATES: Final = (
    "is no setting any more: servers make their certificates themselves, and all that can encrypts; take it away"
)
GONE: Final[Mapping[str, str]] = dict.fromkeys(("tls", "tls_certificate", "tls_key", "tls_authority"), _NO_CERTIFICATES)
"""Settings of earlier versions, and what became of them, as a clause for who still says one."""
