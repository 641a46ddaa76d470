"""Decorators that add to the registries of `sweep.registry` what a config can name.

What a script or a notebook adds is known in its own process, and in the workers of the sweeps that
it runs. A package adds things for everybody, by entry points.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from sweep.metrics import Metric, Results, Value
from sweep.registry import CRITERIA, LISTENERS, METRICS, SAMPLERS, STRUCTURES, TASKS, Registry

if TYPE_CHECKING:
    from sweep.compress.prune.criteria import Reconstruct

Added = TypeVar("Added")


def _adding(kind: Registry[Any], name: str, row: Callable[[Any], Any]) -> Callable[[Added], Added]:
    def decorate(thing: Added) -> Added:
        kind.register(name, row(thing))
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

    The function stays as it is. Workers of sweeps that this process runs have the criterion too.
    Raises :class:`~sweep.errors.UsageError` for a name that is taken; so do the others below.
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
) -> Callable[[Added], Added]:
    """Make a function of labels and answers (examples,) a metric, for ``task.metric(s)``.

    The other arguments are those of :class:`~sweep.metrics.Metric`.

    >>> @register_metric("mean-error", direction="min", unit="classes")
    ... def mean_error(labels, answers):
    ...     return abs(labels - answers).mean()
    """
    facts = (direction, worst, unit, standard_error, chance)
    return _adding(METRICS, name, lambda value: Metric(value, *facts))


def register_sampler(name: str, finished: int = 200, running: int = 64) -> Callable[[Added], Added]:
    """Make a function from a seed to an ``optuna.samplers.BaseSampler`` a sampler.

    It is a value of ``search.sampler``. It is shown at most ``finished`` trials that have ended
    (half as many with more than two objectives) and ``running`` ones that have not, so that a
    proposal takes as long in a large sweep as in a small one.
    """
    from sweep.search.samplers import Sampler

    return _adding(SAMPLERS, name, lambda make: Sampler(make, finished, running))


def register_listener(name: str) -> Callable[[Added], Added]:
    """Make a subclass of ``sweep.Listener`` a listener: a key of the config's ``listeners``.

    The value of that key has the options with which the class is called.
    """
    return _adding(LISTENERS, name, lambda kind: kind)
