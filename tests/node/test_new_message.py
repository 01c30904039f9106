"""What CONTRIBUTING says that a new message between servers takes: a struct, and a method that takes it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]

STRUCT = """
class WeatherReport(Message, frozen=True):
    sky: str

"""
METHOD = """
    @takes(WeatherReport)
    def weather(self, link: Link, message: WeatherReport) -> None:
        self._context.notify("clock", f"the sky over {link.name} is {message.sky}")
"""
SCENE = """
from core.node.interface.actions import Notify, Send
from core.node.interface.events import MessageReceived
from core.wire.codec import MalformedLine, decode
from core.wire.messages import InvalidMessage
from tests.node import one_node
for state in (one_node.native, one_node.base, one_node.logged_in):
    one = one_node.OneNode()
    conn = state(one)
    actions = one.handle(MessageReceived(conn, decode(b'{"command": "WEATHER_REPORT", "sky": "blue"}')))
    told = [action.notice.text for action in actions if isinstance(action, Notify)]
    refused = any(isinstance(a, Send) and isinstance(a.frame.message, InvalidMessage) for a in actions)
    print(state.__name__, "refused" if refused else told[0].partition(" is ")[2])
"""


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A copy of the sources that may be changed."""
    for name in ("core", "tests/node", "tests/simulation"):
        for path in (REPOSITORY / name).rglob("*.py"):
            copy = tmp_path / path.relative_to(REPOSITORY)
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(path.read_bytes())
    (tmp_path / "tests" / "__init__.py").touch()
    return tmp_path


def edit(path: Path, before: str, added: str) -> None:
    text = path.read_text()
    assert text.count(before) == 1
    path.write_text(text.replace(before, added + before))


def run(tree: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", SCENE],
        cwd=tree,
        env={"PYTHONPATH": str(tree)},
        capture_output=True,
        check=False,
        timeout=50,
        stdin=subprocess.DEVNULL,
        text=True,
    )


@pytest.mark.parametrize("room", ["neighbours/heartbeat.py", "neighbours/neighbours.py", "servers/healing.py"])
def test_a_new_message_between_servers_takes_two_edits(tree: Path, room: str) -> None:
    edit(tree / "core/wire/messages.py", "\nMESSAGES: Final", STRUCT)
    path = tree / "core/node" / room
    imports = "from core.node.kernel.connections import Link\n" if "import Link\n" not in path.read_text() else ""
    imports += "from core.node.kernel.takers import takes\nfrom core.wire.messages import WeatherReport\n"
    head, future, rest = path.read_text().partition("from __future__ import annotations\n")
    path.write_text(head + future + imports + rest + METHOD)
    ended = run(tree)
    assert ended.stderr == ""
    assert ended.stdout.split("\n") == ["native blue", "base refused", "logged_in refused", ""]


def test_a_message_in_a_part_that_is_not_asked_keeps_the_node_from_starting_and_says_where_to_name_it(
    tree: Path,
) -> None:
    edit(tree / "core/wire/messages.py", "\nMESSAGES: Final", STRUCT)
    path = tree / "core/node/neighbours/heartbeat.py"
    edit(path, "from core.wire.messages import ", "from core.wire.messages import WeatherReport\n")
    path.write_text(path.read_text() + "\n\nclass Station:\n" + METHOD)
    assert "Station takes WeatherReport, and is not asked: name it in core/node/node.py" in run(tree).stderr
