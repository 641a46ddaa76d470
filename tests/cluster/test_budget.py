"""A budget and a space without more points, as the driver meets them."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import pytest
import yaml

from sweep.cluster.run import check_budget
from sweep.errors import UsageError
from sweep.ledger.folder import SweepFolder
from sweep.search.replay import Search
from tests.harness.stage import Stage
from tests.harness.sweeps import CONFIG, of_kind


def test_when_a_budget_is_spent_running_trials_finish_and_none_starts(tmp_path: Path) -> None:
    stage = Stage(tmp_path / "sweep", budget={"epochs": 4})
    one, other = stage.take(), stage.take()
    assert any(stage.report(one, epoch) for epoch in stage.epochs(one))
    while not stage.search.budget.spent:
        one = stage.take()
        assert any(stage.report(one, epoch) for epoch in stage.epochs(one))
    assert stage.conductor.next() is None
    assert not stage.conductor.finished  # the other one is out
    assert any(stage.report(other, epoch) for epoch in stage.epochs(other))
    assert stage.conductor.finished
    assert len(of_kind(stage.events, "end")) == len(of_kind(stage.events, "trial")) < 10


def test_a_lost_trial_is_retried_after_the_budget_is_spent(tmp_path: Path) -> None:
    stage = Stage(tmp_path / "sweep", budget={"epochs": 1})
    first, second = stage.take(), stage.take()
    stage.report(first, 0)
    stage.report(first, 1)
    assert stage.search.budget.spent
    stage.lose(second)
    assert stage.take()["trial_id"] == second["trial_id"]
    assert stage.conductor.next() is None


def test_more_trials_after_a_spent_budget_are_refused_with_a_way_out(tmp_path: Path) -> None:
    stage = Stage(tmp_path / "sweep", budget={"epochs": 3})
    stage.run()
    folder = SweepFolder(tmp_path / "sweep")
    search = Search(stage.config)
    check_budget(search, folder, 50)
    for event in stage.events:
        search.apply(event)
    check_budget(search, folder, 0)
    with pytest.raises(UsageError) as caught:
        check_budget(search, folder, 50)
    message = str(caught.value)
    assert "search.budget.epochs" in message
    [start] = [word for word in shlex.split(message) if word.startswith("search.warm_start=")]
    assert yaml.safe_load(start.partition("=")[2]) == [str(folder.path)]
    assert "search.trials=50" in message


def test_a_space_without_more_points_ends_the_sweep(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    space: dict[str, Any] = {"sparsity": [0.5, 0.7], "finetune_epochs": 1, "method": "random"}
    monkeypatch.setitem(CONFIG, "space", space)
    stage = Stage(tmp_path / "sweep")
    stage.search.extend(50)
    events = stage.run()
    assert len(of_kind(events, "trial")) == len(of_kind(events, "end")) == 2
    assert "all 2 configurations" in str(stage.search.why_no_more)
