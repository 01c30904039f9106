"""How the command line answers what it does not understand, and how it explains itself."""

from __future__ import annotations

import pytest

from tests.cli.program import Program
from tui.cli.arguments import build

COMMANDS = (
    "serve",
    "join",
    "post",
    "tail",
    "status",
    "check",
    "register",
    "passwd",
    "restore",
    "verify",
    "known-hosts",
    "known-servers",
    "config",
)


def test_version_is_told_on_standard_output(program: Program) -> None:
    ended = program.run("--version")
    assert ended.status == 0
    assert ended.out.startswith("activity-tui 0.")
    assert ended.err == ""


def test_help_shows_the_commands_examples_and_exit_statuses(program: Program) -> None:
    ended = program.run("--help")
    assert ended.status == 0
    assert {line.split()[0] for line in ended.out.splitlines() if line.startswith("    ")} >= set(COMMANDS)
    assert "examples:" in ended.out
    assert "130 interrupted" in ended.out


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself_with_examples(
    command: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    with pytest.raises(SystemExit) as ended:
        build().parse_args([command, "--help"])
    text = capsys.readouterr().out
    assert ended.value.code == 0
    assert f"activity-tui {command}" in text.partition("examples:")[2]


@pytest.mark.parametrize("columns", [80, 100])
@pytest.mark.parametrize("command", [(), *((command,) for command in COMMANDS)])
def test_the_help_breaks_no_sentence_at_the_edge_of_a_terminal(
    columns: int, command: tuple[str, ...], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    with pytest.raises(SystemExit):
        build().parse_args([*command, "--help"])
    lines = capsys.readouterr().out.splitlines()
    # Examples are copied, so they are one line each.
    assert [
        line for line in lines if len(line) > columns and not line.startswith(("  activity-tui", "  ACTIVITY"))
    ] == []


@pytest.mark.parametrize("command", ["post", "tail", "status", "check"])
def test_the_help_says_as_whom_a_command_goes_that_asks_nobody(
    command: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    with pytest.raises(SystemExit):
        build().parse_args([command, "--help"])
    assert "-u NAME, --user NAME  your name in the network (default: anonymous)" in capsys.readouterr().out


def test_no_command_shows_the_help_as_an_error(program: Program) -> None:
    ended = program.run()
    assert ended.status == 2
    assert ended.out == ""
    assert "commands:" in ended.err


def test_an_unknown_command_suggests_what_was_meant(program: Program) -> None:
    ended = program.run("stauts")
    assert ended.status == 2
    assert ended.err.splitlines()[0] == "activity-tui: there is no command 'stauts'; did you mean 'status'?"


def test_an_unknown_flag_suggests_what_was_meant(program: Program) -> None:
    ended = program.run("serve", "--headles")
    assert ended.status == 2
    assert "did you mean '--headless'?" in ended.err


def test_dashes_alone_make_no_flag_alike(program: Program) -> None:
    ended = program.run("serve", "--bogus")
    assert ended.status == 2
    assert "did you mean" not in ended.err


def test_a_flag_of_another_command_is_called_that(program: Program) -> None:
    ended = program.run("status", "h", "--backup-interval", "5")
    assert ended.status == 2
    assert "--backup-interval does not belong to this command" in ended.err


@pytest.mark.parametrize(
    "line",
    [
        "post h text -u ada --timeout 3",
        "post -u ada --timeout 3 h text",
        "post h -u ada text --timeout 3",
        "post h -u ada --timeout 3 text",
    ],
)
def test_flags_may_stand_anywhere(line: str) -> None:
    arguments = build().parse_args(line.split())
    assert (arguments.address, arguments.text, arguments.user, arguments.timeout) == ("h", ["text"], "ada", "3")


def test_a_text_may_begin_with_a_dash_after_two_dashes() -> None:
    assert build().parse_args(["post", "h", "--", "-5 degrees"]).text == ["-5 degrees"]
    assert build().parse_args(["post", "h", "-"]).text == ["-"]


def test_a_flag_is_never_guessed_from_its_beginning(program: Program) -> None:
    assert program.run("serve", "--head").status == 2


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("post", "h"), "give what to post"),
        (("post", "h", "text", "--json", "{}"), "not both"),
        (("post", "h", "--json", "[1]"), "begins with {"),
        (("post", "h", "--json", '{"a": }'), "not JSON"),
        (("post", "h", " "), "an empty note"),
        (("post", "h", "x" * 70_000), "at most"),
        (("post", "h:0", "x"), "port 0"),
        (("post", "h:x", "x"), "not a port"),
        (("post", "h", "x", "--timeout", "soon"), "--timeout"),
        (("post", "h", "x", "-u", "ada"), "needs a secret"),
        (("post", "h", "x", "-u", " ada"), "--user"),
        (("tail", "h", "--since", "yesterday"), "--since"),
        (("tail", "h", "--no-follow"), "--since"),
        (("status", ""), "host is missing"),
        (("check",), "HOST[:PORT] is missing"),
        (("check", "h", "h:x"), "not a port"),
        (("check", "h", "--posts", "1e3"), "--posts: '1e3' is not a whole number"),
        (("check", "h", "--rate", "1000000"), "--rate"),
        (("check", "h", "--in-flight", "0"), "--in-flight: 0 is out of range"),
        (("check", "h", "--timeout", "0"), "--timeout"),
        (("join", "h", "--headless"), "network's secret"),
        (("serve",), "--headless"),
        (("join", "h"), "--headless"),
        (("serve", "--headless", "--secret-file", "/does/not/exist"), "cannot be read"),
        (("serve", "--headless", "--tls-key", "/k"), "--tls-key is no setting any more: servers make"),
        (("post", "h", "x", "--no-tls"), "--no-tls is no setting any more: servers make"),
        (("config", "shw"), "'shw' is none of path, show, init, check; did you mean 'show'?"),
        (("config",), "path|show|init|check is missing"),
        (("post",), "HOST[:PORT] is missing"),
        (("serve", "--headless", "--port", "3790", "--ssh", "3790"), "--ssh"),
    ],
)
def test_what_cannot_be_done_is_said_in_a_sentence_with_status_2(
    program: Program, arguments: tuple[str, ...], said: str
) -> None:
    ended = program.run(*arguments)
    assert ended.status == 2
    assert said in ended.err
    assert ended.out == ""
