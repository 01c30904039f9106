"""Nobody uses a private name of somebody else: not the simulator, nor the tests of node, client and simulator."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
PUBLIC_ONLY = ("core/simulation", "tests/client", "tests/node", "tests/simulation")


def reaches(source: str) -> list[str]:
    """The private members that a module takes of what is not its own, with their lines."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Attribute) and node.attr.startswith("_") and not node.attr.startswith("__"):
            if not (isinstance(node.value, ast.Name) and node.value.id in ("self", "cls")):
                found.append(f"line {node.lineno}: {ast.unparse(node)}")
        elif isinstance(node, ast.ImportFrom):
            found += [f"line {node.lineno}: {one.name}" for one in node.names if one.name.startswith("_")]
    return found


def test_a_private_name_of_somebody_else_is_found_and_ones_own_is_not() -> None:
    source = (
        "from a import _b\nclass C:\n    def d(self, e):\n        self._f = e._g\n        return e.h._i.j, e.__dict__\n"
    )
    assert reaches(source) == ["line 1: _b", "line 4: e._g", "line 5: e.h._i"]


@pytest.mark.parametrize("folder", PUBLIC_ONLY)
def test_nobody_there_reaches_into_what_is_not_theirs(folder: str) -> None:
    sources = sorted((REPOSITORY / folder).rglob("*.py"))
    assert len(sources) > 5
    found = {str(path.relative_to(REPOSITORY)): reaches(path.read_text(encoding="utf-8")) for path in sources}
    assert {path: names for path, names in found.items() if names} == {}
