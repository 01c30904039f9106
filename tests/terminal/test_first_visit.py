"""A network that is met for the first time, in a real terminal."""

from __future__ import annotations

from pathlib import Path

from tests.terminal.pseudo import Terminal


def test_who_leaves_a_network_that_they_do_not_know_is_told_so_behind_the_screen(tmp_path: Path) -> None:
    server = Terminal(tmp_path / "host", "serve", "--host", "127.0.0.1", "--port", "0", "--no-anonymous")
    visitor = None
    try:
        visitor = Terminal(tmp_path / "guest", "join", f"127.0.0.1:{server.port}")
        visitor.has("Which network is that?")
        visitor.type(b"\x1b")
        assert visitor.wait() == 4
        assert f"nothing was said to 127.0.0.1:{server.port}" in visitor.text.rpartition("palette")[2]
    finally:
        for terminal in (server, visitor):
            if terminal is not None:
                terminal.close()
