"""`sweep plugins`: what a config can name on this machine, and which package each thing is from."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from sweep.cli import Json
from sweep.errors import UsageError, first_line
from sweep.registry import REGISTRIES, Registry


def plugins(as_json: Json = False) -> None:
    """List the names that a config can use, and their packages.

    These are the pruning criteria, structures, tasks, metrics, samplers and listeners of this
    environment. Each of them is imported. The table says which one cannot be imported, and why.
    """
    rows = [row for registry in REGISTRIES.values() for row in _rows(registry)]
    if as_json:
        print(json.dumps(rows, indent=2))
        return
    table = [("kind", "name", "package", "")]
    for row in rows:
        last = f"FAILED: {row['error']}" if row["error"] else row["help"]
        table.append((row["kind"], row["name"], row["package"], last))
    widths = [max(map(len, column)) for column in list(zip(*table, strict=True))[:3]]
    for *cells, last in table:
        padded = (cell.ljust(width) for cell, width in zip(cells, widths, strict=True))
        print("  ".join([*padded, last]).rstrip())


def _rows(registry: Registry) -> Iterator[dict[str, Any]]:
    """One row for each thing of a registry: ``error`` says why it cannot be imported, or null."""
    for name in registry:
        row: dict[str, Any] = {"kind": registry.kind, "group": registry.group, "name": name}
        row |= {"package": registry.origin(name), "help": "", "error": None}
        try:
            row["help"] = _help(registry[name])
        except UsageError as error:  # another package's
            row["error"] = str(error)
        except Exception as error:  # a built-in one, on an incomplete installation
            row["error"] = first_line(error)
        yield row


def _help(thing: Any) -> str:
    """The first line of a thing's docstring, of the function that it wraps, or of its class."""
    if thing is None:  # a built-in name without an object of its own
        return ""
    own = [thing] if callable(thing) else []
    wrapped = filter(callable, getattr(thing, "__dict__", {}).values())
    for source in own or [*wrapped, type(thing)]:
        if text := (source.__doc__ or "").strip():
            return str(text).splitlines()[0]
    return ""
