"""The plan of a sweep."""

from __future__ import annotations

import itertools
import json
import math
from typing import Any

import pytest

from sweep.config import SweepConfig
from sweep.config.plan import plan, rungs, sampler


def config(**sections: Any) -> SweepConfig:
    return SweepConfig.model_validate({"name": "p", "task": {"dataset": "digits"}, **sections})


@pytest.mark.parametrize("grace_period", [1, 2, 5])
@pytest.mark.parametrize("reduction_factor", [1.01, 1.3, 1.5, 2, 2.5, 3, 4, 1e300])
@pytest.mark.parametrize("max_epochs", [0, 1, 2, 3, 9, 40])
def test_rungs_are_the_rounded_powers_below_the_end(
    grace_period: int, reduction_factor: float, max_epochs: int
) -> None:
    powers = itertools.takewhile(
        lambda value: value < max_epochs,
        (grace_period * reduction_factor**k for k in range(1000)),
    )
    expected = sorted({round(value) for value in powers} - {max_epochs})
    assert rungs(grace_period, reduction_factor, max_epochs) == expected


def test_rungs_are_fast_for_factors_near_one_and_long_trials() -> None:
    assert rungs(1, 1 + 1e-12, 50) == list(range(1, 50))
    assert rungs(1, math.nextafter(1, 2), 4) == [1, 2, 3]
    assert rungs(1, 2, 2**62) == [2**k for k in range(62)]


def test_a_plan_counts_trials_and_worst_case_epochs() -> None:
    space = {"finetune_epochs": {"low": 0, "high": 10}}
    budget = {"epochs": 100, "plateau": {"trials": 8}}
    search = {"trials": 7, "grace_period": 2, "budget": budget}
    result = plan(config(space=space, search=search))
    assert result["budget"] == {"epochs": 100, "plateau": {"trials": 8, "gain": 0.001}}
    assert result["trials"] == 7
    assert result["max_epochs"] == 10
    assert result["rungs"] == [2, 6]
    assert result["worst_case_epochs"] == 70
    assert result["objectives"] == {"accuracy": "max", "sparsity": "max"}
    assert json.loads(json.dumps(result)) == result


@pytest.mark.parametrize(
    "epochs", [[0, 1, 5], {"low": 0, "high": 4}, {"low": 1, "high": 8, "step": 3}, [4, 1], 2, 0]
)
def test_a_grid_runs_every_point(epochs: Any) -> None:
    space = {
        "sparsity": {"low": 0.1, "high": 0.9, "step": 0.2},
        "method": ["l1-norm", "random"],
        "finetune_epochs": epochs,
    }
    swept = config(space=space, search={"sampler": "grid", "trials": 3})
    points = list(itertools.product(*(domain.grid() for domain in swept.space.values())))
    place = list(swept.space).index("finetune_epochs")
    result = plan(swept)
    assert result["trials"] == len(points)
    epochs_of = [int(point[place]) for point in points]
    assert result["worst_case_epochs"] == sum(epochs_of)
    assert result["max_epochs"] == max(epochs_of)


def test_fifo_and_trials_without_epochs_have_no_rungs() -> None:
    space = {"finetune_epochs": 9}
    assert plan(config(space=space, search={"scheduler": "fifo"}))["rungs"] == []
    assert plan(config(space={"finetune_epochs": 0}))["rungs"] == []
    assert plan(config(space=space))["rungs"] == [0, 1, 3]


@pytest.mark.parametrize(
    ("quantization", "asked", "epochs"),
    [
        (None, None, {}),
        (None, ["fixed", "int8"], {}),
        ({"scheme": "int8"}, ["none", "fixed"], {}),
        ({"epochs": 3}, None, {"fixed": 3}),
        ({"epochs": 3}, "none", {"fixed": 3}),
        ({"epochs": 3}, ["none", "int8", "fixed"], {"fixed": 3, "int8": 3}),
        (
            {"epochs": 3},
            {"values": ["int8"], "when": {"method": "l1-norm"}},
            {"fixed": 3, "int8": 3},
        ),
    ],
)
def test_a_plan_counts_epochs_of_finetuning_on_grids(
    quantization: dict[str, Any] | None, asked: Any, epochs: dict[str, int]
) -> None:
    swept = config(baseline={"quantization": quantization}, space={"quantization": asked})
    assert plan(swept)["quantization_epochs"] == epochs


@pytest.mark.parametrize(
    ("storage", "path"),
    [
        ("results", "results/p"),
        ("results/", "results/p"),
        ("s3://bucket/a", "s3://bucket/a/p"),
        ("/", "/p"),
    ],
)
def test_the_results_folder_has_the_name_of_the_sweep(storage: str, path: str) -> None:
    assert plan(config(storage=storage))["results"] == path


@pytest.mark.parametrize(
    ("name", "way", "expected"),
    [
        ("accuracy", "max", "ehvi"),
        ("accuracy_drop", "min", "ehvi"),
        ("accuracy_drop", "max", "tpe"),
        ("loss", "min", "tpe"),
        ("f1", "max", "ehvi"),
        ("matthews", "min", "tpe"),
    ],
)
def test_auto_is_ehvi_for_any_metric_with_sparsity(name: str, way: str, expected: str) -> None:
    both = {name: way, "sparsity": "max"}
    task = {"dataset": "digits", "metrics": ["f1", "matthews"]}
    assert sampler(config(objectives=both, task=task)) == expected
    bounds = {"constraints": {"accuracy": {"min": 0.5}}}
    assert sampler(config(objectives=both, task=task, search=bounds)) == "tpe"
    assert sampler(config(objectives={**both, "epoch": "min"}, task=task)) == "tpe"
