"""Coverage: the share of a model's weights that pruning reaches, and the names of the others.

Coverage is prunable weights / weights in matrices. A matrix is a parameter with two or more
dimensions that is no embedding. Sparsity says nothing about weights that are left out: bare
parameters (XLNet), fused experts (Mixtral), and layers of other kinds than Linear and Conv.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from torch import Tensor, nn

from sweep.compress.prune.targets import embedding_ids, prunable_modules, prunable_weights
from sweep.compress.quantize.layers import linears
from sweep.config.sections import PruningConfig
from sweep.errors import UsageError
from sweep.ledger.record import coverage_text


def coverage(model: nn.Module, covered: Iterable[Tensor]) -> tuple[float, dict[str, int]]:
    """Return the share of the weights in matrices that are in the parameters ``covered``.

    The second result has the numbers of weights in the other matrices by name. Embeddings count
    only if they are covered (``pruning.embeddings``), then as weights in matrices too.
    """
    chosen, embeddings = {id(weight) for weight in covered}, embedding_ids(model)
    total, left = 0, dict[str, int]()
    for name, parameter in model.named_parameters():
        is_covered = id(parameter) in chosen
        if is_covered or (parameter.dim() > 1 and id(parameter) not in embeddings):
            total += parameter.numel()
            left |= {} if is_covered else {name: parameter.numel()}
    return (total - sum(left.values())) / max(1, total), left


def reach(model: nn.Module, pruning: PruningConfig) -> dict[str, Any]:
    """Return ``coverage`` and ``left_out`` of prunable weights, as a baseline event has them.

    ``left_out`` has [name, number of weights, reason] of each other matrix. The reason is ``kind``
    if no pattern would make it prunable, or ``patterns`` because of ``include`` or ``exclude``.
    """
    every = pruning.model_copy(update={"include": [], "exclude": []})
    _, by_kind = coverage(model, prunable_weights(model, every).values())
    share, left = coverage(model, prunable_weights(model, pruning).values())
    rows = [[n, count, "kind" if n in by_kind else "patterns"] for n, count in left.items()]
    return {"coverage": share, "left_out": rows}


def narrow(
    model: nn.Module, pruning: PruningConfig, activations: bool = False, grid: bool = False
) -> list[str]:
    """Return a sentence for each kind of compression that reaches less than half of the weights.

    ``activations``: inputs of layers may be pruned; ``grid``: layers may be rounded. Raises
    :class:`~sweep.errors.UsageError` if one of them has no layer to act on.
    """
    modules = prunable_modules(model, pruning).values()
    kinds: dict[str, Iterable[nn.Module]] = {"pruning acts on Linear and Conv layers": modules}
    if activations:
        inputs = [module for module in modules if isinstance(module, nn.Linear)]
        kinds["activation_sparsity acts on prunable Linear layers"] = inputs
    if grid:
        kinds["quantization acts on plain Linear layers"] = linears(model).values()
    reasons = {name: reason for name, _, reason in reach(model, pruning)["left_out"]}
    found = []
    for what, layers in kinds.items():
        share, left = coverage(model, [layer.get_parameter("weight") for layer in layers])
        rows = [[name, count, reasons.get(name, "")] for name, count in left.items()]
        told = coverage_text({"coverage": share, "left_out": rows})
        if share == 0:
            raise UsageError(f"{what}, but the model has none that are not left out: {told}")
        if share < 0.5:
            few = "here less than half of the weights in matrices"
            found.append(f"{what}, {few}: coverage {told}")
    return found
