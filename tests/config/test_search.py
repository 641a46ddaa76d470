"""Settings of the search: starting points, constraints, budgets, warm starts, reference."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from sweep.config.load import parse_config, with_absolute_paths
from sweep.config.plan import plan, trials
from sweep.errors import ConfigError

SPACE: dict[str, Any] = {
    "sparsity": {"low": 0.1, "high": 0.9},
    "method": ["l1-norm", "random"],
    "finetune_epochs": {"low": 0, "high": 3},
    "learning_rate": {"low": 1e-5, "high": 1e-3, "when": {"finetune_epochs": {"low": 1}}},
}


def text(search: dict[str, Any], **sections: Any) -> str:
    plain = {"name": "s", "task": {"dataset": "digits"}, "space": SPACE, "search": search}
    return yaml.safe_dump({**plain, **sections})


def problems(search: dict[str, Any], **sections: Any) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        parse_config(text(search, **sections))
    return caught.value.problems


@pytest.mark.parametrize(
    ("search", "message"),
    [
        ({"constraints": {"acuracy": {"max": 1}}}, "acuracy: is not one of the known names, got"),
        ({"constraints": {"accuracy": {}}}, "search.constraints.accuracy: must not be empty"),
        ({"constraints": {"accuracy": 0.5}}, "search.constraints.accuracy: must be a mapping"),
        (
            {"constraints": {"accuracy": {"min": 0.9, "max": 0.5}}},
            "search.constraints.accuracy: min is above max",
        ),
        ({"constraints": {"accuracy": {"min": "high"}}}, "accuracy.min: must be a number"),
        ({"constraints": [{"accuracy": 1}]}, "search.constraints: must be a mapping"),
        ({"starts": {"sparsity": 0.5}}, "search.starts: must be a list"),
        ({"starts": [{}]}, "search.starts.0: must not be empty"),
        ({"starts": [{"depth": 1}]}, "search.starts.0.depth: unknown key"),
        ({"starts": [{"sparsity": 1.5}]}, "search.starts.0.sparsity: must be < 1"),
        (
            {"starts": [{"method": "random"}, {"sparsity": 0.95}]},
            "search.starts.1.sparsity: is not in the space, got 0.95; allowed: {low: 0.1, ",
        ),
        ({"starts": [{"scope": "global"}]}, "search.starts.0.scope: is not in the space"),
        (
            {"starts": [{"sparsity": 0.5}, {"method": "random"}, {"sparsity": 0.50}]},
            "search.starts.0: equals another starting point",
        ),
        (
            {"starts": [{"finetune_epochs": 0, "learning_rate": 1e-4}]},
            "search.starts.0.learning_rate: is inactive",
        ),
        (
            {"trials": 1, "starts": [{"sparsity": 0.5}, {"sparsity": 0.6}]},
            "search.starts: has more points than the sweep has trials, 1, got 2",
        ),
        ({"warm_start": ["a", "b", "a/"]}, "search.warm_start: lists a folder twice"),
        ({"budget": {"epochs": 0}}, "search.budget.epochs: must be >= 1"),
        ({"budget": {"seconds": 0}}, "search.budget.seconds: must be > 0"),
        ({"budget": {"trials": 3}}, "search.budget.trials: unknown key"),
        ({"budget": {"plateau": {}}}, "search.budget.plateau.trials: is required"),
        ({"budget": {"plateau": {"trials": 3, "gain": 0}}}, "plateau.gain: must be > 0"),
        ({"reference": {"time": 3}}, "search.reference.time: is not one of the known"),
        ({"reduction_factor": 1}, "search.reduction_factor: must be > 1"),
    ],
)
def test_a_wrong_search_setting_is_reported_at_its_path(
    search: dict[str, Any], message: str
) -> None:
    lines = problems(search)
    assert any(message in line for line in lines), lines


@pytest.mark.parametrize("name", ["f1", "matthews"])
def test_objectives_and_constraints_need_metrics_that_are_recorded(name: str) -> None:
    objectives = {name: "max", "sparsity": "max"}
    search = {"constraints": {name: {"min": 0.5}}}
    lines = problems(search, objectives=objectives)
    assert [line.split(":")[0] for line in lines] == [
        f"objectives.{name}",
        f"search.constraints.{name}",
    ]
    assert all(f"task.metrics: [{name}]" in line for line in lines)
    task = {"dataset": "digits", "metrics": [name]}
    parse_config(text(search, objectives=objectives, task=task))


@pytest.mark.parametrize("name", ["seconds", "loss"])
def test_a_plateau_needs_the_worst_value_of_each_objective(name: str) -> None:
    objectives = {"accuracy": "max", name: "min"}
    budget = {"plateau": {"trials": 3}}
    (line,) = problems({"budget": budget}, objectives=objectives)
    assert line.startswith("search.budget.plateau: needs a hypervolume")
    assert f"search.reference: {{{name}: a number}}" in line
    search = {"budget": budget, "reference": {name: 10}}
    parse_config(text(search, objectives=objectives))


def test_a_sweep_has_no_more_trials_than_its_space_has_configurations() -> None:
    space = {"sparsity": [0.5, 0.7], "finetune_epochs": [0, 1], "learning_rate": [1e-4, 1e-3]}
    starts = [{"learning_rate": 1e-4}, {"finetune_epochs": 0}]
    config = parse_config(text({"trials": 100, "starts": starts}, space=space))
    assert trials(config) == 2 * (1 + 2)
    assert trials(parse_config(text({"trials": 4}, space=space))) == 4
    grid = parse_config(text({"sampler": "grid", "trials": 4}, space=space))
    assert plan(grid)["trials"] == 6
    assert plan(grid)["worst_case_epochs"] == 4


def test_warm_start_folders_become_absolute(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.chdir(tmp_path)
    config = with_absolute_paths(parse_config(text({"warm_start": ["results/a"]})))
    assert config.search.warm_start == [str(tmp_path / "results" / "a")]
