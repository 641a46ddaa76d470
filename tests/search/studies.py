"""Studies that are driven as a sweep drives them: several workers, early stops, failures."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import optuna
import pytest
from optuna.storages import InMemoryStorage

from sweep.config import SweepConfig
from sweep.search.optuna_study import study_of
from sweep.search.samplers import POPULATION, SAMPLERS
from sweep.search.study import Params, Study
from sweep.space.domains import Choice, Condition, Constant, Domain, Float, Int

BOTH = {"accuracy": "max", "size_bytes": "min"}
ONE = {"accuracy": "max"}
GP = pytest.param("gp", marks=pytest.mark.slow)  # it needs torch: see tests/test_gp.py
LEARNING = ["tpe", "nsga2", GP]
EVERY = [GP if name == "gp" else name for name in SAMPLERS]

EPOCHS: dict[str, Domain] = {
    "range": Int(0, 5),
    "narrow": Int(3, 6),
    "stepped": Int(0, 6, step=3),
    "log": Int(1, 8, log=True),
    "choice": Choice((1, 2, 5)),
    "constant": Constant(4),
    "none": Constant(0),
}


VIOLATED = "size <= 300"
"""A constraint."""


def config(**sections: Any) -> SweepConfig:
    """A sweep over digits; ``sections`` replace those by default."""
    return SweepConfig.model_validate({"name": "s", "task": {"dataset": "digits"}, **sections})


def record(trial_id: str, accuracy: float, sparsity: float, **fields: Any) -> Any:
    """A "record" of epoch 1."""
    own = {"epoch": 1, "attempt": 1, "partial": False, "examples": 400}
    figures = {"accuracy": accuracy, "sparsity": sparsity}
    return {"event": "record", "trial_id": trial_id, **own, **figures, **fields}


TRAINED = (Condition("finetune_epochs", low=1),)


def space(sampler: str, epochs: Domain = EPOCHS["range"]) -> dict[str, Domain]:
    step = 0.05 if sampler == "grid" else None
    return {
        "sparsity": Float(0.1, 0.9, step=step),
        "method": Choice(("l1-norm", "random")),
        "scope": Constant("local"),
        "finetune_epochs": epochs,
        "learning_rate": Choice((1e-5, 1e-4)) if step else Float(1e-5, 1e-3, log=True),
    }


def conditional(sampler: str) -> dict[str, Domain]:
    """A learning rate if a trial trains, a scope for random scores; conditional ones first."""
    rates = (1e-5, 1e-4, 1e-3)
    endless = Float(1e-5, 1e-3, log=True, when=TRAINED)
    return {
        "learning_rate": Choice(rates, TRAINED) if sampler == "grid" else endless,
        "scope": Choice(("local", "global"), (Condition("method", ("random",)),)),
        "sparsity": Float(0.1, 0.9, step=0.1 if sampler == "grid" else None),
        "method": Choice(("l1-norm", "random")),
        "finetune_epochs": Int(0, 3),
    }


def count(sampler: str) -> int:
    """A number of trials after which the sampler uses its model; gp is slow, and gets few."""
    return {"gp": 16, "nsga2": 3 * POPULATION + 8}.get(sampler, 24)


def aims(sampler: str) -> dict[str, str]:
    """Two objectives; one for gp, which needs seconds for two."""
    return ONE if sampler == "gp" else BOTH


def values(params: Params, objectives: dict[str, str]) -> list[float]:
    epochs, sparsity = params["finetune_epochs"], params["sparsity"]
    accuracy = 0.9 - sparsity**4 * (0.6 if params["method"] == "l1-norm" else 0.9) + 0.01 * epochs
    return [accuracy, 1000 * (1 - sparsity)][: len(objectives)]


def ask_and_begin(study: Study, number: int) -> Params | None:
    """The params of the next trial, which begins to run; None if there is none."""
    proposal = study.ask(number)
    if proposal is not None:
        study.begin(number, *proposal)
    return proposal[0] if proposal else None


Log = list[tuple[str, Any]]


def drive(study: Study, trials: int, objectives: dict[str, str], in_flight: int = 3) -> Log:
    """A sweep with several workers: some trials stop early, some fail. Returns its calls."""
    random = np.random.default_rng(3)
    log: Log = []
    running: dict[int, Params] = {}
    for number in range(trials + in_flight):
        if number < trials and (proposal := study.ask(number)) is not None:
            log.append(("begin", json.loads(json.dumps([number, *proposal]))))
            study.begin(number, *proposal)
            running[number] = proposal[0]
        if len(running) > in_flight or (running and number >= trials):
            done = int(random.choice(list(running)))
            observation = outcome(study, running.pop(done), random, objectives)
            if observation is not None:
                record = dict(zip(objectives, observation[1], strict=True))
                log.append(("observe", [done, observation[0], record]))
                study.observe(done, observation[0], record)
            log.append(("finish", json.loads(json.dumps([done, observation]))))
            study.finish(done, observation)
    return log


def outcome(
    study: Study, params: Params, random: np.random.Generator, objectives: dict[str, str]
) -> tuple[Params, list[float]] | None:
    if random.random() < 0.15:
        return None
    reached = [e for e in range(1, params["finetune_epochs"]) if study.params.has_epoch(e)]
    if reached and random.random() < 0.5:
        params = {**params, "finetune_epochs": int(random.choice(reached))}
    return params, values(params, objectives)


def replay(study: Study, log: Log) -> None:
    for kind, arguments in log:
        getattr(study, kind)(*arguments)


def optuna_study(study: Study) -> optuna.Study:
    """All trials as a study: those learned from other sweeps, then those of this one, by number."""
    return study_of(study.trials, study._objectives, InMemoryStorage())


def contents(study: Study) -> list[Any]:
    """All properties of the study's trials that samplers and plots use, without dates."""
    return [
        (t.number, t.state, t.params, t.distributions, t.values, t.constraints, t.system_attrs)
        for t in optuna_study(study).trials
    ]
