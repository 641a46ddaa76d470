"""Linear layers on a grid: how they compute, what they hold, and the file that says so.

A layer's own tensors stay floats, and are rounded when it is used. It changes its class and nothing
else: names of tensors, hooks, state and optimiser are those of before. Hooks on its input, such as
those that prune activations, come first, and what they set to zero stays zero; so does what a mask
holds at zero.

A saved model (:func:`settle_on_grid`) has its weights on the grid as they are, so that
``from_pretrained`` gives them, and a JSON file beside them. ``from_pretrained`` computes with
inputs in floats; :func:`put_on_grid` lets the layers round them, as the trial did.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import linear

from sweep.compress.quantize.scheme import Scheme, int8_scales
from sweep.errors import UsageError
from sweep.space.params import QUANTIZATIONS

GRID_FILE = "quantization.json"
FORMAT, VERSION = "prunesweep-quantization", "1"

SCALE_BYTES = 2
"""Of a scale of ``int8``, a bfloat16 an output channel."""


class GridLinear(nn.Linear):
    """A Linear layer that computes with inputs, weights and bias on the grid of ``scheme``."""

    scheme: Scheme

    def forward(self, input: Tensor) -> Tensor:
        """Inputs (..., features) to outputs (..., out_features)."""
        weight, bias = on_grid(self)
        return linear(self.scheme.value(input), weight, bias)


def on_grid(layer: GridLinear) -> tuple[Tensor, Tensor | None]:
    """Weight and bias as the layer computes with them."""
    bias: Tensor | None = layer.bias
    return layer.scheme.value(layer.weight), None if bias is None else layer.scheme.bias(bias)


def put(model: nn.Module, scheme: Scheme | None) -> None:
    """Let all of :func:`linears` compute on a grid, or (None) as they did before."""
    for layer in linears(model).values():
        layer.__class__ = nn.Linear if scheme is None else GridLinear
        layer.__dict__.pop("scheme", None)
        if scheme is not None:
            layer.__dict__["scheme"] = scheme


def linears(model: nn.Module) -> dict[str, nn.Linear]:
    """The Linear layers by name, but those whose tensors another kind of module uses too.

    An embedding looks its weight up as a float, and would be another model with one on a grid.
    """
    mine: dict[str, nn.Linear] = {}
    elsewhere: set[int] = set()
    for name, module in model.named_modules():
        if type(module) in (nn.Linear, GridLinear):
            assert isinstance(module, nn.Linear)
            mine[name] = module
        else:
            elsewhere |= {id(parameter) for parameter in module.parameters(recurse=False)}
    return {name: layer for name, layer in mine.items() if id(layer.weight) not in elsewhere}


def grid_layers(model: nn.Module) -> dict[str, GridLinear]:
    """Those of them that are on a grid."""
    return {n: layer for n, layer in linears(model).items() if isinstance(layer, GridLinear)}


@torch.no_grad()
def settle(model: nn.Module) -> None:
    """Round the tensors themselves: a model that is saved now holds what it computed with.

    It computes the same as before, since rounding twice is rounding once.
    """
    for layer in grid_layers(model).values():
        weight, bias = on_grid(layer)
        layer.weight.copy_(weight)
        if bias is not None:
            layer.bias.copy_(bias)


@torch.no_grad()
def held(model: nn.Module) -> dict[int, tuple[int, float, int]]:
    """What each parameter that is on a grid holds, by its id: how many values are not zero, the
    bytes of a value, and the bytes of scales beside them.

    A value's bytes may be a fraction: a weight or bias has the bits of its scheme. A bias beside
    ``int8`` weights stays a float, and is not in it.
    """
    found = {}
    for layer in grid_layers(model).values():
        weight, bias = on_grid(layer)
        whole, item = layer.scheme.name == "fixed", layer.scheme.bits / 8
        scales = 0 if whole else SCALE_BYTES * layer.out_features
        found[id(layer.weight)] = int(weight.count_nonzero()), item, scales
        if bias is not None and whole:
            found[id(layer.bias)] = int(bias.count_nonzero()), item, 0
    return found


def settle_on_grid(model: nn.Module, folder: Path) -> None:
    """Round the model's own weights, and write the grid; no file where there is none.

    The file has ``scheme`` and ``modules`` (names of Linear layers); of ``fixed`` also ``width``
    and ``frac_width``, of ``int8`` also ``scales``: of each module one an output channel, by which
    its weights are whole numbers from -127 to 127.
    """
    layers = grid_layers(model)
    if not layers:
        return
    scheme = next(iter(layers.values())).scheme
    about: dict[str, Any] = {"format": FORMAT, "version": VERSION, "scheme": scheme.name}
    if scheme.name == "fixed":
        about |= {"width": scheme.width, "frac_width": scheme.frac_width}
    about["modules"] = list(layers)
    settle(model)
    if scheme.name == "int8":
        with torch.no_grad():
            scales = {n: int8_scales(layer.weight).flatten() for n, layer in layers.items()}
        about["scales"] = {name: found.tolist() for name, found in scales.items()}
    (folder / GRID_FILE).write_text(json.dumps(about) + "\n", encoding="utf-8")


def put_on_grid(model: nn.Module, folder: str | Path) -> None:
    """Let a model that was loaded from ``folder`` round its inputs, as its file says.

    Raises :class:`~sweep.errors.UsageError` where the folder has no such file, or one that does not
    fit the model.
    """
    path = Path(folder) / GRID_FILE
    about = _read(path)
    if strange := sorted(set(about["modules"]) ^ set(linears(model))):
        raise UsageError(f"{path} is of another model: Linear layer {strange[0]!r} is in one alone")
    put(model, Scheme(about["scheme"], **_widths(about)))


def grid_setting(model: str | None) -> dict[str, Any] | None:
    """The ``baseline.quantization`` of a folder with a grid beside its weights; None: no grid.

    Raises :class:`~sweep.errors.UsageError` where the grid cannot be read.
    """
    folder = Path(model or "")
    if model is None or not all((folder / name).is_file() for name in ("config.json", GRID_FILE)):
        return None
    about = _read(folder / GRID_FILE)
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
