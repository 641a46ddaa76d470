"""The virtual clock: the schedule of workers, the cost of epochs, and the found points."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.search.clock import Clock, Outcome
from benchmarks.search.table import load_table
from benchmarks.search.world import DIRECTIONS, World
from benchmarks.tests.search_tables import write
from sweep.pareto import hypervolume, nondominated

EPOCHS = 4


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return World(load_table(write(tmp_path_factory.mktemp("t") / "made.npz", epochs=EPOCHS)))


class Even:
    """Proposes random trials of ``epochs``, and stops those in ``stopped`` after epoch 1."""

    def __init__(self, world: World, epochs: int | None = EPOCHS, stopped: Any = ()) -> None:
        self.world, self.epochs, self.stopped = world, epochs, stopped
        self.random = np.random.default_rng(0)
        self.log: list[tuple[str, int, int]] = []
        self.params: list[dict[str, Any]] = []
        self.running = self.most = 0

    def ask(self, number: int) -> dict[str, Any]:
        self.running += 1
        self.most = max(self.most, self.running)
        self.log.append(("ask", number, -1))
        epochs = int(self.random.integers(EPOCHS + 1)) if self.epochs is None else self.epochs
        params = {
            "sparsity": float(self.random.uniform(0.2, 0.98)),
            "method": "l1-norm",
            "scope": "local",
            "learning_rate": 1e-4,
            "finetune_epochs": epochs,
        }
        self.params.append(params)
        return params

    def report(self, number: int, record: dict[str, Any]) -> bool:
        self.log.append(("report", number, record["epoch"]))
        return number in self.stopped and record["epoch"] == 1

    def end(self, number: int) -> None:
        self.running -= 1
        self.log.append(("end", number, -1))


def go(world: World, method: Even, workers: int, marks: list[int], trials: int = 500) -> Outcome:
    return Clock(world, method, workers, trials, seed=0).run(marks)


@pytest.mark.parametrize("workers", [1, 8, 64])
def test_as_many_trials_run_at_once_as_there_are_workers(world: World, workers: int) -> None:
    method = Even(world)
    go(world, method, workers, [400])
    assert method.most == workers


def test_one_worker_runs_trials_one_after_the_other_to_their_last_epoch(world: World) -> None:
    method = Even(world, epochs=2, stopped={1})
    go(world, method, 1, [5], trials=3)
    lives = [[0, 1, 2], [0, 1], [0, 1, 2]]
    assert (
        method.log[: sum(len(life) + 2 for life in lives) - 2]
        == [
            event
            for number, life in enumerate(lives)
            for event in [
                ("ask", number, -1),
                *[("report", number, epoch) for epoch in life],
                ("end", number, -1),
            ]
        ][:-2]
    )


@pytest.mark.parametrize("workers", [1, 8])
def test_an_epoch_costs_one_and_an_evaluation_none(world: World, workers: int) -> None:
    method = Even(world, epochs=None)
    outcome = go(world, method, workers, [10, 60])
    spent = sum(event[0] == "report" and event[2] > 0 for event in method.log)
    assert spent in (59, 60)  # the last record ends the run before the method hears of it
    assert outcome.curve[-1][0] <= 60
    assert len(outcome.fronts) == 2


def test_trials_of_no_epochs_end_with_the_number_of_trials(world: World) -> None:
    outcome = go(world, Even(world, epochs=0), 8, [10, 60], trials=30)
    assert outcome.started == 30
    assert [row[0] for row in outcome.curve] == [0]
    assert outcome.fronts[0] == outcome.fronts[1]


def test_more_workers_take_less_time_in_proportion(world: World) -> None:
    one, eight = (go(world, Even(world), workers, [200]).seconds for workers in (1, 8))
    assert one / eight == pytest.approx(8, rel=0.1)


def test_the_same_seed_gives_the_same_run(world: World) -> None:
    first, again = (go(world, Even(world, epochs=None), 8, [60]) for _ in range(2))
    assert first == again
    assert Clock(world, Even(world), 8, 500, seed=1).run([60]) != first


def test_the_last_row_covers_all_evaluated_points(world: World) -> None:
    """The reference uses all records at once, not one by one."""
    method = Even(world, epochs=0)
    outcome = go(world, method, 4, [1], trials=80)
    curves = [world.curve(method.params[n], [0, n]) for n in range(outcome.started)]
    sparsity = [method.params[n]["sparsity"] for n in range(outcome.started)]
    true = np.column_stack([[curve.true[0] for curve in curves], sparsity])
    seen = np.column_stack([[curve.seen[0] for curve in curves], sparsity])
    volume = hypervolume(true, world.reference, DIRECTIONS) / world.volume
    assert outcome.curve[-1][2] == pytest.approx(volume)
    front = true[nondominated(true, DIRECTIONS, keep_duplicates=False)]
    assert sorted(s for _, s in outcome.fronts[-1]) == sorted(front[:, 1])
    chosen = true[nondominated(seen, DIRECTIONS, keep_duplicates=False)]
    volume = hypervolume(chosen, world.reference, DIRECTIONS) / world.volume
    assert outcome.curve[-1][3] == pytest.approx(volume)


def test_the_found_hypervolume_never_falls(world: World, tmp_path: Path) -> None:
    outcome = go(world, Even(world, epochs=None), 8, [200])
    found = [row[2] for row in outcome.curve]
    assert found == sorted(found) and len(found) > 5
    spent = [row[0] for row in outcome.curve]
    assert spent == sorted(set(spent)), "one row for each number of epochs"
