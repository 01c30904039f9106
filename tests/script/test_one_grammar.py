"""`post`, `tail` and `status` are said alike on the command line and over SSH, and mean the same."""

from __future__ import annotations

import shlex

import pytest

from tui.cli.arguments import build
from tui.script.exit_status import CommandFailed, ExitStatus
from tui.script.post_command import PostCommand
from tui.script.script_commands import COMMANDS, ScriptCommand, command_of, read_line
from tui.script.search_command import SearchCommand
from tui.script.status_command import StatusCommand
from tui.script.tail_command import TailCommand


def on_the_command_line(line: str) -> ScriptCommand:
    name, *words = shlex.split(line)
    return command_of(name, build().parse_args([name, "example.org", *words]))


def over_ssh(line: str) -> ScriptCommand:
    """OpenSSH joins the words that the person's shell has made, and no shell reads them again."""
    name, *words = shlex.split(line)
    return read_line(name, " ".join(words), "`help` tells")


def meaning(command: ScriptCommand) -> tuple[object, ...]:
    match command:
        case PostCommand():
            answers = command.in_reply_to, command.claim
            return "post", command.single, command.as_json, command.seconds, command.whole, *answers
        case TailCommand():
            backlog = command.backlog
            return (
                *("tail", backlog.history, backlog.seconds, command.as_json, command.follow, command.origins),
                command.query,
            )
        case SearchCommand():
            return "search", command.query, command.as_json, command.limit
        case StatusCommand():
            return "status", command.as_json, command.seconds
    raise AssertionError(command)


@pytest.mark.parametrize(
    "line",
    [
        "post hello",
        "post 'hello   there'",
        """post "it's done" """,
        "post hi there",
        "post the 'bread  is' ready",
        "post - hi",
        "post -- hi --there",
        "post --timeout 3 hi there",
        "post -",
        "post --whole -",
        "post --whole --timeout 3 -",
        "post --timeout 3 hello",
        "post --timeout=1m -",
        """post --json '{"type": "Like", "object": "https://example.org/1"}'""",
        "post --json -",
        "post --timeout 2 --json -",
        "post -- '--force #ops'",
        "post --in-reply-to activity:n.1.2/r-1 yes it is",
        "post --in-reply-to=n.1.2 -",
        "post --timeout 3 --like n.1.2",
        "post --like activity:n.1.2/r-1 🎉",
        "post --undo activity:n.1.2/r-1",
        "post --edit activity:n.1.2/r-1 'in  another way'",
        "post --remove activity:n.1.2/r-1",
        "post -- -5",
        "tail",
        "tail --json",
        "search deploy from:ann",
        "search --limit 5 --json deploy",
        "search --limit=0 not deploy",
        "tail --filter deploy --json",
        "tail --json --origin",
        "tail --since 10m",
        "tail --since=100 --no-follow",
        "tail --no-follow --json --since 2h",
        "status",
        "status --json --timeout 5",
    ],
)
def test_the_same_words_mean_the_same(line: str) -> None:
    assert meaning(over_ssh(line)) == meaning(on_the_command_line(line))


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("post", "nothing to post"),
        ("post --quiet x", "'--quiet' is no option here"),
        ("post --tiemout 3 x", "did you mean '--timeout'?"),
        ("post --timeout soon x", "--timeout"),
        ("post --json '[1]'", "begins with {"),
        ("post --json '{\"a\": }'", "not JSON"),
        ("post --json", ""),
        ("post --like activity:a/b --edit activity:a/b x", "--like and --edit are two things"),
        ("post --in-reply-to activity:a/b", "--in-reply-to needs a TEXT"),
        ("post --edit activity:a/b", "--edit needs a TEXT"),
        ("post --edit activity:a/b -", "takes no lines of standard input"),
        ("post --edit n.1.2 better", "activity:n.1.2 is nobody's"),
        ("post --remove activity:a/b now", "--remove takes no TEXT"),
        ("post --undo activity:a/b now", "--undo takes no TEXT"),
        ("post --like https://example.org/1", "'https://example.org/1' is no reference"),
        ("post --like ACTIVITY:a/b", "is no reference"),
        ("post --like activity:a/b 'so good'", "a reaction is one symbol"),
        ("""post --like n.1.2 --json '{"a":1}'""", "without it"),
        ("tail --since", "--since"),
        ("tail --since yesterday", "--since"),
        ("tail --no-follow", "give --since"),
        ("tail --quiet", "'--quiet' is no option here"),
        ("tail everything", "'everything' is not understood here"),
        ("status --jsno", "did you mean '--json'?"),
        ("status --timeout 0", "--timeout"),
        ("status me", "'me' is not understood here"),
    ],
)
def test_the_same_words_are_wrong_and_for_the_same_reason(line: str, said: str) -> None:
    for understood in (on_the_command_line, over_ssh):
        with pytest.raises(CommandFailed) as failed:
            understood(line)
        assert failed.value.status is ExitStatus.USAGE
        assert said in str(failed.value)
        assert failed.value.hint or "--" in str(failed.value) or "post" in line


@pytest.mark.parametrize(
    "words", ["hi there now", "hi there now --timeout 3", "-u ada hi there now", "hi -u ada there now"]
)
def test_words_without_quotes_are_one_text_wherever_a_flag_stands(words: str) -> None:
    command = on_the_command_line(f"post {words}")
    assert isinstance(command, PostCommand) and command.single is not None
    assert b'"hi there now"' in command.single


def test_a_flag_that_there_is_not_is_no_part_of_a_text_of_several_words() -> None:
    with pytest.raises(CommandFailed, match="'--quiet' is no option here"):
        on_the_command_line("post hi there --quiet")


def test_what_is_wrong_over_ssh_is_explained_with_what_there_is_there() -> None:
    with pytest.raises(CommandFailed) as failed:
        over_ssh("status --quiet")
    assert failed.value.hint == "`help` tells"
    with pytest.raises(CommandFailed) as failed:
        on_the_command_line("status --quiet")
    assert "activity-tui" in failed.value.hint and "--help" in failed.value.hint


def test_a_text_is_taken_as_it_stands_where_no_shell_reads_it() -> None:
    for text in ("it's done", 'say "hi"  twice', "a\\nb $HOME `id` * | ; &&", "deploy --force #ops", "a=b --timeout 3"):
        command = read_line("post", text, "")
        assert isinstance(command, PostCommand)
        expected = on_the_command_line(f"post -- {shlex.quote(text)}")
        assert isinstance(expected, PostCommand) and command.single == expected.single is not None


def test_every_command_of_the_room_is_one_of_the_command_line() -> None:
    assert set(COMMANDS) == {"post", "tail", "search", "status"}
    for name in COMMANDS:
        words = ["text"] if name == "post" else []
        assert build().parse_args([name, "example.org", *words]).command == name
