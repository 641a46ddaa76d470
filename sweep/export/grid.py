"""The grid of an exported model: a file beside its weights, and layers that compute there.

The weights of such a folder are on the grid as they are, so that `from_pretrained` gives them. It
computes with inputs in floats; :func:`~sweep.export.activations.load_model` rounds them, as the
trial did.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from sweep.compress.quantize import Scheme
from sweep.compress.quantize.layers import grid_layers, linears, put, settle
from sweep.compress.quantize.scheme import int8_scales
from sweep.errors import UsageError
from sweep.space.names import QUANTIZATIONS

if TYPE_CHECKING:
    from sweep.compress.trial import Trial

FILE = "quantization.json"
FORMAT, VERSION = "prunesweep-quantization", "1"


def settle_on_grid(trial: Trial, folder: Path) -> bool:
    """Round the trial's own weights, and write the grid; False, and no file, where there is none.

    The file has ``scheme`` and ``modules`` (names of Linear layers); of ``fixed`` also ``width``
    and ``frac_width``, of ``int8`` also ``scales``: of each module one an output channel, by which
    its weights are whole numbers from -127 to 127.
    """
    layers = grid_layers(trial.model)
    if not layers:
        return False
    scheme = next(iter(layers.values())).scheme
    about: dict[str, Any] = {"format": FORMAT, "version": VERSION, "scheme": scheme.name}
    if scheme.name == "fixed":
        about |= {"width": scheme.width, "frac_width": scheme.frac_width}
    about["modules"] = list(layers)
    settle(trial.model)
    if scheme.name == "int8":
        with torch.no_grad():
            scales = {n: int8_scales(layer.weight).flatten() for n, layer in layers.items()}
        about["scales"] = {name: found.tolist() for name, found in scales.items()}
    (folder / FILE).write_text(json.dumps(about) + "\n", encoding="utf-8")
    return True


def put_on_grid(model: nn.Module, folder: str | Path) -> Scheme:
    """Let a model that was loaded from ``folder`` round its inputs, as its file says.

    Raises :class:`~sweep.errors.UsageError` where the folder has no such file, or one that does not
    fit the model.
    """
    path = Path(folder) / FILE
    about = _read(path)
    if strange := sorted(set(about["modules"]) ^ set(linears(model))):
        raise UsageError(f"{path} is of another model: Linear layer {strange[0]!r} is in one alone")
    scheme = Scheme(about["scheme"], **_widths(about))
    put(model, scheme, settled=True)
    return scheme


def grid_setting(model: str | None) -> dict[str, Any] | None:
    """The ``baseline.quantization`` of a folder with a grid beside its weights; None: no grid.

    Raises :class:`~sweep.errors.UsageError` where the grid cannot be read.
    """
    folder = Path(model or "")
    if model is None or not all((folder / name).is_file() for name in ("config.json", FILE)):
        return None
    about = _read(folder / FILE)
    return {"scheme": about["scheme"], **_widths(about)}


def _widths(about: Mapping[str, Any]) -> dict[str, int]:
    return {name: about[name] for name in ("width", "frac_width") if name in about}


def _read(path: Path) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UsageError(f"{path} cannot be read: {error}") from error
    known = (found.get("format"), found.get("version")) == (FORMAT, VERSION)
    if not known or found.get("scheme") not in QUANTIZATIONS:
        raise UsageError(f"{path} says nothing of a grid that this version knows")
    return found
