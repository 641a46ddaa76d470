"""prunesweep: a distributed search for how far a transformer can be pruned, and at what cost.

The functions and classes here are the public API::

    import sweep

    for record in sweep.trial("digits", sparsity=0.8, finetune_epochs=2).run():
        print(record)

The package `analysis` reads what a sweep leaves behind. Importing this package costs nothing: what
a name needs (torch, Ray) is imported when it is first used. The names are in ``__init__.pyi``, from
which type checkers and editors read them too, as in SPEC 1 of Scientific Python.
"""

from __future__ import annotations

import ast
from importlib import import_module
from pathlib import Path

_HOME = {
    alias.name: str(node.module)
    for node in ast.parse(Path(__file__).with_suffix(".pyi").read_text("utf-8")).body
    if isinstance(node, ast.ImportFrom)
    for alias in node.names
}
"""Name -> the module that has it."""

__all__ = sorted(_HOME)


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
