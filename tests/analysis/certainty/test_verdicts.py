from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from analysis.certainty.paired import mcnemar, tango_low
from analysis.certainty.statistics import seeds_margin
from analysis.certainty.verdicts import ToDense
from analysis.certainty.verdicts import to_dense as to_dense_by
from sweep.ledger.metric import PrimaryMetric
from sweep.metrics import binomial_error
from tests.analysis.ledgers import pack


def figures(bits: np.ndarray, *, told: bool = True) -> dict[str, Any]:
    """The record of a model with these answers."""
    counts = {
        "accuracy": float(bits.mean()),
        "correct": int(bits.sum()),
        "examples": len(bits),
    }
    return counts | ({"correct_bits": pack(bits)} if told else {})


def to_dense(records: list[dict[str, Any]], dense: dict[str, Any] | None) -> ToDense:
    return to_dense_by(records, dense, PrimaryMetric())


def model(wins: int, losses: int, examples: int = 1000) -> np.ndarray:
    """Right on the first 900 examples, except for ``losses``, and on ``wins`` others."""
    bits = np.arange(examples) < 900
    bits[:losses] = False
    bits[900 : 900 + wins] = True
    return bits


DENSE = model(0, 0)


@pytest.mark.parametrize(
    ("wins", "losses", "expected"),
    [
        (0, 0, "certified"),
        (9, 0, "certified"),
        (0, 2, "certified"),
        (20, 22, "likely"),  # -0.002, but 42 examples differ
        (0, 10, "likely"),  # one point below, which is within one point
        (0, 11, "not"),
        (40, 100, "not"),
    ],
)
def test_the_verdict(wins: int, losses: int, expected: str) -> None:
    found = to_dense([figures(model(wins, losses))], figures(DENSE))
    assert found.verdict == expected
    assert found.difference == pytest.approx((wins - losses) / 1000)
    assert found.low == pytest.approx(tango_low(wins, losses, 1000))
    assert found.p_value == mcnemar(wins, losses)


def test_few_examples_certify_nothing() -> None:
    few = np.arange(100) < 90
    assert to_dense([figures(few)], figures(few)).verdict == "likely"


@pytest.mark.parametrize(("point", "dense"), [(False, True), (True, False), (False, False)])
def test_without_answers_two_accuracies_are_compared(point: bool, dense: bool) -> None:
    found = to_dense([figures(model(9, 0), told=point)], figures(DENSE, told=dense))
    assert math.isnan(found.p_value)
    error = math.hypot(binomial_error(0.909, 1000), binomial_error(0.9, 1000))
    assert found.low == pytest.approx(0.009 - 1.6449 * error, abs=1e-5)
    assert found.verdict == "likely"  # in pairs it is certified


def test_answers_to_other_examples_are_no_pairs() -> None:
    found = to_dense([figures(np.arange(500) < 450)], figures(DENSE))
    assert math.isnan(found.p_value) and found.difference == 0


def test_the_spread_over_seeds_lowers_the_bound() -> None:
    alike = [figures(model(3, 3)) for _ in range(3)]
    found = to_dense(alike, figures(DENSE))
    assert found.low == pytest.approx(tango_low(3, 3, 1000))
    spread = [figures(model(3, losses)) for losses in (1, 3, 5)]
    wider = to_dense(spread, figures(DENSE))
    margin = seeds_margin(np.array([0.902, 0.9, 0.898]), 0.9)
    assert wider.difference == pytest.approx(found.difference)
    assert (wider.difference - wider.low) ** 2 == pytest.approx(found.low**2 + margin**2)


def test_unknown_figures_have_no_verdict() -> None:
    for records, dense in ([], figures(DENSE)), ([figures(DENSE)], None), ([{}], figures(DENSE)):
        found = to_dense(records, dense)
        assert found.verdict is None
        assert math.isnan(found.difference) and math.isnan(found.p_value)


def test_a_difference_of_one_point_is_near() -> None:
    assert ToDense(0.89 - 0.9, -0.05, 1.0).verdict == "likely"
