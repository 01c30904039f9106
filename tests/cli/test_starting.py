"""Which port and data directory a server gets."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from core.engine import CannotBind
from core.wire.address import Address
from core.wire.limits import DEFAULT_PORT
from tui.cli import starting
from tui.cli.chosen_settings import ConfigFile, choose, default_data_dir
from tui.cli.options import NodeOptions
from tui.cli.serve import node_options


def options(flags: dict[str, object], *, join: Address | None = None) -> NodeOptions:
    chosen = choose({"host": "127.0.0.1", **flags}, {}, ConfigFile(Path("/none"), False, {}))
    return node_options(chosen, join, "secret" if join is not None else None)


@pytest.fixture
def two_ports() -> Iterator[int]:
    """A port that is taken, and is followed by a free one."""
    while True:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            try:
                socket.create_server(("127.0.0.1", port + 1)).close()
            except (OSError, OverflowError):
                continue
            yield port
            return


def test_only_a_server_that_joins_and_was_given_no_port_may_take_another_one() -> None:
    elsewhere = Address("example.org", 3780)
    assert options({}, join=elsewhere).port_may_differ
    assert not options({"port": "3780"}, join=elsewhere).port_may_differ
    assert not options({}).port_may_differ


async def test_a_joining_server_takes_the_next_free_port_and_that_ports_directory(
    two_ports: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    wanted = replace(options({}), port=two_ports, port_may_differ=True)
    server = await starting.start_server(wanted)
    try:
        assert server.address.port > two_ports
        assert server.settings.data_dir == default_data_dir(server.address.port)
        assert server.settings.data_dir.is_dir()
    finally:
        await server.abort()


async def test_a_port_that_was_asked_for_is_taken_or_refused(two_ports: int, tmp_path: Path) -> None:
    with pytest.raises(CannotBind):
        await starting.start_server(options({"port": str(two_ports), "data_dir": str(tmp_path)}))


async def test_the_options_reach_the_engine(tmp_path: Path) -> None:
    flags = {
        "data_dir": str(tmp_path),
        "advertise": "chat.example.org",
        "name": "kitchen",
        "preset": "wan",
        "announce_interval": "2s",
        "backup_interval": "1h",
        "backups_kept": "3",
        "activities_kept": "1000",
        "bytes_kept": "64M",
        "age_kept": "30d",
        "anonymous_rate": "32K",
        "anonymous": "no",
        "redirects": "off",
        "connections_max": "500",
        "registrations_per_minute": "6",
        "servers_max": "500",
        "accounts_max": "5000",
        "server_registrations_per_minute": "600",
    }
    settings = starting.engine_settings(options({**flags}), 4000)
    assert settings.port == 4000
    assert settings.advertise == Address("chat.example.org", 0)
    assert (settings.name, settings.preset) == ("kitchen", "wan")
    assert (settings.backup_interval, settings.backups_kept) == (3600.0, 3)
    retention = settings.retention
    assert (retention.activities, retention.bytes, retention.seconds) == (1000, 64 * 2**20, 30 * 86400.0)
    assert settings.limits.connections == 500
    node = settings.node_config(Address("h", 1), "s")
    assert (node.announce_interval, node.anonymous_rate, node.registrations_per_minute) == (2.0, 32 * 1024.0, 6.0)
    assert (node.servers_max, node.accounts_max, node.server_registrations_per_minute) == (500, 5000, 600.0)
    assert not node.anonymous and not node.redirects
    assert settings.data_dir == tmp_path


def test_a_server_without_a_name_is_called_like_its_machine() -> None:
    assert starting.engine_settings(options({}), DEFAULT_PORT).name == starting.machine_name()


def test_further_servers_on_a_machine_are_told_apart_by_their_ports() -> None:
    assert starting.engine_settings(options({}), 3781).name == f"{starting.machine_name()}:3781"


async def test_a_server_that_joined_with_a_secret_needs_none_at_its_next_start(tmp_path: Path) -> None:
    here = {"port": "0", "preset": "local"}
    ada = await starting.start_server(replace(options({**here, "data_dir": str(tmp_path / "ada")}), secret="secret"))
    try:
        flags: dict[str, object] = {**here, "data_dir": str(tmp_path / "byron")}
        byron = await starting.start_server(options(flags, join=ada.advertised))
        assert byron.secret == "secret"
        await byron.abort()
        again = await starting.start_server(options(flags))
        try:
            assert again.secret == "secret"
        finally:
            await again.abort()
    finally:
        await ada.abort()


def test_the_secret_file_is_private_and_follows_the_secret(tmp_path: Path) -> None:
    file = starting.keep_secret_file(tmp_path, "one")
    before = file.stat()
    assert starting.keep_secret_file(tmp_path, "one").stat().st_mtime_ns == before.st_mtime_ns
    assert starting.keep_secret_file(tmp_path, "two").read_text() == "two\n"
    assert file.stat().st_mode & 0o077 == 0
    assert list(tmp_path.iterdir()) == [file]


def test_no_representation_shows_a_secret() -> None:
    assert "secret" not in repr(options({}, join=Address("h", 1))).replace("secret=None", "")
