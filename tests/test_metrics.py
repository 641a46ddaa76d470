"""Metrics: facts, and standard errors that agree with the spread over repeated draws."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from sweep.metrics import METRICS, Metric, binomial_error, jackknife


def drawn(examples: int, seed: int) -> tuple[Any, Any]:
    """Labels of three classes and answers, 70 % of them correct."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 3, examples)
    return labels, np.where(rng.random(examples) < 0.7, labels, (labels + 1) % 3)


@pytest.mark.parametrize("name", METRICS)
def test_the_standard_error_equals_the_spread_over_draws(name: str) -> None:
    metric, found = METRICS[name], []
    for seed in range(150):
        found.append(metric.value(*drawn(200, seed)))
    errors = [metric.figures(name, *drawn(200, seed))[f"{name}_se"] for seed in range(4)]
    assert np.mean(errors) == pytest.approx(np.std(found, ddof=1), rel=0.25)


def test_the_jackknife_of_a_mean_equals_its_standard_error() -> None:
    values = np.random.default_rng(0).normal(size=40)
    error = jackknife(lambda labels, answers: float(np.mean(answers)), values, values)
    assert error == pytest.approx(values.std(ddof=1) / math.sqrt(40))
    assert math.isnan(jackknife(lambda labels, answers: 0.0, values[:1], values[:1]))


def test_the_error_of_a_share_of_one_is_positive() -> None:
    assert 0 < binomial_error(1.0, 100) < binomial_error(0.5, 100)
    assert binomial_error(1.0, 100) == pytest.approx(binomial_error(0.0, 100))


def test_facts_of_a_metric_are_plain_values() -> None:
    labels = np.array([0, 2, 2, 1, 2])
    assert METRICS["accuracy"].facts(labels)["chance"] == 3 / 5
    assert METRICS["matthews"].facts(labels) == {
        "direction": "max",
        "unit": "",
        "worst": -1.0,
        "chance": 0.0,
    }
    error = Metric(lambda labels, answers: 0.0, "min", unit="points").facts(labels)
    assert error == {"direction": "min", "unit": "points", "worst": None, "chance": None}
