"""Files that a person names, and a data directory's: pipes, devices, garbage, what is huge, what others may use."""

from __future__ import annotations

import os
import stat
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from core.store.data_directory import make_private_directory
from tests.cli.program import LIMIT, Program, running_node
from tui.application import fault_report
from tui.cli import dumps, given_file, log_output, starting
from tui.remembered import credentials, look_settings, private_file

SERVE = ("serve", "--headless", "--host", "127.0.0.1", "--port", "0")


def pipe(path: Path) -> None:
    os.mkfifo(path)


def directory(path: Path) -> None:
    path.mkdir()


def zeros(path: Path) -> None:
    path.symlink_to("/dev/zero")


def nothing(path: Path) -> None:
    path.symlink_to("/dev/null")


def dangling(path: Path) -> None:
    path.symlink_to("nowhere")


def empty(path: Path) -> None:
    path.touch()


def garbage(path: Path) -> None:
    path.write_bytes(bytes(range(256)) * 20)


def huge(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(2**40)


ODDITIES = [pipe, directory, zeros, nothing, dangling, empty, garbage, huge]


def name_of(function: object) -> str:
    return getattr(function, "__name__", "")


def asked(option: str, file: Path) -> tuple[str, ...]:
    """A start that is to read the file."""
    if option == "--user-secret-file":
        return ("post", "127.0.0.1:1", "-u", "ada", option, str(file), "text")
    return (*SERVE, option, str(file))


@pytest.mark.parametrize("option", ["--secret-file", "--user-secret-file", "--config"])
@pytest.mark.parametrize("make", [each for each in ODDITIES if each is not pipe], ids=name_of)
def test_what_cannot_be_read_is_refused_at_once_with_its_name(
    program: Program, tmp_path: Path, option: str, make: Callable[[Path], None]
) -> None:
    if option == "--config" and make in (nothing, empty):
        pytest.skip("an empty configuration is one")
    file = tmp_path / "odd"
    make(file)
    ended = program.run(*asked(option, file))
    assert ended.status == 2, ended.err
    assert str(file) in ended.err


@pytest.mark.slow
@pytest.mark.parametrize("option", ["--secret-file", "--config"])
def test_a_pipe_into_which_nobody_writes_is_told_and_given_up(program: Program, tmp_path: Path, option: str) -> None:
    file = tmp_path / "pipe"
    os.mkfifo(file)
    ended = program.run(*asked(option, file))
    assert ended.status == 2, ended.err
    assert f"waiting for what comes out of the pipe {file}" in ended.err
    assert "nothing more came within" in ended.err


@pytest.mark.parametrize("late", ["", "sleep 3; "])
def test_a_secret_may_come_out_of_a_process_substitution(program: Program, tmp_path: Path, late: str) -> None:
    command = " ".join([*program.command(*SERVE), "--data-dir", str(tmp_path / "data"), "--secret-file"])
    process = subprocess.Popen(
        ["bash", "-c", f"exec {command} <({late}echo open sesame)"],
        env=program.environment,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stderr is not None
        for line in process.stderr:
            if "join as a server" in line:
                break
        assert (tmp_path / "data" / "network-secret").read_text() == "open sesame\n"
    finally:
        process.kill()
        process.wait(LIMIT)
        if process.stderr is not None:
            process.stderr.close()


def test_a_process_substitution_without_content_is_no_secret_and_no_wait(program: Program) -> None:
    command = " ".join([*program.command(*SERVE), "--secret-file"])
    ended = subprocess.run(
        ["bash", "-c", f"{command} <(true)"], env=program.environment, capture_output=True, text=True, timeout=LIMIT
    )
    assert ended.returncode == 2, ended.stderr
    assert "holds no secret" in ended.stderr and "waiting" not in ended.stderr


def test_a_named_pipe_is_read_when_somebody_writes_into_it(tmp_path: Path) -> None:
    file = tmp_path / "pipe"
    os.mkfifo(file)
    threading.Thread(target=file.write_bytes, args=(b"one\ntwo\n",), daemon=True).start()
    assert given_file.read(file, 100) == b"one\ntwo\n"


def test_a_secret_file_that_others_may_read_is_told_and_taken(program: Program, tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text("open sesame\n")
    file.chmod(0o644)
    with running_node(program, tmp_path / "data", "--secret-file", str(file), secret="") as node:
        assert any(f"chmod 600 {file}" in line for line in node.log.seen)
    assert stat.S_IMODE(file.stat().st_mode) == 0o644, "it is not ours to change"


# --- the data directory's own ---


@pytest.mark.slow
@pytest.mark.parametrize("make", ODDITIES, ids=name_of)
def test_a_host_key_that_cannot_be_used_is_refused_and_stays(
    program: Program, tmp_path: Path, make: Callable[[Path], None]
) -> None:
    data = tmp_path / "data"
    data.mkdir()
    make(data / "ssh-host-key")
    before = os.lstat(data / "ssh-host-key")
    ended = program.run(*SERVE, "--data-dir", str(data), "--ssh", "127.0.0.1:0")
    assert ended.status == 6, ended.err
    assert "ssh-host-key" in ended.err and "put the old one back" in ended.err
    assert os.lstat(data / "ssh-host-key").st_ino == before.st_ino


@pytest.mark.slow
def test_a_host_key_that_others_could_read_is_made_private_and_told(program: Program, tmp_path: Path) -> None:
    with running_node(program, tmp_path / "data", "--ssh", "127.0.0.1:0") as node:
        node.log.wait("a host key for SSH was made")
    for name in ("ssh-host-key", "network-secret", "node.db"):
        (tmp_path / "data" / name).chmod(0o644)
    (tmp_path / "data").chmod(0o755)
    with running_node(program, tmp_path / "data", "--ssh", "127.0.0.1:0") as node:
        node.log.wait("ssh-host-key (mode 0644)")
        said = "\n".join(node.log.seen)
    for words in ("data (mode 0755)", "network-secret (mode 0644)", "node.db (mode 0644)"):
        assert words in said
    for path in (tmp_path / "data").iterdir():
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path


@pytest.mark.skipif(os.geteuid() != 0, reason="only the superuser may give files away, and stop being it")
def test_somebody_elses_host_key_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from tui.ssh.host_key import host_key_of

    file = tmp_path / "ssh-host-key"
    host_key_of(file)
    os.chown(file, 12345, 12345)
    with pytest.raises(private_file.NotPrivate, match="belongs to another user"):
        host_key_of(file)


@pytest.mark.parametrize("make", ODDITIES, ids=name_of)
def test_odd_files_in_the_place_of_what_is_remembered_hold_up_no_start(
    program: Program, tmp_path: Path, make: Callable[[Path], None]
) -> None:
    data = tmp_path / "data"
    data.mkdir()
    for name in ("network-secret", credentials.FILE_NAME, look_settings.FILE_NAME):
        make(data / name)
    with running_node(program, data, secret=""):
        pass
    assert credentials.load(data) is None
    assert look_settings.load(data) == look_settings.LookSettings()


@pytest.mark.parametrize("make", ODDITIES, ids=name_of)
def test_odd_files_are_no_backups_and_refused_at_once(
    program: Program, tmp_path: Path, make: Callable[[Path], None]
) -> None:
    make(tmp_path / "odd")
    ended = program.run("restore", str(tmp_path / "odd"), "--data-dir", str(tmp_path / "new"))
    assert ended.status == 1, ended.err
    assert str(tmp_path / "odd") in ended.err
    assert not (tmp_path / "new" / "node.db").exists()


def test_a_data_directory_with_all_that_the_application_keeps_in_it_is_made_private(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir(mode=0o755)
    for name in (
        starting.SECRET_FILE,
        starting.HOST_KEY_FILE,
        credentials.FILE_NAME,
        look_settings.FILE_NAME,
        log_output.FILE_NAME,
    ):
        (data / name).touch(mode=0o644)
    for name in (dumps.FOLDER, fault_report.FOLDER):
        (data / name).mkdir(mode=0o755)
    make_private_directory(data)
    assert stat.S_IMODE(data.stat().st_mode) == 0o700


@pytest.mark.parametrize("kind", ["device", "directory"])
def test_only_files_of_ours_are_made_private(tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*changed: object) -> None:
        pytest.fail(f"changed the mode of {changed}")

    odd = tmp_path / "person.json"
    if kind == "device":
        odd.symlink_to("/dev/null")
    else:
        odd.mkdir(mode=0o755)
    monkeypatch.setattr(os, "chmod", refuse)
    assert private_file.mend_mode(odd) == ""
