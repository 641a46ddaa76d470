"""The probabilities, verdicts and feasibility of the points of a front."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from analysis import Results
from analysis.certainty.bootstrap import front_probability, resampled
from analysis.certainty.paired import discordant, mcnemar
from analysis.certainty.verdicts import to_dense
from analysis.tables.front import contenders, objectives
from sweep.ledger.metric import PrimaryMetric
from tests.analysis.ledgers import DENSE, EXAMPLES, LedgerBuilder, answered_sweep, big_sweep, first


def test_the_front_of_a_sweep_with_answers(answered: Results) -> None:
    results, front = answered, answered.front
    assert front["front_probability"].between(0, 1).all()
    # Only the same trial at epoch 0 is as sparse, and it is far worse.
    assert front["front_probability"].iloc[-1] == 1
    assert set(front["verdict"]) <= {"likely", "not"}, "nothing is certified on validation"
    assert front["verdict"].iloc[0] != "not" and front["verdict"].iloc[-1] == "not"
    assert front["p_value"].between(0, 1).all()
    assert results.basis.paired and results.basis.split == "validation"
    assert "the same for all" in results.basis.text


def test_the_same_ledger_gives_the_same_figures(answered: Results) -> None:
    pd.testing.assert_frame_equal(answered_sweep().load().front, answered.front)


def test_probabilities_compare_all_candidates_of_a_small_sweep(answered: Results) -> None:
    """The 24 candidates are fewer than POINTS, so all are compared, here with another generator."""
    pool, front = answered.candidates, answered.front
    answers = [answered.answers(row.trial_id, row.epoch) for row in pool.itertuples()]
    shares = resampled(np.stack(answers), np.random.default_rng(99), 20_000) / EXAMPLES
    points = objectives(pool, answered.directions)
    expected = front_probability(
        points, answered.directions, shares.astype(np.float64), ["accuracy"]
    )
    both = front.merge(pool.assign(expected=expected), on=["trial_id", "epoch"])
    assert both["front_probability"].to_numpy() == pytest.approx(both["expected"], abs=0.05)


def test_without_answers_accuracies_are_drawn_independently(big: Results) -> None:
    assert not big.basis.paired and "independent normal draws" in big.basis.text
    assert big.front["front_probability"].between(0, 1).all()
    assert big.front["p_value"].isna().all()


def test_points_off_the_front_that_lack_answers_are_left_out() -> None:
    ledger = answered_sweep()
    front = {(row.trial_id, row.epoch) for row in ledger.load().front.itertuples()}
    for event in ledger.events:
        if event["event"] == "record" and (event["trial_id"], event["epoch"]) not in front:
            del event["correct_bits"]
    results = ledger.load()
    assert results.basis.paired and results.basis.points == len(front)


def test_a_sweep_without_a_point_has_no_figures() -> None:
    results = LedgerBuilder().baseline().load()
    assert results.front.empty and results.basis.points == 0


def test_only_feasible_points_are_on_a_front(big: Results) -> None:
    bounds = {"accuracy_drop": {"max": 0.2}, "sparsity": {"min": 0.4, "max": 0.8}}
    results = big_sweep().search(constraints=bounds).load()
    front, pool = results.front, results.candidates
    assert front["feasible"].all() and len(front)
    keeps = (pool["accuracy_drop"] <= 0.2) & pool["sparsity"].between(0.4, 0.8)
    assert 0 < keeps.sum() < len(pool)
    best = pool[keeps].sort_values(["accuracy", "sparsity"]).iloc[-1]
    assert front["accuracy"].max() == best["accuracy"]
    assert results.hypervolume < big.hypervolume


def test_a_front_without_feasible_points_has_them_marked(big: Results) -> None:
    front = big_sweep().search(constraints={"sparsity": {"min": 0.999}}).load().front
    assert front["feasible"].eq(False).all() and big.front["feasible"].all()
    assert front["trial_id"].tolist() == big.front["trial_id"].tolist()


def test_a_missing_figure_is_within_no_bound(big: Results) -> None:
    pool = big.candidates.assign(loss=np.nan)
    for constraints in {"f1": {"min": 0.1}}, {"loss": {"max": 9.0}}:
        assert not contenders(pool, constraints)["feasible"].any()
    assert contenders(pool, {})["feasible"].all()


@pytest.mark.parametrize("damaged", ["sparsity", {"sparsity": 0.5}, [1], None])
def test_malformed_constraints_are_ignored(damaged: object) -> None:
    assert LedgerBuilder().search(constraints=damaged).load().constraints == {}


# evidence


def test_two_points_are_compared_on_the_same_examples(answered: Results) -> None:
    a, b = answered.answers("t00003", 1), answered.answers("t00009", 0)
    found = answered.compare_points(("t00003", 1), ("t00009", 0))
    assert found.difference == pytest.approx(a.mean() - b.mean())
    assert found.low < found.difference < found.high
    assert (found.only_a, found.only_b) == discordant(a, b)
    assert found.p_value == mcnemar(found.only_a, found.only_b)
    turned = answered.compare_points(("t00009", 0), ("t00003", 1))
    assert (turned.only_a, turned.only_b) == (found.only_b, found.only_a)
    assert turned.p_value == found.p_value
    assert "points more accurate than t00009 after epoch 0" in found.text


def test_a_point_is_as_good_as_itself(answered: Results) -> None:
    same = answered.compare_points("dense", "dense")
    assert (same.difference, same.low, same.high, same.p_value) == (0, 0, 0, 1)


def test_points_without_answers_cannot_be_compared(answered: Results) -> None:
    with pytest.raises(ValueError, match="no validation answers of t00003 after epoch 7"):
        answered.compare_points(("t00003", 7), "dense")
    with pytest.raises(ValueError, match="no test answers of dense"):
        answered.compare_points("dense", ("t00003", 1), confirm_seed=5)


def test_the_generator_draws_the_interval(answered: Results) -> None:
    def interval(seed: int) -> tuple[float, float]:
        draw = np.random.default_rng(seed)
        found = answered.compare_points(("t00003", 1), ("t00009", 0), generator=draw)
        return found.low, found.high

    assert interval(1) == interval(1) != interval(2)


@pytest.mark.parametrize(("tested", "verdict"), [(60, "not"), (11, "certified"), (None, "likely")])
def test_a_point_is_judged_on_test_once_it_is_confirmed(tested: int | None, verdict: str) -> None:
    ledger = LedgerBuilder().baseline(correct_bits=first(DENSE)).trial("a")
    ledger.record("a", 0, DENSE - 1, 0.5, correct_bits=first(DENSE - 1))
    if tested:
        ledger.confirm_round({("a", 0): {1: DENSE - tested}}, dense=DENSE - 10)
    row = ledger.load().front.iloc[0]
    assert row["verdict"] == verdict
    assert row["p_value"] == pytest.approx(mcnemar(0, tested - 10 if tested else 1))
    events = {event["event"]: event for event in ledger.events}
    if tested:
        on_test = [events["confirm_record"]], events["confirm_baseline"]
        assert row["test_drop_high"] == -to_dense(*on_test, PrimaryMetric()).low
    else:
        assert np.isnan(row["test_drop_high"])
