"""Syne Tune's MOASHA with its default settings, which sample at random."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import numpy as np

from benchmarks.search.clock import Record
from benchmarks.search.world import Params
from sweep.space.domains import Choice, Constant, Domain, Float

NEVER = datetime(2000, 1, 1)
"""The creation time of a trial, which Syne Tune requires and MOASHA does not use."""


class SyneMoasha:
    """Maximises accuracy and sparsity; every trial may run to ``max_epochs``.

    ``settings`` go to the constructor (``grace_period``, ``reduction_factor``). Syne Tune samples
    from numpy's global generator and ignores ``random_seed``, so the generator is seeded here; each
    process runs one search at a time.
    """

    def __init__(
        self, space: Mapping[str, Domain], max_epochs: int, seed: int, **settings: Any
    ) -> None:
        from syne_tune.backend.trial_status import Trial
        from syne_tune.optimizer.schedulers.multiobjective.moasha import MOASHA

        np.random.seed(seed)
        self._moasha = MOASHA(
            config_space={name: _syne_domain(domain) for name, domain in space.items()},
            metrics=["accuracy", "sparsity"],
            do_minimize=False,
            time_attr="epoch",
            max_t=max_epochs,
            random_seed=seed,
            **settings,
        )
        self._make_trial = Trial
        self._trials: dict[int, Any] = {}

    def ask(self, number: int) -> Params:
        params = dict(self._moasha.suggest().config)
        self._trials[number] = self._make_trial(number, params, NEVER)
        self._moasha.on_trial_add(self._trials[number])
        return params

    def report(self, number: int, record: Record) -> bool:
        return str(self._moasha.on_trial_result(self._trials[number], record)) == "STOP"

    def end(self, number: int) -> None:
        """Do nothing: MOASHA itself ends every trial, at ``max_epochs`` at the latest."""
        self._moasha.on_trial_remove(self._trials.pop(number))


def _syne_domain(domain: Domain) -> Any:
    from syne_tune.config_space import choice, loguniform, randint, uniform

    if isinstance(domain, Constant):
        return domain.value
    if isinstance(domain, Choice):
        return choice(list(domain.values))
    if isinstance(domain, Float):
        return (loguniform if domain.log else uniform)(domain.low, domain.high)
    return randint(domain.low, domain.high)
