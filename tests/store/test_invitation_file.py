"""Invitations that a server has given out: how often and how long each is good, whoever asks at the same time."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from core.store import GivenInvitation, give_invitation
from core.store.invitation_file import FILE, KEPT_MAX, code_named, take
from core.wire.invitations import Invited, code_id, code_of, invitation_line, read_invitation

CODE = code_of(bytes(range(16)))
NAMED = code_id(CODE)


def test_a_code_is_good_so_often_and_so_long(tmp_path: Path) -> None:
    give_invitation(tmp_path, GivenInvitation(CODE, 2, 100.0), 0.0)
    assert code_named(tmp_path, NAMED, 99.0) == CODE
    assert [take(tmp_path, NAMED, 1.0) for _ in range(3)] == [True, True, False]
    assert code_named(tmp_path, NAMED, 1.0) is None
    give_invitation(tmp_path, GivenInvitation(CODE, 2, 100.0), 0.0)
    assert not take(tmp_path, NAMED, 100.0)


def test_of_many_who_use_it_at_once_one_does(tmp_path: Path) -> None:
    give_invitation(tmp_path, GivenInvitation(CODE, 1, 100.0), 0.0)
    with ThreadPoolExecutor(8) as threads:
        used = list(threads.map(lambda _: take(tmp_path, NAMED, 1.0), range(40)))
    assert used.count(True) == 1


def test_only_the_owner_reads_it_and_there_are_never_too_many(tmp_path: Path) -> None:
    for number in range(KEPT_MAX):
        give_invitation(tmp_path, GivenInvitation(code_of(number.to_bytes(16, "big")), 1, 100.0), 0.0)
    assert (tmp_path / FILE).stat().st_mode & 0o777 == 0o600
    with pytest.raises(ValueError, match="are open already"):
        give_invitation(tmp_path, GivenInvitation(CODE, 1, 100.0), 0.0)
    give_invitation(tmp_path, GivenInvitation(CODE, 1, 300.0), 200.0)


@pytest.mark.parametrize("content", [b"nonsense", b"[{}]", b"\xff"])
def test_a_damaged_file_is_told_and_left_as_it_is(tmp_path: Path, content: bytes) -> None:
    (tmp_path / FILE).write_bytes(content)
    with pytest.raises(ValueError, match="is damaged"):
        code_named(tmp_path, NAMED, 1.0)
    assert (tmp_path / FILE).read_bytes() == content


def test_an_invitation_is_read_from_the_line_that_it_is_written_in() -> None:
    invited = Invited("a" * 26, CODE)
    assert read_invitation(invitation_line("[::1]:3780", invited)) == ("[::1]:3780", invited)
    assert CODE not in repr(invited)
    for text in ("example.org", "example.org:3780", f"h/{'a' * 26}", f"h/{'A' * 26}/{CODE}", f"h/{'a' * 26}/{CODE}x"):
        assert read_invitation(text) is None
