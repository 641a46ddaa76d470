"""prunesweep: a distributed search for how far a transformer can be pruned, and at what cost.

The functions and classes here are the public API::

    import sweep

    for record in sweep.trial("digits", sparsity=0.8, finetune_epochs=2).run():
        print(record)

The package `analysis` reads what a sweep leaves behind. Importing this package costs nothing: what
a name needs (torch, Ray) is imported when it is first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from sweep.version import __version__

if TYPE_CHECKING:
    from sweep.api import confirm, resume, run, trial
    from sweep.cluster.listeners import Listener
    from sweep.cluster.scheduler import MoashaScheduler
    from sweep.compress.loop import Trial
    from sweep.compress.prune.criteria import Criterion
    from sweep.compress.prune.structures import Structure
    from sweep.compress.tasks import Task
    from sweep.config.load import load_config
    from sweep.errors import (
        ClusterError,
        ConfigError,
        Interrupted,
        NothingFound,
        StorageError,
        SweepError,
        TrialError,
        UsageError,
    )
    from sweep.extend import (
        register_criterion,
        register_listener,
        register_metric,
        register_sampler,
        register_structure,
        register_task,
    )
    from sweep.metrics import Metric
    from sweep.search.ehvi_sampler import EhviSampler
    from sweep.space.params import Params

_HOME = {
    "ClusterError": "sweep.errors",
    "ConfigError": "sweep.errors",
    "Criterion": "sweep.compress.prune.criteria",
    "EhviSampler": "sweep.search.ehvi_sampler",
    "Interrupted": "sweep.errors",
    "Listener": "sweep.cluster.listeners",
    "Metric": "sweep.metrics",
    "MoashaScheduler": "sweep.cluster.scheduler",
    "NothingFound": "sweep.errors",
    "Params": "sweep.space.params",
    "StorageError": "sweep.errors",
    "Structure": "sweep.compress.prune.structures",
    "SweepError": "sweep.errors",
    "Task": "sweep.compress.tasks",
    "Trial": "sweep.compress.loop",
    "TrialError": "sweep.errors",
    "UsageError": "sweep.errors",
    "confirm": "sweep.api",
    "load_config": "sweep.config.load",
    "register_criterion": "sweep.extend",
    "register_listener": "sweep.extend",
    "register_metric": "sweep.extend",
    "register_sampler": "sweep.extend",
    "register_structure": "sweep.extend",
    "register_task": "sweep.extend",
    "resume": "sweep.api",
    "run": "sweep.api",
    "trial": "sweep.api",
}
"""Name -> the module that has it."""

__all__ = [
    "ClusterError",
    "ConfigError",
    "Criterion",
    "EhviSampler",
    "Interrupted",
    "Listener",
    "Metric",
    "MoashaScheduler",
    "NothingFound",
    "Params",
    "StorageError",
    "Structure",
    "SweepError",
    "Task",
    "Trial",
    "TrialError",
    "UsageError",
    "__version__",
    "confirm",
    "load_config",
    "register_criterion",
    "register_listener",
    "register_metric",
    "register_sampler",
    "register_structure",
    "register_task",
    "resume",
    "run",
    "trial",
]

if not TYPE_CHECKING:  # else a type checker would accept any name

    def __getattr__(name: str) -> object:
        if name not in _HOME:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(import_module(_HOME[name]), name)

    def __dir__() -> list[str]:
        return sorted({*globals(), *__all__})
