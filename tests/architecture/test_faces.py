"""The faces of the core's rooms: complete, and no dearer than what is asked of them."""

from __future__ import annotations

import ast
import importlib
import inspect

import pytest

from tests.architecture.test_imports import loaded_after, loaded_after_command

LAZY = ("core.wire", "core.node", "core.store", "core.engine")


def names_for_checkers(package: str) -> dict[str, str]:
    """The names that a type checker sees in a face, with the modules that they are from."""
    tree = ast.parse(inspect.getsource(importlib.import_module(package)))
    guarded = next(each for each in tree.body if isinstance(each, ast.If) and ast.unparse(each.test) == "TYPE_CHECKING")
    return {
        name.name: each.module or "" for each in guarded.body if isinstance(each, ast.ImportFrom) for name in each.names
    }


@pytest.mark.parametrize("package", LAZY)
def test_what_checkers_see_in_a_face_is_what_a_program_finds_there(package):
    face = importlib.import_module(package)
    seen = names_for_checkers(package)
    assert sorted(face.__all__) == sorted(seen)
    for name, home in seen.items():
        try:
            expected = getattr(importlib.import_module(home), name)
        except AttributeError:
            expected = importlib.import_module(f"{home}.{name}")
        assert getattr(face, name) is expected


@pytest.mark.parametrize("package", LAZY)
def test_a_face_has_no_names_but_its_own(package):
    with pytest.raises(AttributeError, match="nonsense"):
        importlib.import_module(package).nonsense  # noqa: B018
    with pytest.raises(ImportError):
        exec(f"from {package} import nonsense")


def test_an_address_costs_no_more_than_its_module(tmp_path):
    loaded = loaded_after("from core.wire import Address, parse_address", tmp_path)
    assert {each for each in loaded if each.startswith("core")} == {
        "core",
        "core.lazy_face",
        "core.wire",
        "core.wire.address",
        "core.wire.limits",
    }
    assert "msgspec" not in loaded


def test_a_picture_of_the_network_brings_no_node(tmp_path):
    loaded = loaded_after("from core.node import NodeSnapshot, Notice", tmp_path)
    assert "core.node.interface.snapshot" in loaded
    assert not {"core.node.node", "core.node.kernel", "core.node.servers"} & loaded


@pytest.mark.parametrize("command", ["post", "tail", "status"])
def test_a_client_command_loads_no_node(tmp_path, command):
    words = (command, "127.0.0.1:1", *(["hello"] if command == "post" else []))
    assert "core.node.node" not in loaded_after_command(tmp_path, *words)
