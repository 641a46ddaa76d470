"""Packages whose names are imported when they are first used (SPEC 1 of Scientific Python)."""

from __future__ import annotations

import ast
from collections.abc import Callable
from importlib import import_module
from pathlib import Path


def lazy_names(file: str) -> tuple[Callable[[str], object], Callable[[], list[str]], list[str]]:
    """``__getattr__``, ``__dir__`` and ``__all__`` of the package with ``__init__.py`` at ``file``.

    The names, and the modules that have them, are the imports in ``__init__.pyi`` beside it, which
    type checkers and editors read too.
    """
    stub, package = Path(file).with_suffix(".pyi"), Path(file).parent.name
    homes = {
        alias.name: str(node.module)
        for node in ast.parse(stub.read_text("utf-8")).body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }

    def find(name: str) -> object:
        if name not in homes:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return getattr(import_module(homes[name]), name)

    return find, lambda: sorted(homes), sorted(homes)
