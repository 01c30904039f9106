"""Who somebody was the last time."""

from __future__ import annotations

import os

import pytest

from core.wire.address import Address
from tui.model.network_faces import SignIn
from tui.own_screen.first_choices import first_identity, new_name, suggested_name
from tui.own_screen.person_options import PersonOptions
from tui.remembered import credentials
from tui.text import invitation


def test_what_is_remembered_is_private_and_comes_back(tmp_path):
    directory = tmp_path / "new" / "place"
    credentials.save(directory, credentials.Remembered("zoe", "s3cret"))
    assert credentials.load(directory) == credentials.Remembered("zoe", "s3cret")
    assert (directory / credentials.FILE_NAME).stat().st_mode & 0o777 == 0o600
    assert directory.stat().st_mode & 0o777 == 0o700
    assert os.listdir(directory) == [credentials.FILE_NAME]


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"username": 5}', b"\xff\xfe"])
def test_a_damaged_file_is_as_good_as_none(tmp_path, content):
    (tmp_path / credentials.FILE_NAME).write_bytes(content)
    assert credentials.load(tmp_path) is None


def test_forgetting_twice_is_harmless(tmp_path):
    credentials.save(tmp_path, credentials.Remembered("zoe"))
    credentials.forget(tmp_path)
    credentials.forget(tmp_path)
    assert credentials.load(tmp_path) is None


KEPT = credentials.Remembered("zoe", "kept")


@pytest.mark.parametrize(
    ("name", "secret", "remembered", "identity"),
    [
        (None, None, None, None),
        (None, None, KEPT, SignIn("login", "zoe", "kept", remember=True)),
        (None, None, credentials.Remembered("zoe"), None),
        (None, None, credentials.Remembered("anonymous"), SignIn("anonymous")),
        ("bob", "given", KEPT, SignIn("login", "bob", "given")),
        ("bob", None, KEPT, None),
        ("zoe", None, KEPT, SignIn("login", "zoe", "kept", remember=True)),
        ("anonymous", None, KEPT, SignIn("anonymous")),
    ],
)
def test_settings_go_before_memory_and_a_name_alone_is_asked_about(name, secret, remembered, identity):
    assert first_identity(PersonOptions(name, secret), remembered) == identity


ELSEWHERE = credentials.Remembered("zoe", "1", (credentials.SavedAccount("zoe", "1", None, ("a.example:3780",)),))
BEGUN = credentials.Remembered("zoe", None, (credentials.SavedAccount("zoe", None, "2", ("a.example:3780",)),))


@pytest.mark.parametrize(
    ("remembered", "at", "identity"),
    [
        (ELSEWHERE, "a.example:3780", SignIn("login", "zoe", "1", remember=True)),
        (ELSEWHERE, "b.example:3780", None),
        (ELSEWHERE, credentials.HERE, None),
        (BEGUN, "a.example:3780", None),
        (KEPT, "a.example:3780", SignIn("login", "zoe", "kept", remember=True)),
    ],
)
def test_a_secret_is_told_only_where_it_was_taken_before_unless_somebody_says_otherwise(remembered, at, identity):
    assert first_identity(PersonOptions(None, None), remembered, at) == identity


def test_a_name_that_is_remembered_elsewhere_is_asked_about_and_not_registered_anew():
    here = credentials.Remembered(
        "yan", "2", (*ELSEWHERE.accounts, credentials.SavedAccount("yan", "2", None, ("b:1",)))
    )
    assert first_identity(PersonOptions("zoe", None), here, "b:1") is None


@pytest.mark.parametrize(
    ("name", "new"),
    [("xan", "xan"), ("zoe", ""), ("anonymous", ""), ("bob~abcdef", ""), (None, "")],
)
def test_a_name_of_which_nothing_is_remembered_is_asked_about_and_may_be_new(name: str | None, new: str) -> None:
    here = credentials.Remembered("zoe", None, (credentials.SavedAccount("zoe", "kept", None, ("a:1",)),))
    assert new_name(PersonOptions(name, None), here) == new
    if new:
        assert first_identity(PersonOptions(name, None), here, "b:1") is None
        assert first_identity(PersonOptions(name, "1"), here, "b:1") == SignIn("login", new, "1")


def test_a_name_that_no_network_registers_is_asked_about_and_may_log_in():
    assert first_identity(PersonOptions("bob~abcdef", None), None) is None
    assert first_identity(PersonOptions("bob~abcdef", "1"), None) == SignIn("login", "bob~abcdef", "1")
    renamed = credentials.Remembered("bob~abcdef", "1", ())
    assert first_identity(PersonOptions(None, None), renamed) == SignIn("login", "bob~abcdef", "1", remember=True)


def test_the_command_with_the_secret_hides_it_from_lists_of_processes():
    address = Address("192.0.2.1", 3780)
    assert invitation.server_command(address, "a b'c") == (
        "ACTIVITY_TUI_SECRET='a b'\"'\"'c' activity-tui join 192.0.2.1:3780"
    )


def test_a_secret_never_shows_in_what_is_logged():
    assert "kept" not in repr(SignIn("login", "zoe", "kept"))
    assert "kept" not in repr(KEPT)


# --- who was in the application, and whom commands have remembered ----------------------------------------------------

HOME, WORK = "home.example:3780", "work.example:3780"
NOBODY_SAYS = PersonOptions(None, None)


def test_the_application_asks_who_somebody_is_where_only_a_command_has_registered_and_fills_that_name_in(tmp_path):
    credentials.expect(tmp_path, "deploybot", "1", HOME)
    credentials.confirm(tmp_path, "deploybot", "1", HOME)
    remembered = credentials.load(tmp_path)
    assert first_identity(NOBODY_SAYS, remembered, HOME) is None
    assert suggested_name(NOBODY_SAYS, remembered, HOME) == "deploybot"
    assert first_identity(PersonOptions("deploybot", None), remembered, HOME) == SignIn(
        "login", "deploybot", "1", remember=True
    )


def test_what_commands_remember_later_changes_nothing_of_who_comes_in(tmp_path):
    credentials.enter(tmp_path, "ada", "1", HOME)
    credentials.confirm(tmp_path, "deploybot", "2", HOME)
    assert first_identity(NOBODY_SAYS, credentials.load(tmp_path), HOME) == SignIn("login", "ada", "1", remember=True)


def test_somebody_is_at_each_place_who_they_were_there_the_last_time(tmp_path):
    credentials.enter(tmp_path, "ada", "1", HOME)
    credentials.enter(tmp_path, "lovelace", "2", WORK)
    credentials.enter(tmp_path, "anonymous", None, "library.example:3780")
    remembered = credentials.load(tmp_path)
    assert first_identity(NOBODY_SAYS, remembered, HOME) == SignIn("login", "ada", "1", remember=True)
    assert first_identity(NOBODY_SAYS, remembered, WORK) == SignIn("login", "lovelace", "2", remember=True)
    assert first_identity(NOBODY_SAYS, remembered, "library.example:3780") == SignIn("anonymous")
    assert first_identity(NOBODY_SAYS, remembered, "new.example:3780") is None


def test_who_was_sent_on_by_the_server_that_they_named_is_known_there_the_next_time(tmp_path):
    credentials.enter(tmp_path, "ada", "1", "other.example:3780", HOME)
    remembered = credentials.load(tmp_path)
    for place in (HOME, "other.example:3780"):
        assert first_identity(NOBODY_SAYS, remembered, place) == SignIn("login", "ada", "1", remember=True)


def test_of_the_places_where_somebody_was_the_latest_are_kept(tmp_path):
    for number in range(credentials.PLACES_MAX + 1):
        credentials.enter(tmp_path, f"n{number}", None, f"h{number}:1")
    remembered = credentials.load(tmp_path)
    assert remembered is not None and remembered.last_at("h0:1") is None and remembered.last_at("h1:1") == "n1"
    assert len(remembered.visits) == credentials.PLACES_MAX
