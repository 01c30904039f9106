"""What the documents say of rooms, read from the sources: which there are, what each is about, and whom it imports.

The order is that of the import contracts in `pyproject.toml`; a room's subject is the first sentence of its docstring.
"""

from __future__ import annotations

import ast
import functools
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).parents[2]
STOREYS_MAX: Final = 8
"""With more layers than this, a picture of them goes along lines."""
WIDTH: Final = 100


def contracts() -> list[dict[str, Any]]:
    """The import contracts."""
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    found: list[dict[str, Any]] = tomllib.loads(text)["tool"]["importlinter"]["contracts"]
    return found


def containers() -> list[str]:
    """The packages whose rooms have a contract, `core` first."""
    return ["core", *(name for one in contracts() if one["type"] == "layers" for name in one.get("containers", []))]


def layers(container: str) -> list[list[str]]:
    """The layers of a package, the highest first, and what stands side by side in each; those of all for `core`."""
    wanted = [] if container == "core" else [container]
    (found,) = (one for one in contracts() if one["type"] == "layers" and one.get("containers", []) == wanted)
    return [[name.strip() for name in layer.split("|")] for layer in found["layers"]]


def path_of(module: str) -> Path:
    """The file of a module, or the package's own."""
    path = ROOT.joinpath(*module.split("."))
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


def subject(module: str) -> str:
    """The first sentence of a module's docstring."""
    words = ast.get_docstring(ast.parse(path_of(module).read_text(encoding="utf-8"))) or ""
    sentence = " ".join(words.partition("\n\n")[0].split()).partition(". ")[0].removesuffix(".")
    if not sentence:
        raise ValueError(f"{module} does not say what it is about")
    return sentence


def _without_types(node: ast.AST) -> Iterator[ast.AST]:
    """All of a tree but what only type checkers see."""
    for child in ast.iter_child_nodes(node):
        if not (isinstance(child, ast.If) and "TYPE_CHECKING" in ast.dump(child.test)):
            yield child
            yield from _without_types(child)


@functools.cache
def imported(path: Path) -> frozenset[str]:
    """The modules that a file imports when it is run."""
    found: set[str] = set()
    for node in _without_types(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
        elif isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
    return frozenset(found)


def imports(room: str, others: list[str]) -> list[str]:
    """Which of the others a room imports, in their order."""
    path = path_of(room)
    files = path.parent.rglob("*.py") if path.name == "__init__.py" else [path]
    modules = {module for file in files for module in imported(file)}
    return [
        other
        for other in others
        if other != room and any(module == other or module.startswith(f"{other}.") for module in modules)
    ]


def _rooms(container: str) -> list[str]:
    """A container's rooms by their whole names, the highest first."""
    names = [name for layer in layers(container) for name in layer]
    return names if container == "core" else [f"{container}.{name}" for name in names]


def _short(name: str, container: str) -> str:
    return name if container == "core" else name.removeprefix(f"{container}.")


def arrows(container: str) -> str:
    """The layers as a picture: from top to bottom, or along lines where there are many."""
    found = layers(container)
    rows = [" │ ".join(layer) for layer in found]
    if len(rows) > STOREYS_MAX:
        along = [f"[{row}]" if len(layer) > 1 else row for row, layer in zip(rows, found, strict=True)]
        lines: list[str] = []
        line = ""
        for one in along:
            if len(line) + len(one) > WIDTH:
                lines, line = [*lines, line], ""
            line += f" → {one}" if line else one
        return "    " + "\n      → ".join([*lines, line]) + "\n"
    width = max(map(len, rows))
    return f"\n    {'↓'.center(width).rstrip()}\n".join(f"    {row.center(width).rstrip()}" for row in rows) + "\n"


def rooms(container: str) -> str:
    """A table of the rooms: what each is about, and which it imports."""
    names = _rooms(container)
    lines = ["| room | subject | imports |", "|---|---|---|"]
    for room in names:
        found = ", ".join(f"`{_short(other, container)}`" for other in imports(room, names))
        lines.append(f"| `{_short(room, container)}` | {subject(room)} | {found} |")
    return "\n".join(lines) + "\n"


def parts(container: str) -> str:
    """A table for each room of several files: what each file is about. Rooms that have rooms have that told there."""
    blocks = []
    for room in _rooms(container):
        path = path_of(room)
        if path.name != "__init__.py" or not room.startswith(container) or room in containers():
            continue
        files = sorted(file.stem for file in path.parent.glob("*.py") if not file.stem.startswith("__"))
        lines = [f"**`{_short(room, container)}`**\n", "| file | subject |", "|---|---|"]
        blocks.append("\n".join([*lines, *(f"| `{file}` | {subject(f'{room}.{file}')} |" for file in files)]) + "\n")
    return "\n".join(blocks)


DRAWN: Final = {"arrows": arrows, "rooms": rooms, "parts": parts}
"""What can be drawn of a container, by the word in the document."""
