"""What is loaded when: the static import contracts' dynamic twin, which also sees what our dependencies load."""

from __future__ import annotations

import json
import pkgutil
import subprocess
import sys
from pathlib import Path

import pytest

import core

REPOSITORY = Path(__file__).resolve().parents[2]
SCREENS = {"textual", "asyncssh"}
LATER = {"core.engine.threads.search_work", "core.fulltext", "rich"}
"""What a server needs only for what it is asked, or some seconds after its start."""
OURS_MAX = 397
"""Of our own modules, how many a server without a screen has loaded when it takes connections, and has ended."""

COMMANDS = ("core.simulation.__main__", "core.simulation.command")
"""The simulator is a command of its own."""


def test_no_import_in_the_simulator_is_for_types_alone() -> None:
    """The contracts do not see those, and a circle could hide behind them."""
    sources = sorted((REPOSITORY / "core" / "simulation").rglob("*.py"))
    assert len(sources) > 30
    assert [str(path) for path in sources if "TYPE_CHECKING" in path.read_text(encoding="utf-8")] == []


def loaded_after(code: str, tmp_path: Path) -> set[str]:
    """The modules that a fresh interpreter has loaded after running `code`."""
    report = tmp_path / "modules.json"
    ending = f"\nimport json, sys\nopen({str(report)!r}, 'w').write(json.dumps(sorted(sys.modules)))\n"
    ended = subprocess.run(
        [sys.executable, "-c", code + ending],
        cwd=REPOSITORY,
        check=False,
        timeout=50,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        env={"HOME": str(tmp_path)},
    )
    assert ended.returncode == 0, ended.stderr.decode()
    return set(json.loads(report.read_text()))


def loaded_after_command(tmp_path: Path, *arguments: str) -> set[str]:
    code = f"from tui.cli import main\ntry:\n    main({list(arguments)!r})\nexcept SystemExit:\n    pass\n"
    return loaded_after(code, tmp_path)


def roots(modules: set[str]) -> set[str]:
    return {module.partition(".")[0] for module in modules}


def test_no_module_of_the_core_loads_a_screen_or_ssh(tmp_path: Path) -> None:
    names = [module.name for module in pkgutil.walk_packages(core.__path__, "core.") if module.name not in COMMANDS]
    assert len(names) > 20
    loaded = loaded_after("\n".join(f"import {name}" for name in names), tmp_path)
    assert set(names) <= loaded
    assert not roots(loaded) & (SCREENS | {"rich", "argparse", "platformdirs", "tui"})


def test_the_pure_rooms_load_no_sockets_threads_or_loops(tmp_path: Path) -> None:
    names = [
        module.name
        for room in ("wire", "node")
        for module in pkgutil.walk_packages([str(REPOSITORY / "core" / room)], f"core.{room}.")
    ]
    loaded = loaded_after("\n".join(f"import {name}" for name in names), tmp_path)
    assert set(names) <= loaded
    assert not roots(loaded) & {
        "asyncio",
        "socket",
        "ssl",
        "select",
        "selectors",
        "concurrent",
        "sqlite3",
        "subprocess",
        # Comes with the first key or signature.
        "cryptography",
    }


@pytest.mark.parametrize(
    "arguments",
    [
        ("--help",),
        ("--version",),
        ("serve", "--help"),
        ("config", "show"),
        ("post", "127.0.0.1:1", "hello"),
        ("tail", "127.0.0.1:1"),
        ("status", "127.0.0.1:1"),
        ("serve", "--headless", "--host", "192.0.2.1", "--data-dir", "/dev/null/x"),
    ],
    ids=lambda arguments: " ".join(arguments)[:20],
)
def test_a_command_without_a_screen_loads_neither_textual_nor_asyncssh(
    tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    assert not roots(loaded_after_command(tmp_path, *arguments)) & SCREENS


@pytest.mark.parametrize("arguments", [("--help",), ("--version",), ("config", "path")], ids=lambda each: each[0])
def test_what_only_prints_loads_no_event_loop_either(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    assert not roots(loaded_after_command(tmp_path, *arguments)) & {"asyncio", "logging", "msgspec", "rich", "sqlite3"}


@pytest.mark.parametrize("arguments", [("--help",), ("--version",), ("serve", "--help")], ids=" ".join)
def test_what_only_explains_itself_loads_none_of_what_takes_long_and_is_not_needed(
    tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    assert not loaded_after_command(tmp_path, *arguments) & {"dataclasses", "inspect", "difflib", "pathlib", "urllib"}


def test_a_running_server_without_a_screen_loads_neither_textual_nor_asyncssh(tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    command = ["serve", "--headless", "--host", "127.0.0.1", "--port", "0", "--data-dir", str(data_dir)]
    code = f"""
import os, pathlib, signal, threading, time
from tui.cli import main
def end_once_it_runs():
    while not pathlib.Path({str(data_dir / "network-secret")!r}).exists():
        time.sleep(0.02)
    os.kill(os.getpid(), signal.SIGTERM)
threading.Thread(target=end_once_it_runs, daemon=True).start()
assert main({command!r}) == 0
"""
    loaded = loaded_after(code, tmp_path)
    assert "core.engine.server" in loaded
    assert not roots(loaded) & SCREENS
    assert not loaded & LATER, "they are loaded when they are asked for"
    ours = [module for module in loaded if module.startswith(("core", "tui"))]
    assert len(ours) <= OURS_MAX, "each takes part of every start"


@pytest.mark.parametrize("command", ["post", "tail", "status"])
def test_a_command_for_scripts_loads_neither_of_the_others(tmp_path: Path, command: str) -> None:
    loaded = loaded_after_command(tmp_path, command, "127.0.0.1:1", *(["hello"] if command == "post" else []))
    assert "cryptography" not in roots(loaded)
    assert {module for module in loaded if module.startswith("tui.script.") and module.endswith("_command")} == {
        f"tui.script.{command}_command"
    }
    assert "hashlib" not in loaded
    assert command != "post" or "tui.feed.feed_answers" not in loaded, "only what answers something looks for that"


def test_a_server_tells_stories_when_somebody_over_ssh_asks_for_them(tmp_path: Path) -> None:
    loaded = loaded_after("import tui.ssh.ssh_server", tmp_path)
    assert "tui.ssh.commands.events_over_ssh" in loaded
    assert not loaded & {"tui.text.story_text", "core.stories.sentences", "core.stories.story_claims"}


def test_a_client_command_loads_no_engine_and_no_store(tmp_path: Path) -> None:
    loaded = loaded_after_command(tmp_path, "tail", "127.0.0.1:1")
    assert "core.client" in loaded
    assert not {module for module in loaded if module.startswith(("core.engine", "core.store"))}
    assert "sqlite3" not in loaded
