"""Lines that were hardly meant for everybody, and lines that only look a little like them."""

from __future__ import annotations

import pytest

from tui.user_actions.slips import slip

SECRETS = ("correct horse", "pw")


@pytest.mark.parametrize(
    "line",
    [
        "quit", "exit", "QUIT", "logout", "q", " quit ", "help", ":q", ":q!", ":wq", ":x", ":quit", ":help", "\\quit",
        "!quit", ".quit", "--help", "-help", ":join 192.0.2.1:3780", "!filter from:bob", "join lund.example:3780",
        'json {"type": "Note"}', "bell off", "filter from:bob", "backup", "login",
    ],
)  # fmt: skip
def test_a_command_without_its_slash_is_noticed(line):
    assert "looks like a command" in (slip(line) or "")


@pytest.mark.parametrize(
    "line",
    [
        "activity-tui join 192.0.2.1:3780", "activity-tui", "./activity-tui serve", "activity-tui --help",
        "ACTIVITY_TUI_SECRET='a b' activity-tui join lund:3780", "python -m tui serve", "ssh -p 3722 zoe@lund",
        "ssh zoe@lund", "sudo reboot", "ls", "ls -la", "cd ..", "cat /etc/passwd", "$ make -j4", "git status",
        "activity-tui invite server", "activity-tui order lund list", "docker -v", "kill -9 4711",
        "curl https://example.org", "clear",
    ],
)  # fmt: skip
def test_a_shell_command_is_noticed(line):
    assert "shell" in (slip(line) or "")


INVITATION = f"192.0.2.1:3780/{'n' * 26}/{'c' * 26}"


@pytest.mark.parametrize("line", [INVITATION, f"come in with {INVITATION}", f"activity-tui join {INVITATION}"])
def test_an_invitation_for_a_server_is_noticed_wherever_it_stands(line):
    assert "an invitation in it" in (slip(line) or "")


def test_an_invitation_that_is_used_here_is_not_asked_about():
    assert slip(f"/join {INVITATION}") is None


@pytest.mark.parametrize("line", ["it is correct horse", "correct horse", "/join correct horse"])
def test_a_secret_is_noticed_wherever_it_stands(line):
    assert "secret" in (slip(line, SECRETS) or "")


@pytest.mark.parametrize(
    "line",
    [
        "hello", "y", "n", "k", "ok", ":)", ":D", ":-)", ":tada:", "...", "!", "-", "--", "- a point", "# heading",
        "> what you wrote", "I quit", "quit smoking", "the quit command", "who", "who is there?", "join us tonight",
        "help me please", "make sure you come", "cat is on the table", "git is down", "git push is broken", "kill it",
        "activity-tui is great", "ssh is great", "x = 3", "bell rings", ".. and so on", "filter coffee", "login fails",
        "exit polls", "tail of the queue", "pw", "漢字", "http://example.org/quit",
    ],
)  # fmt: skip
def test_what_people_say_is_sent_without_a_question(line):
    assert slip(line, SECRETS) is None
