"""A plain Optuna study with ask and tell, under ``fifo`` and schedulers of other libraries."""

from __future__ import annotations

from collections.abc import Mapping

import optuna
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.samplers import BaseSampler

from benchmarks.search.clock import Record
from benchmarks.search.world import Params
from sweep.space.domains import Choice, Constant, Domain, Float


class PlainOptuna:
    """Maximises accuracy and sparsity without early stopping.

    A trial is reported as COMPLETE, with the values of its last record and its original params.
    ``OptunaSearch`` does the same with a trial that a Ray scheduler has stopped.
    """

    def __init__(self, space: Mapping[str, Domain], sampler: BaseSampler) -> None:
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        self._fixed = {name: d.value for name, d in space.items() if isinstance(d, Constant)}
        self._asked = {
            name: _distribution(domain)
            for name, domain in space.items()
            if not isinstance(domain, Constant)
        }
        self._study = optuna.create_study(directions=["maximize", "maximize"], sampler=sampler)
        self._running: dict[int, optuna.Trial] = {}
        self._values: dict[int, tuple[float, float]] = {}

    def ask(self, number: int) -> Params:
        """Ask the study for a trial; the sampler sees running trials."""
        self._running[number] = self._study.ask(self._asked)
        return self._fixed | self._running[number].params

    def report(self, number: int, record: Record) -> bool:
        """Store the values; with several objectives, Optuna accepts no intermediate values."""
        self._values[number] = record["accuracy"], record["sparsity"]
        return False

    def end(self, number: int) -> None:
        """Report the trial to the study."""
        self._study.tell(self._running.pop(number), self._values.pop(number))


def _distribution(domain: Domain) -> BaseDistribution:
    if isinstance(domain, Choice):
        return CategoricalDistribution(domain.values)
    assert not isinstance(domain, Constant)
    if isinstance(domain, Float):
        return FloatDistribution(domain.low, domain.high, log=domain.log)
    return IntDistribution(domain.low, domain.high, log=domain.log)
