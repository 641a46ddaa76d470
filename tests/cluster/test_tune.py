"""The adapters between Tune and a conductor, called as Tune calls them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ray import cloudpickle
from ray.exceptions import RayActorError
from ray.tune.search import Searcher

from sweep.cluster.tune import Decide, HandOut
from tests.harness.stage import Stage


def test_at_most_the_present_limit_of_trials_run_or_wait(tmp_path: Path) -> None:
    stage, capacity = Stage(tmp_path / "sweep", trials=4), SimpleNamespace(limit=2)
    hand_out = HandOut(stage.conductor, capacity)
    given: list[dict[str, Any]] = []

    def suggest(name: str) -> bool:
        found = hand_out.suggest(name)
        given.extend([found] if isinstance(found, dict) else [])
        return isinstance(found, dict)

    assert [suggest(name) for name in "abc"] == [True, True, False]
    capacity.limit = 3
    assert [suggest(name) for name in "cd"] == [True, False]
    capacity.limit = 1
    hand_out.on_trial_complete("a")
    assert not suggest("d")
    hand_out.on_trial_complete("b", error=True)
    hand_out.on_trial_complete("c")
    assert suggest("d")
    hand_out.on_trial_complete("d")
    assert hand_out.suggest("e") is None, "they may yet be lost"
    for assignment in given:
        assert any(stage.report(assignment, epoch) for epoch in stage.epochs(assignment))
    assert hand_out.suggest("e") == Searcher.FINISHED


@dataclass
class Ended:
    """The attributes of a failed trial of Tune that the adapters read."""

    pickled_error_file: str
    config: dict[str, Any]


def told_of(error: BaseException | None, folder: Path) -> tuple[str, bool]:
    """The reason and the kind of the loss that the ledger has for this error."""
    stage, file = Stage(folder / "sweep"), folder / "error.pkl"
    if error is not None:
        file.write_bytes(cloudpickle.dumps(error))
    decide = Decide(stage.conductor)
    decide.on_trial_error(None, Ended(str(file), stage.take()))
    [lost] = stage.of_kind("lost")
    return lost["reason"], lost["preempted"]


@pytest.mark.parametrize("preempted", [False, True])
def test_a_loss_is_a_preemption_if_ray_says_so(preempted: bool, tmp_path: Path) -> None:
    error = RayActorError(None, "first line\nit is gone", preempted=preempted)
    reason = "its machine was drained" if preempted else "it is gone"
    assert told_of(error, tmp_path) == (reason, preempted)


def test_a_loss_of_unknown_cause_counts(tmp_path: Path) -> None:
    assert told_of(None, tmp_path) == ("the worker died", False)


def test_the_loss_of_an_actor_unknown_to_ray_counts(tmp_path: Path) -> None:
    assert not told_of(RayActorError("ff" * 16, "it is of another one"), tmp_path)[1]
