"""An Optuna study asked and told as its users do it, for ``fifo`` and under others' schedulers."""

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
    """Maximises accuracy and sparsity; stops nothing.

    A trial is told COMPLETE, with the values of its last record, for the params as they were asked.
    That is what ``OptunaSearch`` does with a trial that Ray's scheduler has stopped, too.
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
        """A trial of the study. Its sampler sees the running ones."""
        self._running[number] = self._study.ask(self._asked)
        return self._fixed | self._running[number].params

    def report(self, number: int, record: Record) -> bool:
        """Remember the values; Optuna has no other use for them with several objectives."""
        self._values[number] = record["accuracy"], record["sparsity"]
        return False

    def end(self, number: int) -> None:
        """Tell."""
        self._study.tell(self._running.pop(number), self._values.pop(number))


def _distribution(domain: Domain) -> BaseDistribution:
    if isinstance(domain, Choice):
        return CategoricalDistribution(domain.values)
    assert not isinstance(domain, Constant)
    if isinstance(domain, Float):
        return FloatDistribution(domain.low, domain.high, log=domain.log)
    return IntDistribution(domain.low, domain.high, log=domain.log)
