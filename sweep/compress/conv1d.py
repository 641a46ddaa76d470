"""transformers' ``Conv1D`` (GPT-2, OpenAI-GPT): a Linear layer whose weight is transposed.

Rows, statistics, N:M groups, grids and activation pruning need the layout of ``nn.Linear``, which
is (out, in). So :func:`as_linears` replaces every such layer of a loaded model by an ``nn.Linear``.
Only the parameter has the new layout. The state dict keeps the layout of ``Conv1D``, (in, out), in
both directions, so that checkpoints and saved models are those of the original class and a plain
``from_pretrained`` reads them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from torch import Tensor, nn

Model = TypeVar("Model", bound=nn.Module)

MARK = "was_conv1d"
"""An attribute of the new layers, whose weights are transposed in state dicts and files."""


def as_linears(model: Model) -> Model:
    """Replace each ``Conv1D`` of ``model`` by an equal ``nn.Linear``, in place; return the model.

    Layers, weights and biases that the model shares stay shared. A second call changes nothing.
    """
    from transformers.pytorch_utils import Conv1D

    made: dict[nn.Module, nn.Linear] = {}
    weights: dict[Tensor, nn.Parameter] = {}
    for parent in list(model.modules()):
        # Not named_children, which omits a second name of the same layer.
        for name, layer in parent._modules.items():
            if not isinstance(layer, Conv1D):
                continue
            if layer not in made:
                made[layer] = _linear(layer, weights)
            setattr(parent, name, made[layer])
    return model


def _linear(layer: nn.Module, weights: dict[Tensor, nn.Parameter]) -> nn.Linear:
    old: Any = layer.weight
    if old not in weights:
        weights[old] = nn.Parameter(old.detach().t().contiguous(), old.requires_grad)
    # On the device "meta" no weights are drawn, so torch's generator stays as it is.
    inputs, outputs = old.shape
    linear = nn.Linear(inputs, outputs, device="meta")
    linear.weight, linear.bias = weights[old], layer.bias  # type: ignore[assignment]
    linear.train(layer.training)
    setattr(linear, MARK, True)
    linear.register_state_dict_post_hook(_transpose)  # type: ignore[no-untyped-call]
    linear.register_load_state_dict_pre_hook(_transpose)  # type: ignore[no-untyped-call]
    return linear


def _transpose(module: nn.Module, state: dict[str, Tensor], prefix: str, *rest: object) -> None:
    """Transpose the module's weight in a state dict, which then shares the weight's memory."""
    name = f"{prefix}weight"
    if name in state:
        state[name] = state[name].t()


def as_in_files(model: nn.Module, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return tensors by module name, such as masks, in the layout of the model's saved weights."""
    modules = dict(model.named_modules())
    return {n: t.t() if hasattr(modules.get(n), MARK) else t for n, t in tensors.items()}
