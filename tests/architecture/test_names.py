"""One name, one thing: whoever looks for a class or a module by its name finds one, and knows what is meant by it."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
PACKAGES = ("core", "tui")
NAMELESS = {
    # Python's own names: a package's face, and what `python -m` runs.
    "__init__",
    "__main__",
}


def sources() -> dict[str, str]:
    """All modules, by their paths."""
    return {
        str(path.relative_to(REPOSITORY)): path.read_text(encoding="utf-8")
        for package in PACKAGES
        for path in sorted((REPOSITORY / package).rglob("*.py"))
    }


def named_twice(things: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    """Names that several things have, with where each of these is."""
    places: dict[str, list[str]] = defaultdict(list)
    for name, place in things:
        places[name].append(place)
    return {name: found for name, found in places.items() if len(found) > 1}


def public_types(source: str) -> list[str]:
    """The classes of a module, and its names for types; a type variable is a name within its module only."""
    names = []
    for each in ast.parse(source).body:
        if isinstance(each, ast.ClassDef):
            names.append(each.name)
        elif isinstance(each, ast.Assign) and not isinstance(each.value, ast.Call | ast.Constant):
            names += [target.id for target in each.targets if isinstance(target, ast.Name)]
    return [name for name in names if name[0].isupper() and not name.isupper()]


def modules(paths: Iterable[str]) -> list[tuple[str, str]]:
    """Modules and rooms. One that bears the name of its own room is what that room is about, and shares the name."""
    found = []
    for path in map(Path, paths):
        if path.name == "__init__.py":
            found.append((path.parent.name, str(path.parent)))
        elif path.stem not in NAMELESS and path.stem != path.parent.name:
            found.append((path.stem, str(path)))
    return found


def types(texts: Mapping[str, str]) -> list[tuple[str, str]]:
    return [(name, path) for path, text in texts.items() for name in public_types(text)]


def test_a_name_that_two_classes_or_a_class_and_a_type_have_is_found() -> None:
    texts = {
        "a.py": "class Post: ...\nclass _Hidden: ...\nLIMIT = [1]\nT = TypeVar('T')",
        "b.py": "Post = int | str\nclass _Hidden: ...\nLIMIT = [1]\nT = TypeVar('T')",
        "c.py": "def f():\n    class Post: ...",
    }
    assert named_twice(types(texts)) == {"Post": ["a.py", "b.py"]}


def test_a_name_that_two_modules_or_a_module_and_a_room_have_is_found() -> None:
    paths = ["core/a/__init__.py", "core/a/a.py", "core/a/b.py", "tui/b.py", "core/__main__.py", "tui/__main__.py"]
    assert named_twice(modules(paths)) == {"b": ["core/a/b.py", "tui/b.py"]}
    assert named_twice(modules([*paths, "tui/c/a.py"]))["a"] == ["core/a", "tui/c/a.py"]


def test_no_two_classes_have_one_name() -> None:
    assert named_twice(types(sources())) == {}


def test_no_two_modules_have_one_name() -> None:
    assert named_twice(modules(sources())) == {}
