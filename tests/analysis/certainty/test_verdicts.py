from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from analysis.certainty.paired import mcnemar, tango_low
from analysis.certainty.statistics import mean_correlation, seeds_margin, two_way_margin
from analysis.certainty.verdicts import ToDense, certain
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


def verdict(found: ToDense) -> str | None:
    """The verdict of a point that is tested alone."""
    alone = np.array([-found.low]), np.array([0.5]), np.array([True])
    return found.verdict(bool(certain(*alone, found.margin)[0]))


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
    assert verdict(found) == expected
    assert found.difference == pytest.approx((wins - losses) / 1000)
    assert found.low == pytest.approx(tango_low(wins, losses, 1000))
    assert found.p_value == mcnemar(wins, losses)


def test_few_examples_certify_nothing() -> None:
    few = np.arange(100) < 90
    assert verdict(to_dense([figures(few)], figures(few))) == "likely"


@pytest.mark.parametrize(("point", "dense"), [(False, True), (True, False), (False, False)])
def test_without_answers_two_accuracies_are_compared(point: bool, dense: bool) -> None:
    found = to_dense([figures(model(9, 0), told=point)], figures(DENSE, told=dense))
    assert math.isnan(found.p_value)
    error = math.hypot(binomial_error(0.909, 1000), binomial_error(0.9, 1000))
    assert found.low == pytest.approx(0.009 - 1.6449 * error, abs=1e-5)
    assert verdict(found) == "likely"  # in pairs it is certified


def test_answers_to_other_examples_are_no_pairs() -> None:
    found = to_dense([figures(np.arange(500) < 450)], figures(DENSE))
    assert math.isnan(found.p_value) and found.difference == 0


def test_the_spread_over_seeds_lowers_the_bound() -> None:
    alike = [figures(model(3, 3)) for _ in range(3)]
    found = to_dense(alike, figures(DENSE))
    assert found.low == pytest.approx(tango_low(3, 3, 1000))
    answers = [model(3, losses) for losses in (1, 3, 5)]
    wider = to_dense([figures(row) for row in answers], figures(DENSE))
    spread = seeds_margin(np.array([0.902, 0.9, 0.898]), 0.9)
    alike = mean_correlation(np.stack(answers) - DENSE.astype(float))
    gap = two_way_margin(-tango_low(3, 3, 1000), spread, alike, 3)
    assert wider.difference - wider.low == pytest.approx(gap) and gap > -found.low
    assert 0.5 < alike < 1


def test_what_seeds_have_in_common_is_their_correlation() -> None:
    """The mean of the correlations of pairs, for rows of equal variance."""
    draw = np.random.default_rng(0)
    common, own = draw.normal(size=20_000), draw.normal(size=(4, 20_000))
    rows = common + own
    pairs = np.corrcoef(rows)[np.triu_indices(4, 1)]
    assert mean_correlation(rows) == pytest.approx(pairs.mean(), abs=0.005)
    assert mean_correlation(rows[:1]) == mean_correlation(np.zeros((3, 9))) == 1
    assert mean_correlation(np.eye(3)) == 0


def test_the_error_of_a_mean_lies_between_that_of_one_seed_and_of_independent_ones() -> None:
    assert two_way_margin(0.3, 0.0, 1.0, 3) == pytest.approx(0.3)
    assert two_way_margin(0.3, 0.0, 0.0, 3) == pytest.approx(0.3 / 3**0.5)
    assert two_way_margin(0.3, 0.4, 1.0, 3) == pytest.approx(0.5)
    assert two_way_margin(0.3, 0.4, 0.0, 3) == pytest.approx(0.4)  # the spread has all of it


def test_claims_end_at_the_first_point_that_is_not_near() -> None:
    """From the densest to the sparsest of the tested points, whatever their order in the table."""
    drops = np.array([0.002, np.nan, 0.02, 0.004, 0.001])
    sparsity = np.array([0.1, 0.5, 0.8, 0.3, 0.9])
    tested = np.array([True, False, True, True, True])
    assert certain(drops, sparsity, tested, 0.01).tolist() == [True, False, False, True, False]
    assert certain(drops, sparsity, tested, 0.03).tolist() == [True, False, True, True, True]
    everywhere = np.ones(5, dtype=bool)  # a tested point without a bound ends the claims
    assert certain(drops, sparsity, everywhere, 0.03).tolist() == [True, False, False, True, False]
    assert not certain(drops, sparsity, tested, float("nan")).any()


def test_unknown_figures_have_no_verdict() -> None:
    for records, dense in ([], figures(DENSE)), ([figures(DENSE)], None), ([{}], figures(DENSE)):
        found = to_dense(records, dense)
        assert found.verdict() is None
        assert math.isnan(found.difference) and math.isnan(found.p_value)


def test_a_difference_of_one_point_is_near() -> None:
    assert ToDense(0.89 - 0.9, -0.05, 1.0).verdict() == "likely"
