"""What tests and CI install is locked by hash, and the oldest versions that are allowed are tried."""

from __future__ import annotations

import re
import tomllib
from importlib.metadata import version as installed
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
DIRECT = [Requirement(one) for one in (*PROJECT["dependencies"], *PROJECT["optional-dependencies"]["dev"])]
AGAIN = "`make lock` writes it anew"


def locked(name: str) -> dict[str, tuple[Version, int]]:
    """What a file of requirements pins: the version of each package, and how many hashes it has."""
    found: dict[str, tuple[Version, int]] = {}
    for block in re.split(r"\n(?=\S)", (ROOT / "requirements" / name).read_text()):
        if not block.startswith("#"):
            requirement = Requirement(block.partition(" \\\n")[0])
            [pinned] = requirement.specifier
            assert pinned.operator == "==", block
            hashes = re.findall(r"--hash=sha256:[0-9a-f]{64}\b", block)
            found[canonicalize_name(requirement.name)] = (Version(pinned.version), len(hashes))
    return found


@pytest.mark.parametrize("file", ["locked.txt", "lowest.txt"])
def test_each_direct_dependency_is_locked_within_its_bounds_and_everything_has_hashes(file: str) -> None:
    pinned = locked(file)
    for one in DIRECT:
        found = pinned.get(canonicalize_name(one.name))
        assert found is not None and one.specifier.contains(found[0]), f"requirements/{file} lacks {one}: {AGAIN}"
    assert not [name for name, (_, hashes) in pinned.items() if not hashes]


def test_the_oldest_versions_are_those_of_the_lower_bounds() -> None:
    pinned = locked("lowest.txt")
    for one in DIRECT:
        [lower] = [Version(each.version) for each in one.specifier if each.operator == ">="]
        version, _ = pinned[canonicalize_name(one.name)]
        # A bound of 1.26 is 1.26.0, or what came first of it.
        assert version.release[: len(lower.release)] == lower.release, (
            f"requirements/lowest.txt has {version} for {one}"
        )


def test_what_is_installed_here_is_what_is_locked() -> None:
    pinned = locked("locked.txt")
    other = {
        one.name: (installed(one.name), str(pinned[canonicalize_name(one.name)][0]))
        for one in DIRECT
        if one.marker is None or one.marker.evaluate()
        if Version(installed(one.name)) != pinned[canonicalize_name(one.name)][0]
    }
    assert other == {}, "`make .venv/.stamp-dev` installs what is locked"
