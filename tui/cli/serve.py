"""`serve` and `join`: a server with the application on it, or without a screen until somebody ends it."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from pathlib import Path
from typing import cast, get_args

from msgspec.structs import replace

from core.wire import Address, Invited, read_invitation
from tui.cli.chosen_settings import ChosenSettings
from tui.cli.config_command import shown_settings
from tui.cli.console import interactive
from tui.cli.dumps import ignore_signals
from tui.cli.inputs import address_of, choices_of, given_settings
from tui.cli.loading import loading
from tui.cli.log_lines import LogFormat, LogLevel
from tui.cli.options import JoinOptions, NodeOptions, ServeOptions
from tui.cli.process_list import hide_argument
from tui.cli.program_word import program_word
from tui.cli.setting_table import SETTINGS, Destination, Setting
from tui.own_screen.person_options import PersonOptions
from tui.script.exit_status import usage_error
from tui.text.quantities import shown


def run(arguments: argparse.Namespace) -> int:
    ignore_signals()
    choices = choices_of(arguments)
    invitation = read_invitation(arguments.address) if arguments.command == "join" else None
    invited = None
    if invitation is None and arguments.command == "join" and "/" in arguments.address:
        raise usage_error(
            "that is no whole invitation: it is HOST:PORT/NETWORK/CODE, the last two of 26 characters each",
            hint="`activity-tui invite server HOST:PORT` prints one; copy the whole line.",
        )
    if invitation is not None:
        arguments.address, invited = invitation
        hide_argument(invited.code)
    join = address_of(arguments) if arguments.command == "join" else None
    secret = choices.secret("secret")
    if invited is not None and secret is not None:
        raise usage_error("who is invited needs no secret: leave out one of both")
    headless = getattr(arguments, "headless", False)
    if headless and join is not None and secret is None and invited is None:
        raise usage_error(
            "without the network's secret `join` is a client, and a client without a screen shows nothing",
            hint="Give an invitation (`activity-tui invite server`, there, prints it) or the secret (--secret-file,"
            " ACTIVITY_TUI_SECRET), or follow the feed with `activity-tui tail`.",
        )
    base = getattr(arguments, "base", False)
    if base and secret is None:
        raise usage_error("--base: without the network's secret `join` is a client, which needs no such flag")
    if base and choices.value("links") == "encrypted":
        raise usage_error("--base shows the secret in clear, and --links encrypted says that nothing may")
    serves = join is None or secret is not None or invited is not None
    node = node_options(choices, join, secret, base=base, invited=invited) if serves else None
    if node is not None and getattr(arguments, "new_node", False):
        node = replace(node, on_loss="renew")
    elif node is not None and getattr(arguments, "accept_loss", False):
        node = replace(node, on_loss="accept")
    if headless:
        assert node is not None
        with loading():
            from tui.cli.headless import serve_headless
        return serve_headless(node)
    if not interactive():
        raise usage_error(
            f"`{arguments.command}` needs a terminal for its screen",
            hint="--headless runs a server without one; `activity-tui tail` follows the feed as lines.",
        )
    from tui.terminal.terminal_kinds import has_screen

    if not has_screen(terminal := os.environ.get("TERM", "")):
        raise usage_error(
            f"`{arguments.command}` needs a terminal in which it can place the cursor, and TERM says that this is"
            f" {shown(terminal)}",
            hint="A TERM that says what your terminal is, such as xterm, opens it; --headless runs a server without a"
            " screen, and `activity-tui tail` follows the feed as lines.",
        )
    person = PersonOptions(
        cast(str | None, choices.value("user")),
        choices.secret("user_secret"),
        cast(str | None, choices.value("theme")),
        choices.keymap or None,
    )
    if node is not None:
        from tui.cli.planning import plan_ahead
        from tui.own_screen import screen_child

        # Before there is a thread, and before this process reads what it needs itself.
        screen_child.begin()
        plan_ahead(person, node)
    trust = None
    if node is None:
        assert join is not None
        from tui.cli.trusting import met_trust  # A server's own client is at home.

        trust = met_trust(choices, join)
    show = _loaded()
    again = _again(arguments, join if node is None else None)
    if join is None:
        assert node is not None
        return show(ServeOptions(node, person, again))
    data_dir = cast(Path | None, choices.value("data_dir"))
    return show(JoinOptions(join, node, person, trust, data_dir, again))


def _again(arguments: argparse.Namespace, client_of: Address | None) -> tuple[str, ...]:
    """The command by which somebody comes back who was here by these arguments. A server that was part of a network
    finds it again by itself, and keeps the secret; it gets its port where that is known."""
    words = [program_word(), "serve"] if client_of is None else [program_word(), "join", str(client_of)]
    if (config := getattr(arguments, "config", None)) is not None:
        words += ["--config", str(config)]
    given = given_settings(arguments)
    for setting in SETTINGS:
        value = given.get(setting.name)
        if value is None or setting.secret or not _is_said_again(setting, serves=client_of is None):
            continue
        if setting.is_switch:
            words.append(setting.flag_name if value else f"--no-{setting.flag_name[2:]}")
        else:
            words += ["-u" if setting.name == "user" else setting.flag_name, str(value)]
    return tuple(words)


def _is_said_again(setting: Setting, *, serves: bool) -> bool:
    if serves:
        return setting.group != "trust" and setting.name not in ("port", "secret_file")
    return setting.group in ("person", "trust") or setting.name == "data_dir"


def _loaded() -> Callable[[ServeOptions | JoinOptions], int]:
    """What shows the application."""
    with loading():
        from tui.cli import running
    return running.run


def node_options(
    choices: ChosenSettings,
    join: Address | None,
    secret: str | None,
    *,
    base: bool = False,
    invited: Invited | None = None,
) -> NodeOptions:
    """The server's options. Raises CommandFailed if settings do not go together."""
    _two_ports(choices)
    level = cast(LogLevel, choices.value("log_level"))
    settings = {destination: choices.going_to(destination) for destination in get_args(Destination)}
    settings["node"] = {**settings["node"], "tracing": level == "debug"}
    return NodeOptions(
        port=cast(int, choices.value("port")),
        # On one machine a second server, which joins the first, finds a port by itself; a first one does not hide.
        port_may_differ=join is not None and choices.is_default("port"),
        name=str(choices.value("name")),
        secret=secret,
        data_dir=cast(Path | None, choices.value("data_dir")),
        join=join,
        join_base=base,
        invited=invited,
        ssh=cast(Address | None, choices.value("ssh")),
        settings=settings,
        shown=tuple(shown_settings(choices)),
        log_level=level,
        log_format=cast(LogFormat, choices.value("log_format")),
        log_file=cast(Path | None, choices.value("log_file")),
        log_wanted=not all(choices.is_default(name) for name in ("log_level", "log_format", "log_file")),
    )


def _two_ports(choices: ChosenSettings) -> None:
    ssh, port = cast(Address | None, choices.value("ssh")), choices.value("port")
    if ssh is not None and ssh.port == port != 0:
        raise usage_error(f"{choices['ssh'].origin}: the server itself listens on port {port}; choose another for SSH")
