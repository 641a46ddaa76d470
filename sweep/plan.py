"""What a config will do, worked out before anything runs."""

from __future__ import annotations

import math
from typing import Any

from sweep.config import SweepConfig
from sweep.domains import Int


def rungs(grace_period: int, reduction_factor: float, max_epochs: int) -> list[int]:
    """The epochs after which trials are compared, and may be stopped.

    ``grace_period * reduction_factor ** k`` for k = 0, 1, ..., rounded, each once, and below
    ``max_epochs``: a trial that is at its end needs no stopping.

    >>> rungs(1, 3, 30)
    [1, 3, 9, 27]
    """
    found: list[int] = []
    power = 0
    while (reached := grace_period * reduction_factor**power) < max_epochs:
        epoch = round(reached)
        if epoch >= max_epochs:
            break
        if not found or epoch > found[-1]:
            found.append(epoch)
        # On to the first power that rounds to more: a factor near 1 has very many that do not.
        beyond = math.log((epoch + 0.5) / grace_period) / math.log(reduction_factor)
        power = max(power + 1, math.floor(beyond))
    return found


def trials(config: SweepConfig) -> int:
    """How many trials the sweep runs: every point of a grid, else ``search.trials``."""
    if config.search.sampler == "grid":
        return math.prod(int(domain.size) for domain in config.space.values())
    return config.search.trials


def worst_case_epochs(config: SweepConfig) -> int:
    """The finetune epochs of all trials together, if each has its most and none is stopped."""
    if config.search.sampler != "grid":
        return trials(config) * config.max_epochs
    epochs = config.space["finetune_epochs"]
    if isinstance(epochs, Int):  # the mean of an arithmetic row is that of its ends
        return trials(config) * (epochs.low + epochs.high) // 2
    return trials(config) // int(epochs.size) * sum(map(int, epochs.grid()))


def results_path(config: SweepConfig) -> str:
    """The sweep's folder, or its address in an object store."""
    return f"{config.storage.rstrip('/')}/{config.name}"


def plan(config: SweepConfig) -> dict[str, Any]:
    """The plan as plain values, ready for JSON. Epochs are finetune epochs of pruned models."""
    search = config.search
    stops = search.scheduler != "fifo"
    steps = rungs(search.grace_period, search.reduction_factor, config.max_epochs) if stops else []
    return {
        "name": config.name,
        "trials": trials(config),
        "sampler": search.sampler,
        "scheduler": search.scheduler,
        "rungs": steps,
        "max_epochs": config.max_epochs,
        "worst_case_epochs": worst_case_epochs(config),
        "baseline_epochs": config.baseline.epochs,
        "objectives": dict(config.objectives),
        "space": {name: domain.plain() for name, domain in config.space.items()},
        "results": results_path(config),
    }
