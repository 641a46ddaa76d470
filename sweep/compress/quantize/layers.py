"""Linear layers on a grid: a layer's own tensors stay floats, and are rounded when it is used.

A layer changes its class and nothing else: names of tensors, hooks, state and optimiser are those
of before. Hooks on its input, such as those that prune activations, come first, and what they set
to zero stays zero; so does what a mask holds at zero.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import linear

from sweep.compress.quantize.scheme import Scheme


class GridLinear(nn.Linear):
    """A Linear layer that computes with inputs, weights and bias on the grid of ``scheme``.

    Once ``settled``, its tensors are on the grid as they are, and inputs alone are rounded.
    """

    scheme: Scheme
    settled: bool

    def forward(self, input: Tensor) -> Tensor:
        """Inputs (..., features) to outputs (..., out_features)."""
        weight, bias = on_grid(self)
        return linear(self.scheme.value(input), weight, bias)


def on_grid(layer: GridLinear) -> tuple[Tensor, Tensor | None]:
    """Weight and bias as the layer computes with them."""
    if layer.settled:
        return layer.weight, layer.bias
    bias: Tensor | None = layer.bias
    return layer.scheme.value(layer.weight), None if bias is None else layer.scheme.bias(bias)


def put(model: nn.Module, scheme: Scheme | None, settled: bool = False) -> None:
    """Let all of :func:`linears` compute on a grid, or (None) as they did before."""
    for layer in linears(model).values():
        if scheme is None:
            layer.__class__ = nn.Linear
            layer.__dict__.pop("scheme", None)
            layer.__dict__.pop("settled", None)
        else:
            layer.__class__ = GridLinear
            layer.__dict__.update(scheme=scheme, settled=settled)


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
    """Round the tensors themselves: a model that is saved now holds what it computed with."""
    for layer in grid_layers(model).values():
        weight, bias = on_grid(layer)
        layer.weight.copy_(weight)
        if bias is not None:
            layer.bias.copy_(bias)
        layer.settled = True


# What a model on a grid holds of each tensor: how many values that are not zero, in how many bits.
#
# Counted are bits a weight and bits a bias as the scheme has them, and two bytes for each scale of
# ``int8`` (a bfloat16 an output channel). Its biases are floats of four bytes.

SCALE_BYTES = 2


@dataclass(frozen=True)
class Held:
    """One tensor: ``filled`` values of ``item`` bytes (a fraction of 8 bits) are not zero.

    ``beside`` are bytes that come on top, whatever its zeros.
    """

    filled: int
    item: float
    beside: int = 0


@torch.no_grad()
def held(model: nn.Module) -> dict[int, Held]:
    """Of each parameter that is on a grid, by its id."""
    found = {}
    for layer in grid_layers(model).values():
        weight, bias = on_grid(layer)
        whole = layer.scheme.name == "fixed"
        scales = 0 if whole else SCALE_BYTES * layer.out_features
        filled = int(weight.count_nonzero())
        found[id(layer.weight)] = Held(filled, layer.scheme.bits / 8, scales)
        if bias is not None and whole:
            found[id(layer.bias)] = Held(int(bias.count_nonzero()), layer.scheme.bits / 8)
    return found
