"""The keys that open an account: what they are called, which is meant, and what is said when they cannot be changed."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import asyncssh
import pytest

from core.engine import NotChanged, NotRunning
from core.wire.entries import KeyChange
from tui.ssh.remote_people.keyring import COMMENT_MAX, CannotChangeKeys, Key, KeyRing
from tui.ssh.remote_people.public_keys import key_of

CLAIM = "a.1"


class Keeper:
    """Keeps keys as a server does, in the order in which they were bound."""

    def __init__(self) -> None:
        self.bound: dict[str, list[KeyChange]] = {}
        self.problem: Exception | None = None

    def account_keys(self, claim: str) -> tuple[KeyChange, ...]:
        if isinstance(self.problem, NotRunning):
            raise self.problem
        return tuple(self.bound.get(claim, ()))

    async def change_key(self, claim: str, text: str, comment: str = "", *, bound: bool) -> None:
        if self.problem is not None:
            raise self.problem
        kept = [one for one in self.bound.get(claim, ()) if one.text != text]
        stamp = 1_000_000 * (1 + len(kept))
        self.bound[claim] = [*kept, KeyChange(text, stamp, True, comment)] if bound else kept


@pytest.fixture
def keeper() -> Keeper:
    return Keeper()


@pytest.fixture
def ring(keeper: Keeper) -> KeyRing:
    return KeyRing(keeper, keys_max=3)


def a_key(comment: str = "", kind: str = "ssh-ed25519") -> Key:
    return key_of(asyncssh.generate_private_key(kind, comment=comment).convert_to_public())


@pytest.mark.skipif(shutil.which("ssh-keygen") is None, reason="ssh-keygen is not installed")
@pytest.mark.parametrize("kind", ["ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp521", "ssh-rsa"])
def test_a_fingerprint_is_the_one_that_ssh_keygen_shows(kind: str, tmp_path: Path) -> None:
    key = asyncssh.generate_private_key(kind, comment="ada's laptop")
    file = tmp_path / "key.pub"
    file.write_bytes(key.export_public_key())
    shown = subprocess.run(["ssh-keygen", "-l", "-f", file], capture_output=True, text=True, check=True).stdout
    kept = key_of(key.convert_to_public())
    assert shown.split()[1] == kept.fingerprint
    assert kept.comment == "ada's laptop" and file.read_text().startswith(kept.text + " ")


@pytest.mark.parametrize("text", ["", "ssh-ed25519", "ssh-ed25519 !!!", "ssh-ed25519 AAA", "\x00 \x00", "x " + "A" * 9])
def test_what_another_server_keeps_as_a_key_and_is_none_has_a_fingerprint_all_the_same(text: str) -> None:
    assert Key(text, "").fingerprint.startswith("SHA256:")


async def test_keys_are_listed_in_the_order_in_which_they_were_bound_with_the_time(ring: KeyRing) -> None:
    keys = [a_key("one"), a_key("two")]
    assert [await ring.bind(CLAIM, key) for key in keys] == [True, True]
    assert [(key.comment, key.added_at) for key in ring.keys(CLAIM)] == [("one", 1.0), ("two", 2.0)]
    assert ring.keys("another") == []


async def test_a_key_that_is_known_is_not_bound_twice_also_under_another_comment(ring: KeyRing, keeper: Keeper) -> None:
    key = a_key("one")
    await ring.bind(CLAIM, key)
    assert not await ring.bind(CLAIM, Key(key.text, "another"))
    assert [one.comment for one in keeper.bound[CLAIM]] == ["one"]
    assert ring.has(CLAIM, key.text) and not ring.has("another", key.text)


async def test_one_key_more_than_are_allowed_is_refused_but_a_known_one_is_still_known(ring: KeyRing) -> None:
    keys = [a_key() for _ in range(3)]
    for key in keys:
        await ring.bind(CLAIM, key)
    with pytest.raises(CannotChangeKeys, match="at most 3 keys"):
        await ring.bind(CLAIM, a_key())
    assert not await ring.bind(CLAIM, keys[0])
    assert await ring.remove(CLAIM, "2") is not None
    assert await ring.bind(CLAIM, a_key())


async def test_a_comment_is_cut_and_shows_no_escape_codes(ring: KeyRing, keeper: Keeper) -> None:
    await keeper.change_key(CLAIM, "ssh-ed25519 AAAA", "\x1b[2J\n" + "x" * 500, bound=True)
    [key] = ring.keys(CLAIM)
    assert "\x1b" not in key.comment and "\n" not in key.comment and len(key.comment) <= COMMENT_MAX + len("…")


async def test_a_key_is_removed_by_its_fingerprint_its_text_its_comment_or_its_place(ring: KeyRing) -> None:
    for which in ("fingerprint", "text", "comment", "2"):
        keys = [a_key("one"), a_key("two")]
        for key in keys:
            await ring.bind(CLAIM, key)
        removed = await ring.remove(CLAIM, getattr(keys[1], which, which))
        assert removed is not None and removed.text == keys[1].text
        assert [key.text for key in ring.keys(CLAIM)] == [keys[0].text]
        await ring.remove(CLAIM, "1")


async def test_a_key_that_is_called_like_a_number_is_meant_before_the_one_at_that_place(ring: KeyRing) -> None:
    for comment in ("2", "other"):
        await ring.bind(CLAIM, a_key(comment))
    removed = await ring.remove(CLAIM, "2")
    assert removed is not None and removed.comment == "2"


async def test_of_several_with_one_comment_none_is_removed(ring: KeyRing) -> None:
    for _ in range(2):
        await ring.bind(CLAIM, a_key("laptop"))
    with pytest.raises(CannotChangeKeys, match="several"):
        await ring.remove(CLAIM, "laptop")
    assert len(ring.keys(CLAIM)) == 2


@pytest.mark.parametrize(
    "which", ["0", "3", "-1", "1.0", "٢", "nobody's", "", " ", pytest.param("9" * 5_000, id="long")]
)
async def test_what_is_no_key_of_the_account_removes_none(ring: KeyRing, which: str) -> None:
    for _ in range(2):
        await ring.bind(CLAIM, a_key("laptop"))
    assert await ring.remove(CLAIM, which) is None
    assert len(ring.keys(CLAIM)) == 2


async def test_where_the_network_does_not_change_a_key_it_is_said_why(ring: KeyRing, keeper: Keeper) -> None:
    await ring.bind(CLAIM, a_key("one"))
    keeper.problem = NotChanged("the disk is full")
    with pytest.raises(CannotChangeKeys, match="the disk is full"):
        await ring.bind(CLAIM, a_key("two"))
    with pytest.raises(CannotChangeKeys, match="the disk is full"):
        await ring.remove(CLAIM, "1")


async def test_when_the_server_has_ended_no_key_opens_anything(ring: KeyRing, keeper: Keeper) -> None:
    key = a_key("one")
    await ring.bind(CLAIM, key)
    keeper.problem = NotRunning("the server has ended")
    assert ring.keys(CLAIM) == [] and not ring.has(CLAIM, key.text)
    with pytest.raises(CannotChangeKeys):
        await ring.bind(CLAIM, key)
