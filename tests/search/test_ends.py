"""The end of a search, and other settings of a config: budgets, seeds, many objectives."""

from __future__ import annotations

from typing import Any

import pytest
from optuna.trial import TrialState as OptunaState

from sweep.config import SweepConfig
from sweep.ledger.events import Event
from sweep.search.jobs import TrialState
from sweep.search.replay import Search
from tests.search.studies import optuna_study
from tests.search.test_state import Driver, config, story

FOUR = {"accuracy": "max", "size_bytes": "min", "epoch": "min", "seconds": "min"}


class Timed(Driver):
    """A driver whose events come a second apart."""

    clock = 0.0

    def emit(self, *events: Event | None) -> None:
        for event in filter(None, events):
            self.clock = event.get("time", self.clock + 1.0)
            super().emit({**event, "time": self.clock})


def settings(sampler: str = "random", **search: Any) -> SweepConfig:
    return config(
        sampler, search={"sampler": sampler, "trials": 40, "reduction_factor": 2} | search
    )


def begun(of: SweepConfig, events: list[Event] | None = None) -> Timed:
    reference = {"accuracy": 0.1, "sparsity": 0.0}
    first: Event = {"event": "sweep", "reference_point": reference, "time": 0.0}
    return Timed(of, events or [first])


def epochs_of(search: Search) -> int:
    return sum(trial.last_epoch or 0 for trial in search.trials.values())


BUDGETS: list[dict[str, Any]] = [
    {"epochs": 20},
    {"seconds": 60},
    {"plateau": {"trials": 5, "gain": 0.02}},
]


@pytest.mark.parametrize("budget", BUDGETS, ids=lambda budget: next(iter(budget)))
def test_a_spent_budget_ends_proposals_and_not_the_trials_that_run(budget: dict[str, Any]) -> None:
    driver = begun(settings(budget=budget))
    driver.run(workers=3)
    search = driver.search
    assert len(search.trials) < 40
    assert search.propose() is None
    assert search.unfinished() == []
    assert search.why_no_more == search.budget.spent
    assert (search.budget.spent or "").startswith(f"search.budget.{next(iter(budget))}")
    if "epochs" in budget:
        assert 20 <= epochs_of(search) <= 20 + 3 * 7


@pytest.mark.slow
@pytest.mark.parametrize("budget", BUDGETS, ids=lambda budget: next(iter(budget)))
def test_a_sweep_with_a_budget_cut_anywhere_ends_as_if_undisturbed(budget: dict[str, Any]) -> None:
    whole = begun(settings("tpe", budget=budget)).run()
    assert 40 > [event["event"] for event in whole].count("end") > 5
    for cut in range(1, len(whole) + 1, 7):
        resumed = begun(settings("tpe", budget=budget), whole[:cut])
        resumed.run()
        plain, again = story(whole), story(resumed.ledger)
        # Starting its trial again costs a resumed driver an event, and so a second of the budget.
        same = min(len(plain), len(again)) if "seconds" in budget else max(len(plain), len(again))
        assert again[:same] == plain[:same]


def test_all_trials_all_points_and_nothing_yet_are_different_ends() -> None:
    driver = begun(settings(trials=3))
    assert driver.search.why_no_more is None
    driver.run()
    assert driver.search.why_no_more == "all 3 trials"
    few = config("random", space={"sparsity": [0.5, 0.7], "finetune_epochs": 0})
    # Where nothing is pruned, the method makes no difference: l1-norm stands for both.
    for of, count in ((few, 2), (config("grid"), 3 * 2 * 3 + 1 * 3)):
        driver = begun(of)
        driver.search.extend(1000)
        driver.run()
        assert len(driver.search.trials) == count and driver.search.propose() is None
        assert driver.search.why_no_more == f"all {count} configurations of the space are tried"


def test_a_seed_in_the_space_is_the_trials_own() -> None:
    space = {"sparsity": [0.5, 0.7], "finetune_epochs": 1, "learning_rate": 1e-4, "seed": [3, 9]}
    whole = Driver(config("grid", space=space, search={"sampler": "grid"})).run()
    trials = [event for event in whole if event["event"] == "trial"]
    assert [(e["params"]["sparsity"], e["seed"]) for e in trials] == [
        (0.5, 3), (0.5, 9), (0.7, 3), (0.7, 9),
    ]  # fmt: skip


def test_epochs_that_are_not_there_are_the_default() -> None:
    epochs = {"low": 2, "high": 4, "when": {"sparsity": {"low": 0.6}}}
    space = {"sparsity": [0.5, 0.7], "finetune_epochs": epochs, "learning_rate": 1e-4}
    driver = Driver(config("random", space=space))
    driver.run()
    for trial in driver.search.trials.values():
        there = trial.params["sparsity"] == 0.7
        assert ("finetune_epochs" in trial.params) == there
        assert trial.finetune_epochs == (trial.params["finetune_epochs"] if there else 1)
        assert trial.last_epoch == trial.finetune_epochs
    states = {trial.state for trial in optuna_study(driver.search.study).trials}
    assert states == {OptunaState.COMPLETE}


def test_constraints_reach_the_study_from_the_final_record() -> None:
    driver = Driver(settings(trials=12, constraints={"accuracy": {"min": 0.6}}))
    driver.run(workers=2)
    seen = optuna_study(driver.search.study).trials
    for trial, stored in zip(driver.search.trials.values(), seen, strict=True):
        record = driver.search.final_record(trial)
        if record is None:
            assert stored.state == OptunaState.FAIL
        else:
            broken = {"accuracy >= 0.6": pytest.approx(0.6 - record["accuracy"])}
            assert stored.constraints == broken


def test_trials_without_the_figure_of_a_constraint_teach_the_study_nothing() -> None:
    driver = Driver(settings(trials=3, constraints={"loss": {"max": 1.0}}))
    driver.run()
    states = [trial.state for trial in optuna_study(driver.search.study).trials]
    assert states == [OptunaState.FAIL] * 3


def test_what_keeps_no_constraint_is_not_stopped_for_it() -> None:
    """The rule of the scheduler does not know constraints."""
    plain = Driver(settings(trials=12)).run(workers=2)
    bound = Driver(settings(trials=12, constraints={"accuracy": {"min": 0.99}})).run(workers=2)
    assert story(bound) == story(plain)


class Measured(Driver):
    """A driver whose records have the figures of :data:`FOUR`."""

    def figures(self, trial: TrialState, epoch: int) -> dict[str, Any]:
        size = round(1000 * (1 - trial.params["sparsity"]))
        return {"size_bytes": size, "seconds": 1.5 * epoch, "correct": 1000}


@pytest.mark.parametrize("count", [1, 3, 4])
@pytest.mark.parametrize("sampler", ["tpe", "nsga2", "random"])
def test_any_number_of_objectives(sampler: str, count: int) -> None:
    objectives = dict(list(FOUR.items())[:count])
    of = config(sampler, objectives=objectives)
    driver = Measured(of)
    copy = Search(of).replay(driver.run())
    seen = optuna_study(driver.search.study)
    assert len(seen.directions) == count
    numbers = [len(trial.values) for trial in seen.trials if trial.values]
    assert set(numbers) == {count} and len(numbers) > len(seen.trials) / 2
    assert [t.params for t in optuna_study(copy.study).trials] == [t.params for t in seen.trials]
