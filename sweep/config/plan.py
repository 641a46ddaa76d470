"""The trials and epochs that a config will run, computed before the sweep."""

from __future__ import annotations

import math
from typing import Any

from sweep.config.sections import DistillConfig, RecoverConfig, Settings
from sweep.errors import UsageError
from sweep.registry import METRICS
from sweep.space.counting import size
from sweep.space.domains import Choice, Constant
from sweep.space.params import Params


def rungs(grace_period: int, reduction_factor: float, max_epochs: int) -> list[int]:
    """The epochs after which trials are compared and may be stopped.

    ``grace_period * reduction_factor ** k`` for k = 0, 1, ..., rounded, without duplicates, and
    below ``max_epochs``, because a trial cannot be stopped at its end. A grace period of 0 gives
    the rungs of 1 and a rung at epoch 0, right after pruning.

    >>> rungs(1, 3, 30)
    [1, 3, 9, 27]
    >>> rungs(0, 3, 6)
    [0, 1, 3]
    """
    if grace_period == 0:
        return [0, *rungs(1, reduction_factor, max_epochs)] if max_epochs else []
    found: list[int] = []
    power = 0
    while (reached := grace_period * reduction_factor**power) < max_epochs:
        epoch = round(reached)
        if epoch >= max_epochs:
            break
        if not found or epoch > found[-1]:
            found.append(epoch)
        # Skip to the first power that rounds to a higher epoch: with a factor near 1 it may be far.
        beyond = math.log((epoch + 0.5) / grace_period) / math.log(reduction_factor)
        power = max(power + 1, math.floor(beyond))
    return found


def fits_ehvi(config: Settings) -> bool:
    """Whether a sweep can use the sampler ehvi.

    It needs two objectives, sparsity and a metric (or its drop), each in its better direction, and
    no constraints.
    """
    objectives = dict(config.objectives)
    if objectives.pop("sparsity", None) != "max" or len(objectives) != 1:
        return False
    [(name, way)] = objectives.items()
    if name not in METRICS and name.removesuffix("_drop") not in METRICS:
        return False
    better = METRICS.fact(name) if name in METRICS else "min"
    return bool(way == better and not config.search.constraints)


def sampler(config: Settings) -> str:
    """The sampler of a sweep. ``auto`` is ehvi if :func:`fits_ehvi`, else tpe."""
    if config.search.sampler != "auto":
        return config.search.sampler
    return "ehvi" if fits_ehvi(config) else "tpe"


def trials(config: Settings) -> int:
    """The number of trials of a sweep: every point of a grid, else ``search.trials``.

    No configuration runs twice, so it is at most the number of configurations in the space.
    """
    points = size(config.space)
    if config.search.sampler == "grid":
        return int(points)
    return int(min(config.search.trials, points))


def check_extension(config: Settings, count: int) -> None:
    """Raise :class:`~sweep.errors.UsageError` unless the sweep can have ``count`` trials in total:
    at least the planned number, and at most the number of points.
    """
    planned, points = trials(config), size(config.space)
    if not planned <= count <= points:
        most = "" if math.isinf(points) else f" and at most {points}, the points of the space"
        what = f"--trials is the total number of trials: at least {planned}{most}, got {count}"
        raise UsageError(what)


def worst_case_epochs(config: Settings) -> int:
    """The finetune epochs of all trials if each has the most epochs and none is stopped.

    Budgets are ignored, because trials that run when a budget is spent continue to their end.
    """
    epochs = config.space["finetune_epochs"]
    if config.search.sampler != "grid" or epochs.when:
        return trials(config) * config.max_epochs
    return sum(
        int(count) * int(size({**config.space, "finetune_epochs": Choice((count,))}))
        for count in epochs.grid()
    )


def quantization_epochs(config: Settings) -> dict[str, int]:
    """Scheme -> the epochs for which the dense model is finetuned on that grid, before any trial.

    The schemes are those of the space and of the baseline; empty if ``baseline.quantization`` is
    null or has 0 epochs.
    """
    chosen = config.baseline.quantization
    if chosen is None or chosen.epochs == 0:
        return {}
    asked = dict.fromkeys([chosen.scheme, *config.space["quantization"].grid()])
    return {str(scheme): chosen.epochs for scheme in asked if scheme not in (None, "none")}


def distilled(recover: RecoverConfig, params: Params) -> tuple[float, float]:
    """(weight in [0, 1], temperature > 0) of a trial's distillation. Weight 0 means none."""
    usual, weight = recover.distill or DistillConfig(weight=0), params.distill_weight
    temperature = params.distill_temperature
    return (
        usual.weight if weight is None else weight,
        usual.temperature if temperature is None else temperature,
    )


def may_distill(config: Settings) -> bool:
    """Whether any trial of a sweep may need the teacher's logits."""
    domain = config.space["distill_weight"]
    if config.max_epochs == 0:
        return False
    usual, _ = distilled(config.recover, Params())
    if isinstance(domain, Constant):
        return bool(usual if domain.value is None else domain.value)
    most = max(map(float, domain.values)) if isinstance(domain, Choice) else domain.high
    return most > 0 or (bool(domain.when) and usual > 0)


def results_path(config: Settings) -> str:
    """The sweep's folder, or its address in an object store."""
    return f"{config.storage.rstrip('/')}/{config.name}"


def plan(config: Settings) -> dict[str, Any]:
    """The plan as values for JSON.

    Epochs are finetune epochs of pruned models, except ``baseline_epochs`` and
    ``quantization_epochs``, which belong to the dense model.
    """
    search = config.search
    stops = search.scheduler != "fifo"
    steps = rungs(search.grace_period, search.reduction_factor, config.max_epochs) if stops else []
    return {
        "name": config.name,
        "trials": trials(config),
        "sampler": sampler(config),
        "scheduler": search.scheduler,
        "rungs": steps,
        "max_epochs": config.max_epochs,
        "worst_case_epochs": worst_case_epochs(config),
        "baseline_epochs": config.baseline.epochs,
        "quantization_epochs": quantization_epochs(config),
        "budget": config.search.budget.model_dump(mode="json", exclude_none=True),
        "objectives": dict(config.objectives),
        "space": {name: domain.plain() for name, domain in config.space.items()},
        "results": results_path(config),
    }
