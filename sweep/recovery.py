"""How a pruned model is led back, in rules that need no torch: the ramp, and what is distilled.

**The ramp.** With ``ramp_epochs`` = n a trial is pruned in n + 1 steps along the cubic of Zhu and
Gupta (2017, arXiv:1710.01878): the first at once, the next at the end of each of the first n
finetune epochs, before its record. So the record of epoch e has the sparsity :func:`ramped`, full
from epoch n on, and n = 0 prunes at once. What a step drops stays dropped.

Records before epoch n are *partial*: they are models of less sparsity than was asked for, and what
no trial of that few epochs gives, since a ramp longer than the epochs is refused. From epoch n on
nothing depends on how many epochs are still to come, and a record is what a trial of
``finetune_epochs`` = its epoch gives (given a horizon-free learning rate).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from sweep.condition import Condition
from sweep.domains import Choice, Constant, Domain, samples
from sweep.errors import UsageError
from sweep.params import Params, n_of_m
from sweep.problems import Problem

if TYPE_CHECKING:
    from sweep.config import RecoverConfig, SweepConfig

TEMPERATURE = 2.0
"""Of distillation, where ``recover.distill`` is null and the space gives none."""


def ramped(sparsity: float, ramp_epochs: int, epoch: int) -> float:
    """The sparsity to be had after ``epoch`` finetune epochs, in [0, 1).

    ``sparsity * (1 - (1 - (epoch + 1) / (ramp_epochs + 1)) ** 3)``, and exactly ``sparsity`` from
    epoch ``ramp_epochs`` on.

    >>> [ramped(0.8, 1, epoch) for epoch in (0, 1, 2)]
    [0.7000000000000001, 0.8, 0.8]
    """
    left = max(0, ramp_epochs - epoch) / (ramp_epochs + 1)
    return sparsity * (1 - left**3)


def check_ramp(params: Params) -> None:
    """Raises :class:`~sweep.errors.UsageError` for a ramp longer than the epochs, or one to N:M."""
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
    """A ramp that can be longer than a trial's epochs, as far as their conditions tell."""
    ramp, epochs = config.space["ramp_epochs"], config.space["finetune_epochs"]
    if _can_ramp_to_groups(ramp, config.space["granularity"]):
        what = "there is no ramp to a granularity N:M"
        allowed = "0, or {values: [...], when: {granularity: element}}"
        depends = ("space.granularity",)
        return [Problem(("space", "ramp_epochs"), what, ramp.plain(), allowed, depends=depends)]
    for longest, fewest in _pairs(ramp, epochs):
        if longest > fewest:
            condition = f"when: {{finetune_epochs: {{low: {longest}}}}}"
            allowed = f"at most {fewest}, or {{values: [...], {condition}}} for what is longer"
            what = f"a ramp of {longest} is longer than the finetune_epochs, which can be {fewest}"
            depends = ("space.finetune_epochs",)
            where = ("space", "ramp_epochs")
            return [Problem(where, what, ramp.plain(), allowed, depends=depends)]
    return []


def _can_ramp_to_groups(ramp: Domain, granularity: Domain) -> bool:
    """Whether a ramp can be had beside a granularity N:M."""
    groups = [value for value in granularity.grid() if n_of_m(str(value))]
    allowed = [c for c in ramp.when if c.parent == "granularity"]
    return any(int(length) > 0 for length in samples(ramp, [])) and any(
        all(c.holds(value) for c in allowed) for value in groups
    )


def _pairs(ramp: Domain, epochs: Domain) -> Iterator[tuple[int, int]]:
    """(a length of the ramp, the fewest epochs that it can meet), each length above 0."""
    on_epochs = [c for c in ramp.when if c.parent == "finetune_epochs"]
    on_ramp = [c for c in epochs.when if c.parent == "ramp_epochs"]
    for length in map(int, samples(ramp, on_ramp)):
        met = list(_met(epochs, length, on_epochs))
        if length > 0 and met:
            yield length, min(met)


def _met(epochs: Domain, length: int, on_epochs: list[Condition]) -> Iterator[int]:
    """Numbers of epochs beside a ramp of this length, the smallest among them."""
    there = all(c.holds(length) for c in epochs.when if c.parent == "ramp_epochs")
    if there:
        found = (int(value) for value in samples(epochs, on_epochs))
        yield from (value for value in found if all(c.holds(value) for c in on_epochs))
    if epochs.when and not on_epochs:  # where it is not there, it is the default
        yield Params().finetune_epochs


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
