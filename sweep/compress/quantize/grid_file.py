"""The file beside an exported model's weights that says on which grid they are.

It has ``scheme`` and ``modules`` (names of Linear layers); of ``fixed`` also ``width`` and
``frac_width``, of ``int8`` also ``scales``: of each module one an output channel, by which its
weights are whole numbers from -127 to 127.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sweep.errors import UsageError
from sweep.space.parameters import QUANTIZATIONS

GRID = "quantization.json"

_FORMAT = {"format": "prunesweep-quantization", "version": "1"}


def write_grid(path: Path, about: Mapping[str, Any]) -> None:
    """Write the file."""
    path.write_text(json.dumps({**_FORMAT, **about}) + "\n", encoding="utf-8")


def read_grid(path: Path) -> dict[str, Any]:
    """What the file says.

    Raises :class:`~sweep.errors.UsageError` where it cannot be read, or is of another version.
    """
    try:
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UsageError(f"{path} cannot be read: {error}") from error
    known = {name: found.get(name) for name in _FORMAT} == _FORMAT
    if not known or found.get("scheme") not in QUANTIZATIONS:
        raise UsageError(f"{path} says nothing of a grid that this version knows")
    return found


def setting(about: Mapping[str, Any]) -> dict[str, Any]:
    """``scheme``, and of ``fixed`` the widths: what ``baseline.quantization`` has of a grid."""
    return {name: about[name] for name in ("scheme", "width", "frac_width") if name in about}


def grid_setting(model: str | None) -> dict[str, Any] | None:
    """The ``baseline.quantization`` of a folder with a grid beside its weights; None: no grid.

    Raises :class:`~sweep.errors.UsageError` where the grid cannot be read.
    """
    folder = Path(model or "")
    if model is None or not all((folder / name).is_file() for name in ("config.json", GRID)):
        return None
    return setting(read_grid(folder / GRID))
