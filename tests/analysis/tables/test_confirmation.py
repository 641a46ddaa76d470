from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from analysis import Results
from analysis.certainty.measured import Measured, over_seeds
from analysis.certainty.statistics import holm
from analysis.tables.columns import confirmation_columns, confirmed_columns
from tests.analysis.ledgers import DENSE, EXAMPLES, LedgerBuilder, small_sweep

# The front of the small sweep: 795, 650 and 640 of 872 on validation.
FRONT = [("t00000", 2), ("t00001", 1), ("t00003", 1)]
TEST = {FRONT[0]: {21: 780, 22: 790, 23: 785}, FRONT[1]: {21: 600, 22: 640, 23: 620}}
LAST = {FRONT[2]: {21: 630}}


@pytest.fixture(scope="module")
def results() -> Results:
    return small_sweep().confirm_round(TEST).confirm_round(LAST).load()


def test_before_a_confirmation_there_is_none(small: Results) -> None:
    assert small.confirmation_state == "none" and not small.confirmed
    assert small.confirmation.empty and list(small.confirmation) == list(
        confirmation_columns(small.metric)
    )
    assert small.confirmed_points.empty and list(small.confirmed_points) == list(
        confirmed_columns(small.metric)
    )
    assert small.test_front.empty
    assert small.test_baseline is None and small.optimism is None
    assert small.split == "validation"


def test_types_are_those_of_an_empty_table(results: Results) -> None:
    empty = LedgerBuilder().load()
    for name in ("confirmation", "confirmed_points", "front"):
        expected = getattr(empty, name).dtypes
        pd.testing.assert_series_equal(getattr(results, name).dtypes, expected)


def test_there_is_one_row_per_retrained_model(results: Results) -> None:
    table = results.confirmation
    assert table["seed"].tolist() == [21, 22, 23, 21, 22, 23, 21]
    assert table["accuracy"].tolist()[:3] == [780 / EXAMPLES, 790 / EXAMPLES, 785 / EXAMPLES]
    assert table["validation_correct"].tolist()[0] == 785
    assert set(table["why"]) == {"front"}
    assert results.test_baseline["correct"] == DENSE - 10


def test_the_front_has_its_test_figures(results: Results) -> None:
    front = results.front
    assert results.confirmed and results.confirmation_state == "finished"
    assert front["seeds"].tolist() == [3, 3, 1]
    mean, low, high = over_seeds(
        [Measured(right / EXAMPLES, np.nan, EXAMPLES) for right in (600, 640, 620)], results.metric
    )
    row = front.iloc[1]
    assert row["test_accuracy"] == pytest.approx(mean) == pytest.approx(620 / EXAMPLES)
    assert (row["test_accuracy_low"], row["test_accuracy_high"]) == pytest.approx((low, high))
    assert row["test_accuracy_spread"] == pytest.approx(20 / EXAMPLES)
    assert np.isnan(front["test_accuracy_spread"].iloc[2])
    assert row["test_drop"] == pytest.approx((DENSE - 10 - 620) / EXAMPLES)
    assert row["optimism"] == pytest.approx((650 - 620) / EXAMPLES)


def test_p_values_are_corrected_over_the_front(results: Results) -> None:
    single = [
        results.compare_points(point, "dense", confirm_seed=seed).p_value
        for point, seed in [(FRONT[0], 22), (FRONT[1], 21), (FRONT[2], 21)]
    ]
    # With three seeds, the combined p-value is 1.5 times the middle one.
    middle = results.compare_points(FRONT[0], "dense", confirm_seed=23).p_value
    assert single[0] == 1.0  # 790 of both, and the same examples
    assert results.front["p_value"].iloc[0] == pytest.approx(holm([1.5 * middle, 0, 0])[0])


def test_optimism_is_the_sum_of_its_parts(results: Results) -> None:
    found = results.optimism
    chosen, test = np.array([795, 650, 640]) / EXAMPLES, np.array([785, 620, 630]) / EXAMPLES
    assert found["optimism"] == pytest.approx((chosen - test).mean())
    assert found["split"] == pytest.approx(5 / EXAMPLES)
    assert found["selection"] + found["split"] == pytest.approx(found["optimism"])
    assert found["points"] == 3


def test_without_fresh_validation_values_the_parts_are_unknown() -> None:
    found = small_sweep().confirm_round(LAST, validation_accuracy=None).load().optimism
    assert found["optimism"] == pytest.approx(10 / EXAMPLES)
    assert np.isnan(found["selection"]) and np.isnan(found["split"])


def test_the_state_of_a_confirmation() -> None:
    ledger = small_sweep().confirm_round(TEST, finish=False)
    assert ledger.load().confirmation_state == "running"
    partial = ledger.add("confirm_finish", confirm=0).load()
    assert partial.confirmation_state == "partial" and not partial.confirmed
    assert partial.front["test_accuracy"].notna().tolist() == [True, True, False]
    assert ledger.confirm_round(LAST).load().confirmation_state == "finished"
    # The search continues and the front changes.
    assert ledger.trial("t9").record("t9", 0, 500, 0.99).load().confirmation_state == "partial"


def test_a_later_round_adds_seeds() -> None:
    results = small_sweep().confirm_round(TEST).confirm_round({FRONT[0]: {24: 700}}).load()
    mine = results.confirmation[results.confirmation["trial_id"] == "t00000"]
    assert mine["correct"].tolist() == [780, 790, 785, 700]


def test_failed_retrainings_are_kept() -> None:
    ledger = small_sweep().confirm_round(TEST)
    point = {"trial_id": "t00003", "epoch": 0, "why": "front"}
    ledger.add("confirm", confirm=1, points=[point], seeds=[21])
    ledger.add("confirm_end", trial_id="t00003", seed=21, status="failed", error="not finite")
    results = ledger.load()
    assert [event["error"] for event in results.confirming.failed] == ["not finite"]


def test_a_confirmation_changes_nothing_of_the_search(results: Results, small: Results) -> None:
    pd.testing.assert_frame_equal(results.records, small.records)
    pd.testing.assert_frame_equal(results.trials, small.trials)
    assert results.cost == small.cost and results.hypervolume == small.hypervolume


def test_the_front_on_test_is_not_that_on_validation() -> None:
    # On test the runner-up is sparser and better than the point of the front.
    ledger = small_sweep().trial("t9", sparsity=0.85).record("t9", 0, 639, 0.85)
    ledger.confirm_round(TEST | LAST).confirm_round({("t9", 0): {21: 700, 22: 600}}, "runner-up")
    results = ledger.load()
    assert "t9" not in results.front["trial_id"].tolist()
    found = results.test_front
    assert found["trial_id"].tolist() == ["t00000", "t9", "t00003"]
    assert found["accuracy"].tolist() == pytest.approx([785 / 872, 650 / 872, 630 / 872])
    assert found["sparsity"].is_monotonic_increasing
    assert results.confirmed_points["why"].tolist() == ["front"] * 3 + ["runner-up"]
    # It lowers the probability of the point that it dominates.
    probability = results.front.set_index("trial_id")["front_probability"]
    assert probability["t00000"] == 1 and probability["t00001"] < 0.3
    assert results.basis.split == "test" and results.basis.points == 4


def test_the_dense_models_answers_on_test(results: Results) -> None:
    found = results.compare_points(FRONT[0], "dense", confirm_seed=21)
    assert (found.split, found.only_a, found.only_b) == ("test", 0, 10)
