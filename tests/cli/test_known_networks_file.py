"""The file of known networks: whose word it is that a network has its key stands in it, beside the addresses."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.certificates import Approval
from core.wire import Address
from tui.remembered import known_networks
from tui.remembered.known_networks import KnownNetworks

OLD, NEW = "a" * 26, "b" * 26
HERE = Address("example.org", 3780)
ADA = Approval(b"a" * 32, b"t" * 24, 7)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = tmp_path / known_networks.FILE_NAME
    known_networks.enter(file, OLD, (HERE,))
    return file


def test_an_operator_is_known_for_one_network_and_no_address(file: Path) -> None:
    known_networks.approve(file, OLD, ADA)
    known = KnownNetworks(file)
    assert known.approved(OLD) == ADA and known.approved(NEW) is None
    assert known.at(HERE) == OLD
    assert [where for where, _ in known.entries()] == [known_networks.ANYWHERE, str(HERE)]


def test_of_two_words_the_later_one_that_is_entered_stands(file: Path) -> None:
    known_networks.approve(file, OLD, Approval(ADA.operator, ADA.tag))
    known_networks.approve(file, OLD, ADA)
    assert KnownNetworks(file).approved(OLD) == ADA
    assert file.read_text().count("operator ") == 1


def test_a_succeeded_key_takes_its_operator_along(file: Path) -> None:
    known_networks.approve(file, OLD, ADA)
    known_networks.succeed(file, OLD, NEW)
    assert OLD not in file.read_text() and KnownNetworks(file).at(HERE) == NEW
    known_networks.approve(file, NEW, ADA)
    assert KnownNetworks(file).approved(NEW) == ADA


def test_a_network_that_is_forgotten_is_forgotten_with_its_operator(file: Path) -> None:
    known_networks.approve(file, OLD, ADA)
    assert known_networks.forget(file, OLD) == 3
    assert file.read_text() == ""


@pytest.mark.parametrize("words", ["", OLD, f"{OLD} !!! zz x", f"{OLD} YQ== 00 -1x"])
def test_what_is_no_operator_is_nobody(file: Path, words: str) -> None:
    file.write_text(f"{file.read_text()}operator {words}\n")
    assert KnownNetworks(file).approved(OLD) is None and KnownNetworks(file).at(HERE) == OLD
