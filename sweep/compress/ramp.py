"""How a pruned model is led back, in rules that need no torch: the ramp, and what is distilled.

**The ramp.** With ``ramp_epochs`` = n a trial is pruned in n + 1 steps along the cubic of Zhu and
Gupta (2017, arXiv:1710.01878): the first at once, the next at the end of each of the first n
finetune epochs, before its record. So the record of epoch e has the sparsity :func:`ramped`, full
from epoch n on, and n = 0 prunes at once. What a step drops stays dropped.

A method of :data:`LEARNED` has nothing to go by until a weight was trained: its n steps begin at
the end of epoch 1, along ``1 - (1 - e / n) ** 3``, the record of epoch 0 is the dense model's, and
it needs n >= 1.

Records before epoch n are *partial*: they are models of less sparsity than was asked for, and what
no trial of that few epochs gives, since a ramp longer than the epochs is refused. From epoch n on
nothing depends on how many epochs are still to come, and a record is what a trial of
``finetune_epochs`` = its epoch gives (given a horizon-free learning rate).
"""

from __future__ import annotations

import operator
from functools import partial
from typing import TYPE_CHECKING

from sweep.errors import UsageError
from sweep.space.domains import Choice, Constant, samples
from sweep.space.meeting import meeting
from sweep.space.params import Params, n_of_m
from sweep.space.values import Problem

if TYPE_CHECKING:
    from sweep.config import RecoverConfig, SweepConfig

TEMPERATURE = 2.0
"""Of distillation, where ``recover.distill`` is null and the space gives none."""

LEARNED = ("movement",)
"""Methods that score by what training did to a weight."""


def due(params: Params, epoch: int) -> float:
    """The sparsity in [0, 1) that a trial of ``params`` is to have after ``epoch`` epochs.

    >>> [due(Params(0.8, "movement", ramp_epochs=2), epoch) for epoch in (0, 1, 2)]
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
    """Raises :class:`~sweep.errors.UsageError` for a ramp longer than the epochs, or one to N:M;
    and for none where the method needs one.
    """
    if params.method in LEARNED and params.ramp_epochs == 0:
        raise UsageError(
            f"method is {params.method}, and ramp_epochs 0: before it is trained nothing is known "
            "of a weight to prune it by (ramp_epochs >= 1)"
        )
    if params.ramp_epochs > 0 and n_of_m(params.granularity):
        raise UsageError(
            f"ramp_epochs is {params.ramp_epochs}, and granularity {params.granularity}: there is "
            "no less of that to begin with (ramp_epochs = 0)"
        )
    if params.ramp_epochs > params.finetune_epochs:
        raise UsageError(
            f"ramp_epochs is {params.ramp_epochs}, and the trial has finetune_epochs = "
            f"{params.finetune_epochs}: a ramp ends within them (ramp_epochs <= finetune_epochs)"
        )


def distilled(recover: RecoverConfig, params: Params) -> tuple[float, float]:
    """(weight in [0, 1], temperature > 0) of a trial's distillation; weight 0: none."""
    settings = recover.distill
    weight = 0.0 if settings is None else settings.weight
    temperature = TEMPERATURE if settings is None else settings.temperature
    return (
        weight if params.distill_weight is None else params.distill_weight,
        temperature if params.distill_temperature is None else params.distill_temperature,
    )


def may_distill(config: SweepConfig) -> bool:
    """Whether any trial of a sweep can ask for the teacher's logits."""
    domain = config.space["distill_weight"]
    if config.max_epochs == 0:
        return False
    usual, _ = distilled(config.recover, Params())
    if isinstance(domain, Constant):
        return bool(usual if domain.value is None else domain.value)
    most = max(map(float, domain.values)) if isinstance(domain, Choice) else domain.high
    return most > 0 or (bool(domain.when) and usual > 0)


def ramp_problems(config: SweepConfig) -> list[Problem]:
    """A ramp that some trial of a sweep cannot have, or lacks."""
    return _to_groups(config) or _too_long(config) or _missing(config)


def _to_groups(config: SweepConfig) -> list[Problem]:
    tests = {"ramp_epochs": lambda ramp: ramp > 0, "granularity": lambda g: bool(n_of_m(str(g)))}
    if meeting(config.space, tests) is None:
        return []
    what = "there is no ramp to a granularity N:M"
    allowed = "0, or {values: [...], when: {granularity: element}}"
    value, depends = config.space["ramp_epochs"].plain(), ("space.granularity",)
    return [Problem(("space", "ramp_epochs"), what, value, allowed, depends=depends)]


def _too_long(config: SweepConfig) -> list[Problem]:
    ramp = config.space["ramp_epochs"]
    on_ramp = [
        c for domain in config.space.values() for c in domain.when if c.parent == "ramp_epochs"
    ]
    for length in map(int, samples(ramp, on_ramp)):
        tests = {
            "ramp_epochs": partial(operator.eq, length),
            "finetune_epochs": partial(operator.gt, length),
        }
        if found := meeting(config.space, tests):
            fewest = found["finetune_epochs"]
            condition = f"when: {{finetune_epochs: {{low: {length}}}}}"
            allowed = f"at most {fewest}, or {{values: [...], {condition}}} for what is longer"
            what = f"a ramp of {length} is longer than the finetune_epochs, which can be {fewest}"
            where, depends = ("space", "ramp_epochs"), ("space.finetune_epochs",)
            return [Problem(where, what, ramp.plain(), allowed, depends=depends)]
    return []


def _missing(config: SweepConfig) -> list[Problem]:
    tests = {"method": lambda m: m in LEARNED, "ramp_epochs": lambda ramp: ramp == 0}
    found = meeting(config.space, tests)
    if found is None:
        return []
    method = found["method"]
    what = f"{method} prunes by what training did, so it needs a ramp, and ramp_epochs can be 0"
    allowed = (
        "with space.ramp_epochs of 1 or more "
        f"(for it alone: {{values: [...], when: {{method: {method}}}}}), "
        "or {values: [...], when: {ramp_epochs: {low: 1}}}"
    )
    value, depends = config.space["method"].plain(), ("space.ramp_epochs",)
    return [Problem(("space", "method"), what, value, allowed, depends=depends)]


def distill_problems(config: SweepConfig) -> list[Problem]:
    """A temperature where nothing is distilled."""
    temperature = config.space["distill_temperature"]
    if temperature == Constant(None) or may_distill(config):
        return []
    return [
        Problem(
            ("space", "distill_temperature"),
            "changes nothing: no trial is distilled",
            temperature.plain(),
            "with space.distill_weight (or recover.distill.weight) above 0",
            depends=("space.distill_weight", "recover.distill"),
        )
    ]
