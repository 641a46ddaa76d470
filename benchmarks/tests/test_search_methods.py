"""The methods of the benchmark: ours is the real search, and libraries get their own calls."""

from __future__ import annotations

import pytest

from benchmarks.search.clock import Clock
from benchmarks.search.methods import BASE, DEFAULT, Task, make_method, parse
from benchmarks.search.ours import Ours
from benchmarks.search.plain_optuna import PlainOptuna
from benchmarks.search.rules import Dominated
from benchmarks.search.table import load_table
from benchmarks.search.world import World
from benchmarks.tests.search_tables import write


@pytest.fixture(scope="module")
def task(tmp_path_factory: pytest.TempPathFactory) -> Task:
    world = World(load_table(write(tmp_path_factory.mktemp("t") / "made.npz")))
    return Task(world, seed=1, trials=20, most=30)


def test_ours_is_the_real_search_with_all_its_events(task: Task) -> None:
    ours = make_method("ours:random:grace=1,eta=2", task)
    assert isinstance(ours, Ours)
    outcome = Clock(task.world, ours, 4, task.most, seed=1).run([500])
    trials = ours._search.trials.values()
    assert len(trials) == outcome.started == task.most, "beyond what the config says"
    assert {trial.status for trial in trials} == {"completed", "stopped"}
    assert ours._search.missing_events() == []
    for trial in trials:
        assert sorted(trial.records) == list(range((trial.last_epoch or 0) + 1))
        assert trial.is_stopped == (trial.last_epoch != trial.finetune_epochs)


def test_a_plain_study_gets_its_own_params_with_the_last_values(task: Task) -> None:
    study = make_method(BASE, task)
    assert isinstance(study, PlainOptuna)
    Clock(task.world, study, 4, task.most, seed=1).run([500])
    for number, trial in enumerate(study._study.trials):
        curve = task.world.curve(trial.params, [1, number])
        last = trial.params["finetune_epochs"]
        assert trial.values == [curve.seen[last], trial.params["sparsity"]]


def test_dominated_stops_for_any_better_peer_at_the_rung_but_not_for_an_equal_one() -> None:
    rule = Dominated(max_epochs=4, grace_period=1, reduction_factor=3)
    reports = [(0, 0.8, 0.5, 1), (1, 0.8, 0.5, 1), (2, 0.9, 0.4, 1), (3, 0.79, 0.5, 1)]
    stops = [
        rule.stops(number, {"epoch": epoch, "accuracy": accuracy, "sparsity": sparsity})
        for number, accuracy, sparsity, epoch in [*reports, (3, 0.1, 0.1, 2)]
    ]
    assert stops == [False, False, False, True, False]


def test_a_method_may_have_settings() -> None:
    assert parse("ours:tpe") == ("ours:tpe", {})
    assert parse("ours:tpe:grace=2,eta=4,margin=0.5") == (
        "ours:tpe",
        {"grace_period": 2, "reduction_factor": 4, "margin": 0.5},
    )


@pytest.mark.parametrize(
    "spec",
    ["ours:best", "ours:tpe:grace", "grace=1", "ours:tpe:grace=1,eta", "ours:tpe:speed=9",
     "random+fifo:grace=1", "dominated+tpe:speed=9"],
)  # fmt: skip
def test_an_unknown_method_or_setting_is_refused(task: Task, spec: str) -> None:
    with pytest.raises(ValueError):
        make_method(spec, task)


def test_the_default_is_one_of_ours(task: Task) -> None:
    assert isinstance(make_method(DEFAULT, task), Ours)
