"""The corner of the hypervolume is fixed before a sweep, for every objective that has one."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from sweep.cluster.baseline import reference_point
from sweep.config import SweepConfig
from sweep.config.config import NO_WORST
from sweep.config.fields import FIGURES
from sweep.pareto import hypervolume
from sweep.registry import METRICS

LABELS = np.arange(4)
BASELINE: dict[str, Any] = {
    "accuracy": 0.9,
    "f1": 0.8,
    "matthews": 0.7,
    "nonzero_params": 1000,
    "size_bytes": 4000,
}
BASELINE["metrics"] = {name: METRICS[name].facts(LABELS) for name in METRICS}
BEST = {"accuracy": "max", "accuracy_drop": "min", "sparsity": "max", "model_sparsity": "max"}
BEST |= dict.fromkeys(("nonzero_params", "size_bytes", "epoch", *NO_WORST), "min")
BEST |= dict.fromkeys(METRICS, "max")


def config(objectives: dict[str, str], **reference: float) -> SweepConfig:
    plain: dict[str, Any] = {"name": "r", "objectives": objectives}
    plain["task"] = {"dataset": "digits", "metrics": ["f1", "matthews"]}
    plain["space"] = {"finetune_epochs": {"low": 0, "high": 5}}
    return SweepConfig.model_validate({**plain, "search": {"reference": reference}})


def test_every_metric_has_a_worst_value_or_is_known_to_have_none() -> None:
    every = {*METRICS, *FIGURES, "accuracy_drop"}
    assert set(BEST) == every
    point = reference_point(config(BEST), BASELINE)
    assert set(point) == every - set(NO_WORST)
    assert point["accuracy_drop"] == pytest.approx(0.65)
    assert (point["accuracy"], point["sparsity"], point["size_bytes"]) == (0.25, 0.0, 4000.0)


def test_a_trial_that_runs_to_its_end_counts() -> None:
    objectives = {"accuracy": "max", "epoch": "min"}
    point = list(reference_point(config(objectives), BASELINE).values())
    assert hypervolume([[0.9, 5]], point, ["max", "min"]) > 0


def test_a_person_may_fix_it_and_an_odd_direction_has_none() -> None:
    assert reference_point(config({"seconds": "min"}, seconds=60), BASELINE) == {"seconds": 60.0}
    fixed = config({"accuracy": "max", "sparsity": "max"}, accuracy=0.5, loss=3)
    assert reference_point(fixed, BASELINE) == {"accuracy": 0.5, "sparsity": 0.0}
    assert reference_point(config({"sparsity": "min"}), BASELINE) == {}
