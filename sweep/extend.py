"""Decorators that register criteria, structures, tasks, metrics, samplers and listeners.

An object that a script or a notebook registers is known in its own process and in the workers of
its sweeps. A package uses entry points instead, which are known in all processes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from sweep.metrics import Metric, Results, Right, Value
from sweep.registry import CRITERIA, LISTENERS, METRICS, SAMPLERS, STRUCTURES, TASKS, Registry

if TYPE_CHECKING:
    from sweep.compress.prune.criteria import Reconstruct

Added = TypeVar("Added")


def _adding(kind: Registry, name: str, row: Callable[[Any], Any]) -> Callable[[Added], Added]:
    def decorate(thing: Added) -> Added:
        # A cell of a notebook that is run again replaces what it registered before.
        in_notebook = getattr(thing, "__module__", None) == "__main__"
        kind.register(name, row(thing), replace=in_notebook)
        return thing

    return decorate


def register_criterion(
    name: str, needs: str = "none", reconstruct: Reconstruct | None = None
) -> Callable[[Added], Added]:
    """Make a function a pruning criterion: a value of ``space.method``.

    The function takes a weight (out, in), the module's statistic and a random generator, and
    returns scores of the weight's shape; weights with high scores are kept. ``needs`` is the kind
    of its statistic (`sweep.compress.prune.statistics`): "none", "gradient", "input-norm",
    "inverse-factor", or "movement", which needs a ramp. ``reconstruct(weight, mask, statistic)``
    gives the kept weights new values.

    The function itself is unchanged. Raises :class:`~sweep.errors.UsageError` if the name is
    already used, as do the decorators below.
    """
    from sweep.compress.prune.criteria import Criterion

    return _adding(CRITERIA, name, lambda score: Criterion(score, needs, reconstruct))


def register_structure(name: str) -> Callable[[Added], Added]:
    """Make a subclass of :class:`~sweep.compress.prune.structures.Structure` a structure.

    It is a value of ``space.granularity``. The class is called without arguments.
    """
    return _adding(STRUCTURES, name, lambda kind: kind())


def register_task(name: str) -> Callable[[Added], Added]:
    """Make a subclass of ``sweep.Task`` a task: a value of ``task.kind``."""
    return _adding(TASKS, name, lambda kind: kind)


def register_metric(
    name: str,
    direction: str = "max",
    worst: float | None = None,
    unit: str = "",
    standard_error: Value | None = None,
    chance: Callable[[Results], float] | None = None,
    right: Right | None = None,
) -> Callable[[Added], Added]:
    """Make a function of labels and answers (examples,) a metric, for ``task.metric(s)``.

    The other arguments are those of :class:`~sweep.metrics.Metric`.

    >>> @register_metric("mean-error", direction="min", unit="classes")
    ... def mean_error(labels, answers):
    ...     return abs(labels - answers).mean()
    """
    facts = (direction, worst, unit, standard_error, chance, right)
    return _adding(METRICS, name, lambda value: Metric(value, *facts))


def register_sampler(name: str, finished: int = 200, running: int = 64) -> Callable[[Added], Added]:
    """Make a function from a seed to an ``optuna.samplers.BaseSampler`` a sampler.

    It is a value of ``search.sampler``. It sees at most ``finished`` ended trials (half as many
    with more than two objectives) and ``running`` running trials, so that a proposal does not take
    longer in a large sweep.
    """
    from sweep.search.samplers import Sampler

    return _adding(SAMPLERS, name, lambda make: Sampler(make, finished, running))


def register_listener(name: str) -> Callable[[Added], Added]:
    """Make a subclass of ``sweep.Listener`` a listener: a key of the config's ``listeners``.

    The value of that key has the keyword arguments of the class.
    """
    return _adding(LISTENERS, name, lambda kind: kind)
