"""Linear layers that compute on a quantisation grid, and the JSON file that describes the grid.

A layer keeps its tensors as floats and rounds them at each use. Only its class changes: tensor
names, hooks, state and optimiser stay the same. Hooks on the layer's input, such as activation
pruning, run before the rounding. Values that a hook or a mask sets to zero stay zero.

:func:`save_grid` rounds the weights of a saved model and writes the grid beside them.
``from_pretrained`` then loads the rounded weights, but computes with float inputs;
:func:`load_grid` makes the layers round their inputs too, as they did in the trial.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, NotRequired

import torch
from annotated_types import Interval
from torch import Tensor, nn
from torch.nn.functional import linear
from typing_extensions import TypedDict

from sweep.compress.conv1d import as_linears
from sweep.compress.models import beside
from sweep.compress.quantize.scheme import Scheme, int8_scales
from sweep.errors import UsageError
from sweep.ledger.lines import parse_json
from sweep.space.params import QUANTIZATIONS

GRID_FILE = "quantization.json"
FORMAT, VERSION = "prunesweep-quantization", "1"


class GridLinear(nn.Linear):
    """A Linear layer that rounds its inputs, weights and bias to the grid of ``scheme``."""

    scheme: Scheme

    def forward(self, input: Tensor) -> Tensor:
        """Map ``input`` (..., in_features) to outputs (..., out_features)."""
        weight, bias = self.rounded()
        return linear(self.scheme.value(input), weight, bias)

    def rounded(self) -> tuple[Tensor, Tensor | None]:
        """Return the rounded weight and bias that the layer computes with."""
        bias: Tensor | None = self.bias
        return self.scheme.value(self.weight), None if bias is None else self.scheme.bias(bias)


def set_scheme(model: nn.Module, scheme: Scheme | None) -> None:
    """Make all :func:`linears` of the model compute on a grid; None makes them plain again."""
    # The fast path of nn.TransformerEncoderLayer reads weights without calling its layers.
    torch.backends.mha.set_fastpath_enabled(scheme is None)
    for layer in linears(model).values():
        layer.__class__ = nn.Linear if scheme is None else GridLinear
        layer.__dict__.pop("scheme", None)
        if scheme is not None:
            layer.__dict__["scheme"] = scheme


def linears(model: nn.Module) -> dict[str, nn.Linear]:
    """Return the Linear layers by name, except those that share a tensor with another module kind.

    A tied embedding, for example, reads its weight as floats, so its weight cannot be on a grid.
    """
    found: dict[str, nn.Linear] = {}
    shared: set[int] = set()
    for name, module in model.named_modules():
        if type(module) in (nn.Linear, GridLinear):
            assert isinstance(module, nn.Linear)
            found[name] = module
        else:
            shared |= {id(parameter) for parameter in module.parameters(recurse=False)}
    return {name: layer for name, layer in found.items() if id(layer.weight) not in shared}


def grid_layers(model: nn.Module) -> dict[str, GridLinear]:
    """Return the Linear layers that are on a grid, by name."""
    return {n: layer for n, layer in linears(model).items() if isinstance(layer, GridLinear)}


@torch.no_grad()
def round_weights(model: nn.Module) -> None:
    """Round the stored tensors in place, so that a saved model holds the values it computed with.

    The model's outputs do not change, because rounding is idempotent.
    """
    for layer in grid_layers(model).values():
        weight, bias = layer.rounded()
        layer.weight.copy_(weight)
        if bias is not None:
            layer.bias.copy_(bias)


@torch.no_grad()
def grid_storage(model: nn.Module) -> dict[int, tuple[int, float, int]]:
    """Return (non-zero values, bytes per value, bytes of scales) by id of each rounded parameter.

    Bytes per value may be a fraction, such as 0.5 for 4 bits. A bias beside ``int8`` weights
    stays a float, so it is not included.
    """
    found = {}
    for layer in grid_layers(model).values():
        weight, bias = layer.rounded()
        whole, item = layer.scheme.name == "fixed", layer.scheme.bits / 8
        scales = 0 if whole else 2 * layer.out_features  # a bfloat16 for each output channel
        found[id(layer.weight)] = int(weight.count_nonzero()), item, scales
        if bias is not None and whole:
            found[id(layer.bias)] = int(bias.count_nonzero()), item, 0
    return found


def save_grid(model: nn.Module, folder: Path) -> None:
    """Round the model's weights in place and write ``quantization.json``.

    A model without a grid is left as it is, and no file is written. The file has ``scheme`` and
    ``modules`` (names of Linear layers). For ``fixed`` it also has ``width`` and ``frac_width``.
    For ``int8`` it has ``scales``: per module, one scale for each output channel. A weight divided
    by its scale is an integer from -127 to 127.
    """
    layers = grid_layers(model)
    if not layers:
        return
    scheme = next(iter(layers.values())).scheme
    about: dict[str, Any] = {"format": FORMAT, "version": VERSION, "scheme": scheme.name}
    if scheme.name == "fixed":
        about |= {"width": scheme.width, "frac_width": scheme.frac_width}
    about["modules"] = list(layers)
    round_weights(model)
    if scheme.name == "int8":
        with torch.no_grad():
            scales = {n: int8_scales(layer.weight).flatten() for n, layer in layers.items()}
        about["scales"] = {name: found.tolist() for name, found in scales.items()}
    (folder / GRID_FILE).write_text(json.dumps(about) + "\n", encoding="utf-8")


def load_grid(model: nn.Module, folder: str | Path) -> None:
    """Make a model that was loaded from ``folder`` round its inputs to the saved grid.

    Raises :class:`~sweep.errors.UsageError` if the folder has no grid file, or if the file names
    other Linear layers than the model has.
    """
    path = Path(folder) / GRID_FILE
    about = _read(path)
    named = set(about.get("modules", []))
    if strange := sorted(named ^ set(linears(as_linears(model)))):
        where = "the file" if strange[0] in named else "the model"
        raise UsageError(
            f"{path} does not fit this model: only {where} has the Linear layer {strange[0]!r}"
        )
    set_scheme(model, Scheme(about["scheme"], **_widths(about)))


def grid_setting(model: str | None) -> dict[str, Any] | None:
    """Return the ``baseline.quantization`` setting that matches a saved grid, or None without one.

    Raises :class:`~sweep.errors.UsageError` if the grid file cannot be read.
    """
    file = beside(model, GRID_FILE)
    if file is None:
        return None
    about = _read(file)
    return {"scheme": about["scheme"], **_widths(about)}


def _widths(about: Mapping[str, Any]) -> dict[str, int]:
    return {name: about[name] for name in ("width", "frac_width") if name in about}


class _Grid(TypedDict):
    format: str
    version: str
    scheme: str
    modules: NotRequired[list[str]]
    width: NotRequired[Annotated[int, Interval(ge=2, le=24)]]
    frac_width: NotRequired[Annotated[int, Interval(ge=0, le=1000)]]


def _read(path: Path) -> _Grid:
    try:
        found = parse_json(_Grid, path.read_bytes())
    except (OSError, ValueError) as error:
        raise UsageError(f"{path} cannot be read: {error}") from error
    known = (found.get("format"), found.get("version")) == (FORMAT, VERSION)
    if not known or found.get("scheme") not in QUANTIZATIONS:
        raise UsageError(
            f"{path} is not a quantisation file of this version: it must have format {FORMAT!r}, "
            f"version {VERSION!r} and one of the schemes {', '.join(QUANTIZATIONS)}"
        )
    return found
