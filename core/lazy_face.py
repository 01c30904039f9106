"""Faces of packages that load no more than what is asked for (PEP 562).

A package gathers its public names so that nobody has to know in which of its modules each one lives. Gathered by plain
imports, an address would cost whatever the heaviest of the package's names does.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Mapping, Sequence


def lazy(package: str, names: Mapping[str, Sequence[str]]) -> Callable[[str], object]:
    """A `__getattr__` for a package: finds each name in the one of its modules that `names` has it under.

    Under a subpackage, a name may be a module of that; a module of another room is named in full. What was found stays,
    so each name is looked up once.
    """
    homes = {
        name: module if module.startswith("core.") else f"{package}.{module}"
        for module, of_module in names.items()
        for name in of_module
    }

    def find(name: str) -> object:
        home = homes.get(name)
        if home is None:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        module = importlib.import_module(home)
        found: object = getattr(module, name) if hasattr(module, name) else importlib.import_module(f"{home}.{name}")
        setattr(sys.modules[package], name, found)
        return found

    return find
