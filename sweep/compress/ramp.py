"""The ramp: how the sparsity of a trial rises while it is finetuned. It needs no torch.

With ``ramp_epochs`` = n a trial is pruned in n + 1 steps along the cubic of Zhu and Gupta (2017,
arXiv:1710.01878): the first at once, the next at the end of each of the first n finetune epochs,
before its record. So the record of epoch e has the sparsity :func:`ramped`, full from epoch n on,
and n = 0 prunes at once. What a step drops stays dropped.

A method of :data:`~sweep.space.params.LEARNED` has nothing to go by until a weight was
trained: its n steps begin at the end of epoch 1, along ``1 - (1 - e / n) ** 3``, the record of
epoch 0 is the dense model's, and it needs n >= 1.

A ramp that is longer than the trial is shortened to it, and a ramp to N:M prunes at once
(`sweep.space.params.longest_ramp`).

Records before epoch n are *partial*: they are models of less sparsity than was asked for, and what
no trial of that few epochs gives, since its ramp would be shorter. From epoch n on
nothing depends on how many epochs are still to come, and a record is what a trial of
``finetune_epochs`` = its epoch gives (given a horizon-free learning rate).
"""

from __future__ import annotations

from sweep.errors import UsageError
from sweep.space.params import LEARNED, Params


def due(params: Params, epoch: int) -> float:
    """The sparsity in [0, 1) that a trial of ``params`` is to have after ``epoch`` epochs.

    >>> [due(Params(0.8, "movement", finetune_epochs=2, ramp_epochs=2), e) for e in (0, 1, 2)]
    [0.0, 0.7000000000000001, 0.8]
    """
    at_once = 0 if params.method in LEARNED else 1
    return ramped(params.sparsity, params.ramp_epochs, epoch, at_once)


def ramped(sparsity: float, ramp_epochs: int, epoch: int, at_once: int = 1) -> float:
    """The sparsity to be had after ``epoch`` finetune epochs, in [0, 1).

    ``sparsity * (1 - (1 - (epoch + a) / (ramp_epochs + a)) ** 3)``, where a = ``at_once`` (1 or 0)
    is how many steps come before any training, and exactly ``sparsity`` from epoch ``ramp_epochs``
    on.

    >>> [ramped(0.8, 1, epoch) for epoch in (0, 1, 2)]
    [0.7000000000000001, 0.8, 0.8]
    """
    if epoch >= ramp_epochs:
        return sparsity
    return sparsity * (1 - ((ramp_epochs - epoch) / (ramp_epochs + at_once)) ** 3)


def check_ramp(params: Params) -> None:
    """Raises :class:`~sweep.errors.UsageError` for no ramp where the method needs one."""
    if params.method in LEARNED and params.ramp_epochs == 0:
        raise UsageError(
            f"method is {params.method}, and ramp_epochs 0: before it is trained nothing is known "
            "of a weight to prune it by (ramp_epochs >= 1, finetune_epochs >= 1, granularity "
            "element)"
        )
