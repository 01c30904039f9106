"""What the screen beside a server will show: told as soon as it is known, while the server is still to be started."""

from __future__ import annotations

from pathlib import Path

from tui.cli.chosen_settings import default_data_dir
from tui.cli.options import NodeOptions
from tui.own_screen import screen_child
from tui.own_screen.person_options import PersonOptions
from tui.own_screen.screen_protocol import ScreenPlan
from tui.processes.message_pipe import framed


def screen_plan(person: PersonOptions, node: NodeOptions, data_dir: Path) -> ScreenPlan:
    """What is shown of a node with its data at `data_dir`."""
    return ScreenPlan(person, node.anonymous, str(data_dir), node.ssh is not None)


def plan_ahead(person: PersonOptions, node: NodeOptions) -> None:
    """Tell the process that was forked ahead, unless it depends on the server's port where its data will be."""
    if node.data_dir is None and node.port_may_differ:
        return
    data_dir = node.data_dir if node.data_dir is not None else default_data_dir(node.port)
    screen_child.tell_ahead(framed(screen_plan(person, node, data_dir)))
