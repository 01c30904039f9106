"""Seeds that nobody has seen: which range a sweep takes follows from the commit at hand.

A fixed range is learned by heart: what fails in it is mended, and what would fail beside it is never looked at. This
way each commit brings a range of its own, and whoever has the commit can run the same one again.
"""

from __future__ import annotations

import hashlib
import subprocess
from pathlib import Path
from typing import Final, NamedTuple

ROOT: Final = Path(__file__).resolve().parents[3]
FIRST: Final = 100_000_000
"""Below it are the ranges that people have chosen by hand."""
SPACING: Final = 100_000
"""Two commits have no seeds in common, as long as they sweep no more than so many."""
RANGES: Final = 1_000_000
GIT_LIMIT: Final = 10.0


class Revision(NamedTuple):
    """What a range follows from."""

    name: str
    """As a person calls it."""
    digest: str
    """Hexadecimal digits."""

    @property
    def first_seed(self) -> int:
        spread = hashlib.blake2b(self.digest.encode(), digest_size=8).digest()
        return FIRST + int.from_bytes(spread, "big") % RANGES * SPACING


def revision(root: Path = ROOT) -> Revision:
    """The commit that is checked out at `root`; outside a git checkout, or without git, what the sources say."""
    commit = _commit(root)
    if commit is not None:
        return Revision(f"commit {commit[:12]}", commit)
    sources = hashlib.blake2b(digest_size=20)
    for path in sorted((root / "core").rglob("*.py")):
        sources.update(path.relative_to(root).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return Revision("the sources in core", sources.hexdigest())


def _commit(root: Path) -> str | None:
    if not (root / ".git").exists():
        # Some other repository may lie around an installed copy.
        return None
    try:
        done = subprocess.run(
            ["git", "rev-parse", "--verify", "HEAD"],
            cwd=root,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=GIT_LIMIT,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    commit = done.stdout.strip()
    return commit if done.returncode == 0 and commit else None
