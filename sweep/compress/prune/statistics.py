"""Statistics that criteria read beside the weights: one tensor per module and kind.

:data:`COLLECTORS` collect statistics of the dense model over calibration examples. The examples run
one at a time, so that no statistic ever includes padding. ``losses`` below is a generator: each
step runs the model on one example and yields its loss, while hooks and gradients collect the
statistic. The kind ``movement`` is recorded in the trial itself while it trains.

======================  =========================================================  =============
kind                    content                                                    shape
======================  =========================================================  =============
``gradient``            root mean square over examples of the loss's gradient      the weight's
``input-norm``          l2 norm of each input feature over all tokens              (in,)
``inverse-factor``      :func:`inverse_factor` of the inputs' X^T X                  (in, in)
``movement``            sum over the steps that are :func:`recorded`                the weight's
======================  =========================================================  =============
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import partial

import torch
from torch import Tensor, nn

from sweep.errors import UsageError

Statistics = dict[str, Tensor]
Losses = Iterable[Tensor]

DAMPENING = 0.01
"""Dampening of X^T X relative to its mean diagonal, as in SparseGPT (arXiv:2301.00774). Without it
a feature that is always zero would make the matrix singular."""


def collect(kind: str, modules: Mapping[str, nn.Module], losses: Losses) -> Statistics:
    """Return the statistic ``kind`` of each module, by name.

    Of modules that share a weight only the first has a statistic, over the inputs of all of them.
    Raises :class:`~sweep.errors.UsageError` for a module that no example ran through.
    """
    found = COLLECTORS[kind](modules, losses)
    if missing := [name for name in _first_names(modules).values() if name not in found]:
        raise UsageError(
            f"module {missing[0]} was never run on the calibration examples, so it has no {kind}: "
            f"leave it out with pruning.exclude: [{missing[0]}], or use another method"
        )
    return found


def _first_names(modules: Mapping[str, nn.Module]) -> dict[int, str]:
    """Return the name of the first module that has a weight, by the weight's id."""
    return {id(modules[name].weight): name for name in reversed(list(modules))}


def gradients(modules: Mapping[str, nn.Module], losses: Losses) -> Statistics:
    """Root mean square of the gradient of each weight over the losses."""
    weights = {name: modules[name].weight for name in _first_names(modules).values()}
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
    """:func:`inverse_factor` of X^T X, where X (tokens, in) holds all inputs of a module."""
    hessians = _summed_inputs(modules, losses, lambda x: x.T @ x)
    return {name: inverse_factor(hessian) for name, hessian in hessians.items()}


def inverse_factor(hessian: Tensor) -> Tensor:
    """U (in, in), upper triangular, with U^T U = (H + dampening)^-1, for H (in, in) float32.

    Row j of U tells how the columns right of column j compensate for its removal. If H is zero
    because all inputs were zero, the identity is used instead, and magnitudes decide.
    """
    damped = hessian.double()
    mean = float(damped.diagonal().mean())
    damped.diagonal().add_(DAMPENING * mean if mean > 0 else 1.0)
    inverse = torch.cholesky_inverse(torch.linalg.cholesky(damped))
    factor: Tensor = torch.linalg.cholesky(inverse, upper=True)
    return factor.to(hessian.dtype).contiguous()


def _summed_inputs(
    modules: Mapping[str, nn.Module], losses: Losses, what: Callable[[Tensor], Tensor]
) -> Statistics:
    """Sum ``what`` of each module's inputs (tokens, in) over the examples."""
    sums: Statistics = {}
    first = _first_names(modules)

    def add(name: str, module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        x = inputs[0].detach()
        part = what(x.reshape(-1, x.shape[-1]).float())
        sums[name] = sums[name].add_(part) if name in sums else part

    with ExitStack() as hooks, torch.no_grad():
        for module in modules.values():
            hook = partial(add, first[id(module.weight)])
            hooks.enter_context(module.register_forward_pre_hook(hook))
        for _ in losses:
            pass
    return sums


COLLECTORS: dict[str, Callable[[Mapping[str, nn.Module], Losses], Statistics]] = {
    "gradient": gradients,
    "input-norm": input_norms,
    "inverse-factor": inverse_factors,
}

OF_INPUTS = ("input-norm", "inverse-factor")
"""Kinds of statistics that exist only for the inputs of Linear layers."""


@contextmanager
def recorded(weights: Mapping[str, Tensor], moved: Mapping[str, Tensor]) -> Iterator[None]:
    """Record the movement of weights (Sanh, Wolf and Rush 2020, arXiv:2005.07683) in ``moved``.

    Inside the context each ``backward`` adds one step to ``moved``, in place: by name, S = -sum of
    w * dL/dw, with the shape and device of the weight. S is positive where gradient descent moves
    a weight away from zero, and negative where it shrinks the weight. There is no movement before
    training, so this method cannot prune everything at once (see `sweep.compress.loop`).

    The gradients are those of the training loss (with distillation, the distilled loss) before
    clipping. As in the paper, learning rate and optimiser moments are left out. A pruned weight is
    zero and adds nothing. Unlike in the paper, whose masks are soft until the end, it stays pruned.
    """
    with ExitStack() as hooks:
        for name, score in moved.items():
            add = partial(_add, score)
            hooks.enter_context(weights[name].register_post_accumulate_grad_hook(add))  # type: ignore[no-untyped-call]
        yield


@torch.no_grad()
def _add(score: Tensor, weight: Tensor) -> None:
    assert weight.grad is not None  # the hook runs after the gradient is set
    score.addcmul_(weight, weight.grad, value=-1)
