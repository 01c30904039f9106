"""Data directories that are full, read-only, in use, lost, restored or copied."""

from __future__ import annotations

import asyncio
import resource
import shutil
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.base_peers.lines import wait_until
from tests.base_peers.network import chain
from tests.processes.harness import REPOSITORY, NodeNetwork, NodeProcess, wait_for
from tests.processes.people import Person


async def ended(command: list[str], limit: float = 20.0) -> tuple[int, str]:
    """Run a command to its end; returns its status and what it said on standard error."""
    process = await asyncio.create_subprocess_exec(
        *command, cwd=REPOSITORY, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE
    )
    try:
        _, said = await asyncio.wait_for(process.communicate(), limit)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode is not None
    text = said.decode()
    assert "Traceback" not in text, text
    return process.returncode, text


async def system(*command: str) -> tuple[int, str]:
    """Run a command of the system; returns its status and why it failed."""
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE
    )
    _, said = await asyncio.wait_for(process.communicate(), 10)
    return process.returncode or 0, said.decode().strip()


@pytest.fixture
async def small_disk(tmp_path: Path) -> AsyncIterator[Path]:
    """A file system of a few mebibytes, where the system allows to make one."""
    place = tmp_path / "small"
    place.mkdir()
    status, why = await system("mount", "-t", "tmpfs", "-o", "size=8m,mode=700", "tmpfs", str(place))
    if status != 0:
        pytest.skip(f"the system does not allow to mount a small file system here: {why}")
    yield place
    assert await system("umount", "-l", str(place)) == (0, "")


async def test_a_full_disk_refuses_with_a_reason_serves_on_and_recovers_by_itself(
    nodes: NodeNetwork, small_disk: Path
) -> None:
    full = NodeProcess(small_disk / "data", options=("--name", "full", *nodes.options))
    nodes.nodes.append(full)
    await full.start()
    healthy = await nodes.start(full)
    await nodes.settled()
    async with Person([full]) as writer, Person([healthy]) as other:
        await writer.post_accepted(["before"])
        # Somebody else takes what is left of the disk.
        hog = small_disk / "hog"
        with hog.open("wb", buffering=0) as file:
            try:
                while True:
                    file.write(b"x" * 4096)
            except OSError:
                pass
        big = "y" * 30_000
        for number in range(100):
            writer.client.post({"text": f"n {number}", "filler": big}, ref=f"n {number}")
        await wait_for(lambda: writer.refused, 20, "activities are refused")
        await writer.answered()
        refused = set(writer.refused)

        async def fails() -> bool:
            return bool((await full.status())["storage_error"])

        # An answer may be a moment old.
        await wait_for(fails, 10, "status says so")
        # The disk still takes a little now and then, which is no reason to say that it works.
        for _ in range(15):
            assert await fails()
            await asyncio.sleep(0.1)
        assert full.stderr.count("the disk does not take writes") == 1
        assert full.stderr.count("the disk takes writes again") == 0
        await full.said("warning" if "warning" in full.stderr else "error")
        async with await full.client() as client:
            client.send({"command": "REGISTER", "username": "ann", "secret": "her secret"})
            reason = await client.expect_refusal("REGISTER_FAILED")
            assert "account" in reason or "disk" in reason or "full" in reason, reason
        # It still passes on what others accept.
        await other.post_accepted(["from a healthy one"])
        await writer.has(["from a healthy one"])

        hog.unlink()

        async def recovered() -> bool:
            return not await fails()

        await wait_for(recovered, 40, "the disk takes writes again")
        await writer.post_accepted(["after"])
        await other.has([*writer.accepted])
        other.nothing_twice()
        assert not refused & set(other.arrived), "what was refused arrived"
        accepted = set(writer.accepted)
    full.kill9()
    await full.wait()
    await full.restart()
    async with Person([full], history=1000) as late:
        await late.has([*accepted, "from a healthy one"])
        late.nothing_twice()


def filled(disk: Path, kibibytes: int) -> Path:
    """Take what is free of a disk, but for so much; the file that has it."""
    hog = disk / "hog"
    with hog.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(b"x" * 4096)
        except OSError:
            pass
        file.truncate(max(0, file.tell() - kibibytes * 1024))
    return hog


@pytest.mark.slow
@pytest.mark.timeout(300)
async def test_a_first_start_on_a_full_disk_is_refused_and_followed_by_a_normal_one_when_there_is_room(
    small_disk: Path,
) -> None:
    for kibibytes in (0, 4, 12, 36, 60, 90, 100):
        data = small_disk / f"data-{kibibytes}"
        hog = filled(small_disk, kibibytes)
        node = NodeProcess(data, options=("--ssh", "127.0.0.1:0"))
        status, said = await ended(node.command())
        assert status == 6, said
        assert "No space left" in said or "full" in said or "disk I/O error" in said
        hog.unlink()
        async with node:
            await node.said("host key SHA256")
            assert "storage warning" not in node.stderr
        assert (data / "ssh-host-key").stat().st_size > 100


@pytest.mark.slow
async def test_a_backup_or_a_restoration_on_a_full_disk_costs_nothing(small_disk: Path, tmp_path: Path) -> None:
    node = NodeProcess(small_disk / "data", options=("--backup-interval", "1"))
    async with node:
        async with Person([node]) as person:
            await person.post_accepted(["before"])
        await wait_for(lambda: len(list((node.data_dir / "backups").glob("backup-*"))) >= 2, 20, "backups are made")
        hog = filled(small_disk, 8)
        await node.said("no backup could be written", 20)
        good = sorted((node.data_dir / "backups").glob("backup-*"))
    assert list((node.data_dir / "backups").glob(".*")) == []
    restore = [sys.executable, "-m", "tui", "restore", str(good[-1]), "--data-dir", str(node.data_dir), "--force"]
    status, said = await ended(restore)
    assert status == 6, said
    assert "No space left" in said
    hog.unlink()
    async with node, Person([node], history=10) as late:
        await late.has(["before"])
        assert "storage warning" not in node.stderr
    assert list(node.data_dir.glob("replaced-*")) == []
    status, said = await ended(restore)
    assert status == 0, said


async def test_a_disk_that_takes_no_write_any_more_costs_nothing_that_was_promised(nodes: NodeNetwork) -> None:
    (node,) = await nodes.build([])
    async with await node.client() as client:
        await client.register("ann", "her secret")

    async def fails() -> bool:
        return bool((await node.status())["storage_error"])

    async def works() -> bool:
        return not await fails()

    async with Person([node], "ann", "her secret") as writer:
        await writer.post_accepted(["before"])
        # From here on every write to a file fails, as on a file system that the kernel has made read-only. (It refuses
        # to do so on request while files are open for writing.)
        before = resource.prlimit(node.pid, resource.RLIMIT_FSIZE)
        resource.prlimit(node.pid, resource.RLIMIT_FSIZE, (0, before[1]))
        writer.post("refused")
        await wait_for(lambda: writer.refused == ["refused"], 10, "the post is refused")
        await wait_for(fails, 10, "status says so")
        async with await node.client() as client:
            client.send({"command": "REGISTER", "username": "bob", "secret": "his secret"})
            reason = await client.expect_refusal("REGISTER_FAILED")
            assert "cannot keep accounts" in reason, reason
        # What is there is served: accounts and the past.
        async with Person([node], "ann", "her secret", history=10) as reader:
            await reader.has(["before"])
        resource.prlimit(node.pid, resource.RLIMIT_FSIZE, before)
        await wait_for(works, 30, "the disk takes writes")
        await writer.post_accepted(["after"])
        await registered(node, "bob", "his secret")
    node.kill9()
    await node.wait()
    await node.restart()
    async with Person([node], "bob", "his secret", history=10) as late:
        await late.has(["before", "after"])
        assert late.arrived == ["before", "after"]


async def registered(node: NodeProcess, name: str, secret: str) -> None:
    async with await node.client() as client:
        await client.register(name, secret)


async def test_a_read_only_data_directory_ends_the_start_with_status_6(tmp_path: Path) -> None:
    data = tmp_path / "data"
    async with NodeProcess(data) as node:
        await node.quit()
    mounted, why = await system("mount", "--bind", str(data), str(data))
    if mounted != 0:
        pytest.skip(f"the system does not allow a read-only mount here: {why}")
    try:
        assert await system("mount", "-o", "remount,bind,ro", str(data)) == (0, "")
        status, said = await ended(NodeProcess(data).command())
    finally:
        await system("umount", "-l", str(data))
    assert status == 6, said
    assert str(data) in said or "read-only" in said.lower()


async def test_a_second_process_on_the_same_data_is_refused_and_the_first_goes_on(nodes: NodeNetwork) -> None:
    (node,) = await nodes.build([])
    status, said = await ended(NodeProcess(node.data_dir).command())
    assert status == 6, said
    assert "use" in said
    async with Person([node]) as person:
        await person.post_accepted(["still here"])


async def test_a_taken_port_ends_the_start_with_status_5(nodes: NodeNetwork, tmp_path: Path) -> None:
    (node,) = await nodes.build([])
    status, said = await ended(NodeProcess(tmp_path / "other", port=node.port).command())
    assert status == 5, said
    assert str(node.port) in said


async def test_a_server_with_another_secret_is_not_let_in(nodes: NodeNetwork, tmp_path: Path) -> None:
    (node,) = await nodes.build([])
    status, said = await ended(NodeProcess(tmp_path / "other", join=node.address, secret="no such secret").command())
    assert status == 4, said
    assert "secret" in said and "no such secret" not in said
    assert len((await node.status())["servers"]) == 1


async def test_who_lost_its_data_comes_back_from_a_backup_and_learns_the_rest(nodes: NodeNetwork) -> None:
    first = await nodes.start(options=("--backup-interval", "1"))
    second = await nodes.start(first)
    await nodes.settled()
    async with await first.client() as client:
        await client.register("ann", "her secret")
    async with Person([first], "ann", "her secret") as writer:
        await writer.post_accepted(["old"])
        backups = first.data_dir / "backups"
        # Two new ones: the second began after the post was accepted.
        seen = set(backups.glob("backup-*.db"))
        await wait_until(lambda: len(set(backups.glob("backup-*.db")) - seen) >= 2, 20, "backups are made")
        kept = first.data_dir.parent / "kept.backup"
        shutil.copyfile(max(backups.glob("backup-*.db")), kept)
        await writer.post_accepted(["new"])
        async with await second.client() as client:
            await client.register("bob", "his secret")
        async with Person([second], history=10) as elsewhere:
            await elsewhere.has(["old", "new"])
        first.kill9()
        await first.wait()
        shutil.rmtree(first.data_dir)
        program = [sys.executable, "-m", "tui", "restore", str(kept), "--data-dir", str(first.data_dir)]
        status, said = await ended(program)
        assert status == 0, said
        await first.restart(join=second.address)
        await nodes.settled()
        await writer.post_accepted(["newest"])
    for name, secret in (("ann", "her secret"), ("bob", "his secret")):
        async with await first.client() as client:
            await client.login(name, secret)
    for server in (first, second):
        async with Person([server], history=10) as late:
            await late.has(["old", "new", "newest"])
            late.nothing_twice()


@pytest.mark.slow
async def test_of_two_servers_with_one_data_the_one_started_later_stays_and_nothing_accepted_is_lost(
    nodes: NodeNetwork,
) -> None:
    first, second = await nodes.build(chain(2))
    await first.quit()
    copy = first.data_dir.parent / "copy"
    shutil.copytree(first.data_dir, copy)
    await first.restart()
    started = time.time()
    await nodes.settled()
    # Which start is the later one is told by the second, but a server that was started twice within one counts on
    # beyond it; chance says how far, and no further than to the end of the next.
    await wait_until(lambda: int(time.time()) > int(started) + 1, 4)
    twin = NodeProcess(copy, join=second.address, options=("--name", "twin", *nodes.options))
    nodes.nodes.append(twin)
    await twin.start()
    await first.said("two cannot run from one server's data", 20)
    async with Person([first]) as one, Person([second]) as two, Person([twin]) as three:
        people = {"one": one, "two": two, "three": three}
        for name, person in people.items():
            await person.post_accepted([f"{name} {number}" for number in range(5)])
        await three.has(two.accepted)
        await two.has(three.accepted)
        await twin.quit()
        await nodes.settled([first, second], limit=50)
        for person in (one, two):
            await person.has([*one.accepted, *two.accepted, *three.accepted])
            person.nothing_twice()
            for name in people:
                person.in_order(f"{name} ")


def lose(data: Path, way: str) -> None:
    """What somebody may do to a directory in use."""
    if way == "deleted":
        shutil.rmtree(data)
    elif way == "without its database":
        (data / "node.db").unlink()
    elif way == "with another database":
        (data / "node.db").rename(data / "aside")
        (data / "node.db").touch()
    else:
        data.rename(data.with_name("elsewhere"))
        if way == "replaced":
            data.mkdir()


@pytest.mark.slow
@pytest.mark.parametrize("way", ["deleted", "moved", "replaced", "without its database", "with another database"])
async def test_a_data_directory_that_is_lost_under_a_running_server_is_noticed_and_nothing_is_kept_there(
    nodes: NodeNetwork, way: str
) -> None:
    node = await nodes.start()
    healthy = await nodes.start(node)
    await nodes.settled()

    async def fails() -> bool:
        return bool((await node.status())["storage_error"])

    async with Person([node]) as writer, Person([healthy]) as other:
        await writer.post_accepted(["before"])
        lose(node.data_dir, way)
        # Nobody posts: it is noticed all the same.
        await wait_for(fails, 5, "status says so")
        await node.said("put it back in its place")
        writer.post("refused")
        await wait_for(lambda: writer.refused == ["refused"], 10, "the post is refused")
        await other.post_accepted(["from a healthy one"])
        await writer.has(["from a healthy one"])
        if way == "moved":
            node.data_dir.with_name("elsewhere").rename(node.data_dir)
            await node.said("the disk takes writes again", 20)
            await writer.post_accepted(["after"])
            await other.has(["before", "from a healthy one", "after"])
        else:
            assert not (node.data_dir / "backups").exists()
    await node.quit()
    rescued = list(node.data_dir.parent.glob(f"{node.data_dir.name}-rescued-*.db"))
    if way == "moved":
        assert rescued == []
        await node.restart()
        kept = ["before", "from a healthy one", "after"]
    else:
        (file,) = rescued
        assert str(file) in node.stderr
        new = node.data_dir.with_name("new")
        status, said = await ended([sys.executable, "-m", "tui", "restore", str(file), "--data-dir", str(new)])
        assert status == 0, said
        node = NodeProcess(new, options=nodes.options)
        nodes.nodes.append(node)
        await node.start()
        kept = ["before"]
    async with Person([node], history=10) as late:
        await late.has(kept)
        assert "refused" not in late.arrived


async def test_a_log_that_is_deleted_under_a_running_server_costs_nothing(nodes: NodeNetwork) -> None:
    node = await nodes.start()
    async with Person([node]) as writer:
        await writer.post_accepted(["before"])
        (node.data_dir / "node.db-wal").unlink()
        await node.said("there is a new one")
        await writer.post_accepted(["after"])
    node.kill9()
    await node.wait()
    await node.restart()
    async with Person([node], history=10) as late:
        await late.has(["before", "after"])


@pytest.mark.slow
@pytest.mark.timeout(300)
async def test_a_first_start_that_is_killed_at_any_moment_is_followed_by_a_normal_one(tmp_path: Path) -> None:
    begun = asyncio.get_running_loop().time()
    async with NodeProcess(tmp_path / "whole"):
        usual = asyncio.get_running_loop().time() - begun
    for number in range(12):
        node = NodeProcess(tmp_path / f"node-{number}")
        starting = asyncio.create_task(node.start())
        await asyncio.sleep(usual * (0.5 + number / 20))
        if node.begun and not starting.done():
            node.kill9()
        # It may have listened by then, or not.
        await asyncio.wait([starting])
        starting.exception()
        await node.kill()
        async with node:
            assert "storage warning" not in node.stderr
            async with Person([node]) as person:
                await person.post_accepted(["here"])


@pytest.mark.slow
@pytest.mark.timeout(300)
async def test_a_server_that_is_killed_again_and_again_never_takes_its_own_data_for_lost(nodes: NodeNetwork) -> None:
    node = await nodes.start(options=("--backup-interval", "1"))
    accepted: list[str] = []
    for number in range(12):
        async with Person([node]) as writer:
            await writer.post_accepted([f"{number} {each}" for each in range(20)])
            accepted += writer.accepted
            writer.post("perhaps")
            node.kill9()
        await node.wait()
        await node.restart()
        assert "storage warning" not in node.stderr
    async with Person([node], history=1000) as late:
        await late.has(accepted)
