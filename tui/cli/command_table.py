"""Every command, once: its name, where it lives, what it is for, and the arguments that it takes."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from tui.cli.setting_table import BY_NAME, CONFIG_VARIABLE, GROUP_TITLES, SETTINGS, Setting, SettingGroup
from tui.script.script_grammar import Parser, add_check, add_post, add_search, add_status, add_tail, add_timeout


class Command(NamedTuple):
    """A command of the command line."""

    name: str
    module: str
    """Imported when it is called, because some need much."""
    fill: Callable[[Parser], None]
    """Gives a parser its arguments."""
    summary: str
    examples: str
    more: str = ""


def add_config_flag(parser: argparse.ArgumentParser) -> None:
    """Give a parser the flag that names the configuration file."""
    parser.add_argument(
        "--config", metavar="FILE", help=f"the configuration file (also {CONFIG_VARIABLE})", default=argparse.SUPPRESS
    )


def _settings(parser: argparse.ArgumentParser, groups: Sequence[SettingGroup], nameless: str | None = None) -> None:
    """`nameless`: what the command does where nobody says a name; None: what the application does."""
    for group in groups:
        section = parser.add_argument_group(GROUP_TITLES[group])
        for setting in SETTINGS:
            if setting.group == group and setting.flag:
                _flag(section, setting, nameless if setting.name == "user" else None)


def _flag(section: argparse._ActionsContainer, setting: Setting, unset: str | None = None) -> None:
    names = ["-u", setting.flag_name] if setting.name == "user" else [setting.flag_name]
    default = unset if unset is not None else setting.unset or ("" if setting.default is None else f"{setting.default}")
    explained = (setting.help + (f" (default: {default})" if default else "")).replace("%", "%%")
    if setting.is_switch:
        section.add_argument(
            *names, action=argparse.BooleanOptionalAction, default=argparse.SUPPRESS, help=setting.help
        )
    else:
        section.add_argument(*names, metavar=setting.metavar, default=argparse.SUPPRESS, help=explained)


def _after_a_loss(parser: argparse.ArgumentParser) -> None:
    section = parser.add_argument_group(
        "once, after a refused start",
        "A server whose data directory has lost what it had acknowledged does not start; where nothing is lost, these "
        "change nothing.",
    )
    ways = section.add_mutually_exclusive_group()
    ways.add_argument("--accept-loss", action="store_true", help="go on with what is left, without the rest")
    ways.add_argument("--new-node", action="store_true", help="begin a new node; what is left is moved aside")


def _client(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("address", metavar="HOST[:PORT]", help="a server of the network")


def _remember(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--remember", action=argparse.BooleanOptionalAction, default=True,
        help="keep the secret in a file that only you can read, where later commands find it",
    )  # fmt: skip
    parser.add_argument("--data-dir", metavar="DIRECTORY", help="where that file is (default: with your other data)")


def _serve(parser: Parser) -> None:
    parser.add_argument("--headless", action="store_true", help="no screen: log to standard error, end on SIGTERM")
    _after_a_loss(parser)
    _settings(parser, ("server", "ssh", "person"))


def _join(parser: Parser) -> None:
    parser.add_argument("address", metavar="HOST[:PORT]", help="a server of the network, or an invitation")
    parser.add_argument(
        "--base", action="store_true",
        help="it is a server of 2018: the network's secret is shown to it, and to whoever listens on the way, in clear",
    )  # fmt: skip
    parser.add_argument("--headless", action="store_true", help="no screen: log to standard error, end on SIGTERM")
    _after_a_loss(parser)
    _settings(parser, ("server", "ssh", "person", "trust"))


def _post(parser: Parser) -> None:
    _client(parser)
    add_post(parser)
    _settings(parser, ("person", "trust"), nameless="anonymous")


def _tail(parser: Parser) -> None:
    _client(parser)
    add_tail(parser)
    _settings(parser, ("person", "trust"), nameless="anonymous")


def _search(parser: Parser) -> None:
    _client(parser)
    add_search(parser)
    _settings(parser, ("person", "trust"), nameless="anonymous")


def _status(parser: Parser) -> None:
    _client(parser)
    add_status(parser)
    operator = parser.add_argument_group("for --queues, where the server runs elsewhere or has another data directory")
    for name in ("secret_file", "data_dir"):
        _flag(operator, BY_NAME[name])
    _settings(parser, ("person", "trust"), nameless="anonymous")


def _check(parser: Parser) -> None:
    parser.add_argument("addresses", metavar="HOST[:PORT]", nargs="+", help="servers of one network, used in turn")
    add_check(parser)
    _settings(parser, ("person", "trust"), nameless="anonymous")


def _register(parser: Parser) -> None:
    _client(parser)
    add_timeout(parser, "30")
    _remember(parser)
    _settings(parser, ("person", "trust"), nameless="")


def _passwd(parser: Parser) -> None:
    _client(parser)
    parser.add_argument(
        "--code", action="store_true", default=False,
        help="the secret is lost, and an operator has made a one-time code, which is asked for",
    )  # fmt: skip
    parser.add_argument(
        "--new-secret-file", metavar="FILE", default=None, help="a file whose first line is the new secret"
    )
    add_timeout(parser, "30")
    _remember(parser)
    _settings(parser, ("person", "trust"), nameless="")


_OPERATOR: Final = "whose orders were taken there before, else the only account that is remembered there"


def _order(parser: Parser) -> None:
    _client(parser)
    parser.add_argument(
        "verb",
        metavar="WHAT",
        help="silence, close, remove, ban, expel, rekey, secret, readmit, code, undo, appoint, dismiss, list, key",
    )
    parser.add_argument("operands", metavar="WHOM", nargs="*", default=(), help="whom or what it is about")
    parser.add_argument("--because", metavar="TEXT", default="", help="why: everybody whom it concerns is told")
    parser.add_argument("--key", metavar="FILE", default=None, help="your private key (default: one is made for you)")
    parser.add_argument(
        "--since", metavar="DATE", default=None, help="expel: what came from the server from then on is not trusted"
    )
    parser.add_argument(
        "--keep-activities", action="store_true", default=False,
        help="expel: what it accepted since is shown as before (default: not any more)",
    )  # fmt: skip
    parser.add_argument(
        "--all-activities", action="store_true", default=False, help="expel: nothing that it ever accepted is shown"
    )
    parser.add_argument(
        "--keep-key", action="store_true", default=False,
        help="expel: the network keeps its key and its secret, which that server has (default: it gets others)",
    )  # fmt: skip
    _holds(parser, "secret: ")
    parser.add_argument(
        "--expires", metavar="DURATION", default="24h", help="code: for how long it is good (default: 24h)"
    )
    parser.add_argument(
        "--undo-all", action="store_true", default=False, help="dismiss: what they have ordered is undone, too"
    )
    parser.add_argument("--json", action="store_true", default=False, help="print one JSON object")
    add_timeout(parser, "30")
    _settings(parser, ("person", "trust"), nameless=_OPERATOR)


def _holds(parser: Parser, when: str = "") -> None:
    parser.add_argument(
        "--for", dest="holds", metavar="DURATION", default="7d",
        help=f"{when}for how long the one before holds as well (default: 7d; 0: not at all)",
    )  # fmt: skip


def _secret(parser: Parser) -> None:
    parser.add_argument(
        "action", metavar="rotate|show", choices=("rotate", "show"), help="change it everywhere, or tell this server's"
    )
    parser.add_argument(
        "address", metavar="HOST[:PORT]", nargs="?", default="localhost", help="a server of the network"
    )
    _holds(parser, "rotate: ")
    parser.add_argument("--because", metavar="TEXT", default="", help="rotate: why: it stands in the list of orders")
    parser.add_argument("--key", metavar="FILE", default=None, help="rotate: your private key, as an operator")
    parser.add_argument("--json", action="store_true", default=False, help="rotate: print one JSON object")
    add_timeout(parser, "30")
    _flag(parser, BY_NAME["data_dir"])
    _settings(parser, ("person", "trust"), nameless=_OPERATOR)


def _restore(parser: Parser) -> None:
    parser.add_argument("backup", metavar="BACKUP", help="the backup file")
    parser.add_argument("--force", action="store_true", default=False, help="replace the data that is there")
    _flag(parser, BY_NAME["data_dir"])


def _downgrade(parser: Parser) -> None:
    _flag(parser, BY_NAME["data_dir"])


def _verify(parser: Parser) -> None:
    parser.add_argument(
        "file", metavar="FILE", nargs="?", help="a database, a backup or a data directory (default: see --data-dir)"
    )
    parser.add_argument("--json", action="store_true", default=False, help="print one JSON object")
    _flag(parser, BY_NAME["data_dir"])


def _events(parser: Parser) -> None:
    parser.add_argument(
        "--since", metavar="DURATION", default=None, help="what went on in that time (10m, 2h, 1d); default: all of it"
    )
    parser.add_argument(
        "--json", action="store_true", default=False, help="one JSON object for each, with the lines it is made of"
    )
    _flag(parser, BY_NAME["data_dir"])


def _known_hosts(parser: Parser) -> None:
    _client(parser)
    add_timeout(parser, "10")
    _settings(parser, ("person", "trust"), nameless="anonymous")


def _known_networks(parser: Parser) -> None:
    parser.add_argument(
        "--remove",
        "-R",
        metavar="HOST[:PORT]",
        default=None,
        help="forget which network is at this address, or a network itself, as ssh-keygen -R does",
    )
    parser.add_argument(
        "--addresses", action="store_true", default=False,
        help="only the addresses at which you know servers, one a line, the latest first: shells complete them",
    )  # fmt: skip


def _known_servers(parser: Parser) -> None:
    parser.add_argument(
        "--remove", "-R", metavar="ID", default=None, help="forget which key this server has, as ssh-keygen -R does"
    )
    parser.add_argument("--json", action="store_true", default=False, help="print one JSON array")
    _flag(parser, BY_NAME["data_dir"])


def _invite(parser: Parser) -> None:
    words = ("server", "person", "list", "revoke")
    parser.add_argument("whom", metavar="|".join(words), choices=words, help="whom; or what to do with what is open")
    parser.add_argument(
        "address",
        metavar="HOST[:PORT]|ID",
        nargs="?",
        default=None,
        help="where they reach this server (default: found out); revoke: which one, as the list calls it, or all",
    )
    parser.add_argument("--uses", metavar="COUNT", default=None, help="server: how many may come by it (default: 1)")
    parser.add_argument("--expires", metavar="TIME", default=None, help="server: how long it is good (default: 24h)")
    for name in ("data_dir", "port"):
        _flag(parser, BY_NAME[name])


def _config(parser: Parser) -> None:
    parser.add_argument("action", metavar="path|show|init|check", choices=("path", "show", "init", "check"))
    parser.add_argument("--force", action="store_true", default=False, help="init: overwrite a file that is there")


def _completion(parser: Parser) -> None:
    shells = ("bash", "zsh", "fish")
    parser.add_argument("shell", metavar="|".join(shells), choices=shells, help="for which shell")


COMMANDS: Final = (
    Command(
        "serve",
        "tui.cli.serve",
        _serve,
        "run a server, and the application on it",
        "  activity-tui serve\n"
        "  activity-tui serve --port 3790 --name kitchen\n"
        "  activity-tui serve --headless --advertise chat.example.org --data-dir /var/lib/activity-tui\n",
        "A new network begins here; a server that was part of one finds its neighbours again.",
    ),
    Command(
        "join",
        "tui.cli.serve",
        _join,
        "join a network, with a server of one's own or as a client",
        "  activity-tui join example.org:3780\n"
        "  activity-tui join example.org:3780 --secret-file ~/network-secret\n"
        "  ACTIVITY_TUI_SECRET=… activity-tui join example.org --headless\n",
        "With the network's secret a server joins there, and the application runs on it; without one, the "
        "application is a client of the server at HOST.",
    ),
    Command(
        "post",
        "tui.cli.client_commands",
        _post,
        "post an activity, and say what became of it",
        '  activity-tui post example.org "the bread is ready"\n'
        '  activity-tui post example.org -u ada --user-secret-file ~/ada "hello"\n'
        '  activity-tui post example.org --json \'{"type": "Like", "object": "https://example.org/1"}\'\n'
        "  tail -f log | activity-tui post example.org -          one note a line\n"
        "  activity-tui post example.org --whole - < notes.txt    all of it as one note\n"
        "  activity-tui post example.org --json - < objects        one object a line\n"
        '  activity-tui post example.org -u ada --in-reply-to activity:n7x….123.4/q2-1 "it is"\n'
        '  activity-tui post example.org -u ada --edit activity:n7x….123.4/q2-1 "the bread is gone"\n',
        "One line for each activity on standard output: `accepted ID REFERENCE`, `refused REASON` or `unknown REASON`. "
        "The reference is what others answer it by; `tail --json` and `search --json` tell that of each activity. What "
        "is yours you edit and remove, by the reference that has your account in it. An `id`, a `reference` and "
        "an `acceptedAt` from there are left out of a JSON object that is posted: it is another activity.",
    ),
    Command(
        "tail",
        "tui.cli.client_commands",
        _tail,
        "follow what is posted, an activity a line; further lines of a text are indented",
        "  activity-tui tail example.org\n"
        "  activity-tui tail example.org --since 10m\n"
        "  activity-tui tail example.org --since 100 --no-follow --json > newest\n",
        "Reconnects by itself, to another server of the network if need be, and ends on Ctrl+C.",
    ),
    Command(
        "search",
        "tui.cli.client_commands",
        _search,
        "look through all of the past, the newest first",
        "  activity-tui search example.org deploy\n"
        "  activity-tui search example.org 'depl* from:ann after:2026-11-01'\n"
        "  activity-tui search example.org '\"out of disk\" -test' --limit 0 --json\n"
        "  activity-tui search example.org --limit 1 '#ops after:2d'\n",
        "All of the query has to hold; of several from:, of several type: and of several about: one. not WORD, and "
        "-WORD behind something else, are what is not wanted. Exit status 8: nothing was found.",
    ),
    Command(
        "status",
        "tui.cli.client_commands",
        _status,
        "show the network: servers, loads, users, links",
        "  activity-tui status example.org\n  activity-tui status example.org --json | jq .servers\n"
        "  activity-tui status localhost --queues            what waits where, on the server's own machine\n",
    ),
    Command(
        "check",
        "tui.cli.check",
        _check,
        "check that a server drops, doubles and reorders nothing while people leave and come back",
        "  activity-tui check example.org --dry-run             what would be posted\n"
        "  activity-tui check example.org\n"
        "  activity-tui check one.example.org two.example.org   people come back at the other one\n"
        "  activity-tui check localhost --posts 20000 --rate 5000 --in-flight 500\n"
        "  activity-tui check example.org --json | jq .holds\n",
        "It posts notes, in everybody's sight, while others read them, leave, and come back in the midst of it; then "
        "it tells whether each of them got each one once and in its sender's order, also where the past ends and what "
        "is live begins. It works with every server that speaks the protocol; of one that speaks only the base "
        "protocol, which sends no past, each login is checked by itself. Exit status 7: something does not hold.",
    ),
    Command(
        "register",
        "tui.cli.register",
        _register,
        "register a name, with a secret that is made for it",
        "  activity-tui register example.org -u ada\n"
        "  activity-tui register example.org -u ada --no-remember > ada-secret\n"
        "  activity-tui register example.org -u ada --user-secret-file ~/ada\n",
        "The secret that was made is all that is written to standard output. One that is given (in a file, or as "
        "ACTIVITY_TUI_USER_SECRET) is not.",
    ),
    Command(
        "passwd",
        "tui.cli.passwd",
        _passwd,
        "change the secret of an account, in the whole network",
        "  activity-tui passwd example.org -u ada\n"
        "  activity-tui passwd example.org -u ada --user-secret-file old --new-secret-file new\n"
        "  ACTIVITY_TUI_NEW_SECRET=… activity-tui passwd example.org -u ada\n"
        "  activity-tui passwd example.org -u ada --code            with a code of an operator's\n",
        "The present secret is given, remembered, or asked for. The new one is given (in a file, or as "
        "ACTIVITY_TUI_NEW_SECRET), asked for, or made; one that was made is all that is written to standard output. "
        "Whoever is logged in with the present one has to log in again. With --code, ACTIVITY_TUI_CODE gives the code "
        "where nobody can be asked.",
    ),
    Command(
        "order",
        "tui.cli.order_command",
        _order,
        "decide as an operator: silence, close, remove, ban, expel, rekey, undo, appoint, dismiss",
        '  activity-tui order localhost silence bob -u ada --because "advertising"\n'
        "  activity-tui order localhost close bob -u ada                nobody logs in as bob any more\n"
        "  activity-tui order localhost remove n7x….123.4 -u ada        tail --origin --json has the id\n"
        "  activity-tui order localhost ban 203.0.113.0/24 -u ada\n"
        "  activity-tui order localhost code bob -u ada             bob has lost his secret\n"
        "  activity-tui order localhost expel kitchen --since 2026-11-20 -u ada\n"
        "  activity-tui order localhost rekey -u ada                another key and secret, which no expelled one has\n"
        "  activity-tui order localhost list -u ada\n"
        "  activity-tui order localhost undo k3x9a2mq -u ada            as the list calls it\n"
        "  activity-tui order localhost key                             what bob tells ada\n"
        "  activity-tui order localhost appoint bob ssh-ed25519 AAAA… -u ada\n"
        "  activity-tui order localhost dismiss bob -u ada\n",
        "The first account of a network is its operator, and can appoint others. Orders are signed with a key that is "
        "made for you, and hold at every server of the network, also at those that come later. The id of the order is "
        "all that is written to standard output.",
    ),
    Command(
        "secret",
        "tui.cli.secret_command",
        _secret,
        "change the network's secret at every server, or tell it",
        "  activity-tui secret rotate -u ada\n"
        "  activity-tui secret rotate example.org:3780 --for 24h -u ada\n"
        "  activity-tui secret show                                 on the machine of a server\n",
        "The secret lets servers in. An operator orders another one at any server, which makes it, and all others have "
        "it at once or when they come back; their file `network-secret` has it, too. For the time that --for says the "
        "one before lets servers in as well. The network's key stays: `activity-tui order HOST rekey` changes both.",
    ),
    Command(
        "restore",
        "tui.cli.restore",
        _restore,
        "rebuild a server's data from a backup",
        "  activity-tui restore backups/backup-20260131T120000.000Z.db --data-dir /var/lib/activity-tui\n",
        "The server must not be running. Data that exists is kept unless --force says otherwise. Backups hold "
        "users and activities, but not the network's secret: give it when the server is started.",
    ),
    Command(
        "downgrade",
        "tui.cli.downgrade_command",
        _downgrade,
        "write a server's data for the version before this one",
        "  activity-tui downgrade --data-dir /var/lib/activity-tui\n",
        "The server must not be running. A new version brings up the data of the one before when it starts; this is "
        "the way back, with all that has come since, but for signatures. A backup of what was there is made first.",
    ),
    Command(
        "events",
        "tui.cli.events_command",
        _events,
        "tell what happened in the network, as a server has kept it",
        "  activity-tui events --since 1h\n  activity-tui events --data-dir /var/lib/activity-tui --json\n",
        "Crashes, quits, partitions, restarts, registrations, redirects and failing disks, each with its cause, how it "
        "was mended, who moved, and the verdict; the oldest first. The server may be running or not. It keeps them for "
        "30 days, at most 4 MiB.",
    ),
    Command(
        "verify",
        "tui.cli.verify",
        _verify,
        "read all of a server's data, or of a backup, and tell what is damaged",
        "  activity-tui verify --data-dir /var/lib/activity-tui\n"
        "  activity-tui verify backups/backup-20260131T120000.000Z.db --json\n",
        "Nothing is changed, and the server may be running. It ends with 0 when everything is whole, and with 1 when "
        "something is damaged.",
    ),
    Command(
        "known-hosts",
        "tui.cli.known_hosts_command",
        _known_hosts,
        "print the line by which ssh knows the servers of a network",
        "  activity-tui known-hosts example.org >> ~/.ssh/known_hosts\n",
        "A network certifies the SSH host keys of its servers. With this line ssh knows each of them, also one whose "
        "key was made anew, and asks no questions. Every host is asked over SSH first whether it is one, as any server "
        "could name any host, and what does not prove that is left out.",
    ),
    Command(
        "invite",
        "tui.cli.invite_command",
        _invite,
        "invite a server, by a code that is good once in the place of the secret, or a person",
        "  activity-tui invite server\n  activity-tui invite server example.org --uses 5 --expires 7d\n"
        "  activity-tui invite person example.org\n  activity-tui invite list\n"
        "  activity-tui invite revoke k3x9a2mq                  as the list calls it; all: every one\n",
        "Prints the command by which they join at this server, on whose machine you are. Nobody who listens on the way "
        "learns a server's code, nor does anybody who pretends to be a server of this network. A person needs no code: "
        "the command says which network it is, so that nothing else is talked to.",
    ),
    Command(
        "known-networks",
        "tui.cli.known_networks_command",
        _known_networks,
        "tell which network you know at which address, or forget one",
        "  activity-tui known-networks\n  activity-tui known-networks --remove example.org\n",
        "As SSH knows hosts: a network that was met once at an address is the only one that is talked to there. A line"
        " `network FINGERPRINT` is one that is known wherever its servers are met.",
    ),
    Command(
        "known-servers",
        "tui.cli.known_servers_command",
        _known_servers,
        "tell which keys other servers' ids are bound to, or take one back",
        "  activity-tui known-servers --data-dir /var/lib/activity-tui\n"
        "  activity-tui known-servers --remove xjk2m4n7q3ab --data-dir /var/lib/activity-tui\n",
        "An id from before keys is bound to the first key that it comes with, and a server that shows another one is "
        "refused. Where the first one was somebody else's, --remove takes that back, at this server alone, while it "
        "does not run. New ids are made of their keys, and are not listed.",
    ),
    Command(
        "config",
        "tui.cli.config_command",
        _config,
        "tell, write or check the settings",
        "  activity-tui config show                 every setting, and who says so\n"
        "  activity-tui config init                 write a file with all settings, commented\n"
        "  activity-tui config check                what is wrong in the file and the environment\n"
        '  $EDITOR "$(activity-tui config path)"\n',
    ),
    Command(
        "completion",
        "tui.cli.completion_command",
        _completion,
        "print what makes your shell complete this program's commands and options",
        '  eval "$(activity-tui completion bash)"                    in ~/.bashrc\n'
        "  activity-tui completion zsh > ~/.zfunc/_activity-tui      with ~/.zfunc in fpath\n"
        "  activity-tui completion fish > ~/.config/fish/completions/activity-tui.fish\n",
        "It is made from the commands and options of this very version.",
    ),
)
