"""A user's script, never run: `make lint` checks its types (mypy --strict) as a user would.

A name that the public API lost, or a type that became ``Any``, is an error there.
"""

from __future__ import annotations

from typing import assert_type

import numpy as np
import numpy.typing as npt
from torch import Generator, Tensor

import analysis
import sweep


@sweep.register_criterion("square")
def square(weight: Tensor, statistic: None, generator: Generator) -> Tensor:
    return weight.detach() ** 2


@sweep.register_metric("distance", direction="min", unit="classes")
def distance(labels: npt.NDArray[np.int64], answers: npt.NDArray[np.int64]) -> float:
    return float(abs(labels - answers).mean())


@sweep.register_listener("counter")
class Counter(sweep.Listener):
    count = 0

    def begin(self, events: object) -> None:
        self.count = 0


def one_trial() -> list[float]:
    trial = sweep.trial("digits", "recover.batch_size=16", method="square", sparsity=0.8)
    assert_type(trial, sweep.Trial)
    records = [record.sparsity for record in trial.run()]
    print(trial.model, trial.epoch, trial.params.method, trial.score("test").loss)
    return records


def a_sweep() -> None:
    config = {"name": "own", "task": {"dataset": "digits"}}
    assert_type(sweep.load_config(config, {"search.trials": 4}).search.trials, int)
    try:
        folder = sweep.run(config, out="results/own", listeners=[Counter()])
        assert_type(sweep.resume(folder, trials=8), str)
    except sweep.Interrupted as error:
        print(error.exit_code)
    assert_type(analysis.load("results/own").front.empty, bool)
