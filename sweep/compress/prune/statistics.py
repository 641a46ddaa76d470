"""What criteria know of the dense model beside its weights: a tensor a module, by kind.

Collected over calibration examples, one at a time, so that no padding is ever in it whatever a
model does with its inputs. ``losses`` below are a generator that runs the model on one example and
yields its loss, as often as there are examples; hooks and gradients do the rest.

======================  =========================================================  =============
kind                    what                                                       shape
======================  =========================================================  =============
``gradient``            root mean square over examples of the loss's gradient      the weight's
``input-norm``          l2 norm of each input feature over all tokens              (in,)
``inverse-factor``      `sweep.compress.prune.obs.inverse_factor` of the inputs' X^T X    (in, in)
======================  =========================================================  =============
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial

import torch
from torch import Tensor, nn

from sweep.compress.prune.obs import inverse_factor
from sweep.errors import UsageError

Statistics = dict[str, Tensor]
Losses = Iterable[Tensor]


def collect(kind: str, modules: Mapping[str, nn.Module], losses: Losses) -> Statistics:
    """The statistic ``kind`` of each module, by name.

    Raises :class:`~sweep.errors.UsageError` for a module that was not run.
    """
    found = COLLECTORS[kind](modules, losses)
    if missing := [name for name in modules if name not in found]:
        raise UsageError(
            f"module {missing[0]} was never run on the calibration examples, so there is no "
            f"{kind} of it: leave it out with pruning.exclude, or take another method"
        )
    return found


def gradients(modules: Mapping[str, nn.Module], losses: Losses) -> Statistics:
    """Root mean square of the gradient of each weight over the losses."""
    weights = {name: module.weight for name, module in modules.items()}
    sums: Statistics = {}
    count = 0
    for loss in losses:
        count += 1
        found = torch.autograd.grad(loss, list(weights.values()), allow_unused=True)  # type: ignore[arg-type]
        for name, gradient in zip(weights, found, strict=True):
            if gradient is not None:
                sums[name] = sums.get(name, torch.zeros_like(gradient)).addcmul_(gradient, gradient)
    return {name: total.div_(count).sqrt_() for name, total in sums.items()}


def input_norms(modules: Mapping[str, nn.Module], losses: Losses) -> Statistics:
    """l2 norm of each input feature over all tokens of all examples."""
    sums = _summed_inputs(modules, losses, lambda x: x.square().sum(0))
    return {name: total.sqrt_() for name, total in sums.items()}


def inverse_factors(modules: Mapping[str, nn.Module], losses: Losses) -> Statistics:
    """`inverse_factor` of X^T X, X (tokens, in) being all inputs of a module."""
    hessians = _summed_inputs(modules, losses, lambda x: x.T @ x)
    return {name: inverse_factor(hessian) for name, hessian in hessians.items()}


def _summed_inputs(
    modules: Mapping[str, nn.Module], losses: Losses, what: Callable[[Tensor], Tensor]
) -> Statistics:
    """The sum over examples of ``what`` of each module's inputs (tokens, in)."""
    sums: Statistics = {}

    def add(name: str, module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        x = inputs[0].detach()
        part = what(x.reshape(-1, x.shape[-1]).float())
        sums[name] = sums[name].add_(part) if name in sums else part

    handles = [m.register_forward_pre_hook(partial(add, name)) for name, m in modules.items()]
    try:
        with torch.no_grad():
            for _ in losses:
                pass
    finally:
        for handle in handles:
            handle.remove()
    return sums


COLLECTORS: dict[str, Callable[[Mapping[str, nn.Module], Losses], Statistics]] = {
    "gradient": gradients,
    "input-norm": input_norms,
    "inverse-factor": inverse_factors,
}
