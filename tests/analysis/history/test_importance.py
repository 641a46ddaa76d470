"""Shares of variance, compared with the F statistic of scipy and with chance."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from analysis import Results
from analysis.history.importance import (
    MOST_GROUPS,
    PER_GROUP,
    groups_of,
    importance,
    observations,
    omega_squared,
)
from tests.analysis.ledgers import LedgerBuilder, big_sweep


def test_omega_squared_follows_from_f() -> None:
    for seed in range(20):
        draw = np.random.default_rng(seed)
        groups = draw.integers(0, 4, size=60)
        values = draw.normal(size=60) + 0.7 * groups
        f = stats.f_oneway(*(values[groups == group] for group in range(4))).statistic
        expected = 3 * (f - 1) / (3 * (f - 1) + 60)
        assert omega_squared(values, groups) == pytest.approx(max(0.0, expected)), seed


def test_a_parameter_without_effect_has_no_share() -> None:
    draw = np.random.default_rng(0)
    groups = np.repeat(np.arange(6), 5)
    shares = [omega_squared(draw.normal(size=30), groups) for _ in range(300)]
    # The plain share, between / total, would be 5 / 29 = 0.17 on average.
    assert np.mean(shares) < 0.06


def test_shares_do_not_depend_on_units() -> None:
    draw = np.random.default_rng(1)
    groups = draw.integers(0, 3, size=40)
    values = draw.normal(size=40) + groups
    assert omega_squared(1e6 * values + 7e6, groups) == pytest.approx(omega_squared(values, groups))


@pytest.mark.parametrize(
    ("values", "groups"),
    [([], []), ([1.0, 2.0], [0, 1]), ([1.0, 2.0, 3.0, 4.0], [0, 0, 0, 0]), ([3.0] * 6, [0, 1] * 3)],
)
def test_an_undefined_share_is_missing(values: list[float], groups: list[int]) -> None:
    assert np.isnan(omega_squared(np.array(values), np.array(groups, dtype=np.intp)))


def test_numbers_are_grouped_between_quantiles() -> None:
    numbers = pd.Series(np.random.default_rng(2).normal(size=600))
    groups = groups_of(numbers)
    sizes = np.bincount(groups)
    assert len(sizes) == MOST_GROUPS and sizes.min() >= 99 and sizes.max() <= 101
    order = np.argsort(numbers.to_numpy())
    assert (np.diff(groups[order]) >= 0).all()
    assert np.bincount(groups_of(numbers.head(15))).min() >= PER_GROUP
    few = pd.Series([1, 2, 2, 1, 3], dtype="Int64")
    assert len(np.unique(groups_of(few))) == 3


def test_there_is_one_row_per_parameter_and_objective() -> None:
    table = importance(big_sweep(80).load())
    # The other parameters are the same in all trials.
    varied = ["sparsity", "method", "scope", "finetune_epochs", "learning_rate"]
    expected = [(name, goal) for name in varied for goal in ("accuracy", "sparsity")]
    assert list(zip(table["parameter"], table["objective"], strict=True)) == expected
    shares = table.set_index(["parameter", "objective"])["share"]
    assert shares["sparsity", "sparsity"] > 0.9
    assert shares["sparsity", "accuracy"] > 5 * shares["scope", "accuracy"]


def test_a_trial_counts_once_with_the_epochs_that_it_trained() -> None:
    ledger = LedgerBuilder().baseline().trial("a", finetune_epochs=3)
    ledger.record("a", 0, 500, 0.5).record("a", 1, 600, 0.5).end("a", "stopped")
    ledger.trial("b", finetune_epochs=0).record("b", 0, 510, 0.5).end("b")
    table = observations(ledger.load())
    assert table["trial_id"].tolist() == ["a", "b"]
    assert table["param_finetune_epochs"].tolist() == [1, 0]


def test_trials_with_an_inactive_or_unset_parameter_do_not_count(
    rich: Results, big: Results
) -> None:
    """In the big sweep, trials without an epoch have a learning rate, which is inactive."""
    for results in (rich, big):
        counts = importance(results).set_index("parameter")["trials"]
        trained = (results.trials["epoch"] > 0).sum()
        assert set(counts["learning_rate"]) == {trained} != set(counts["sparsity"])


def test_a_sweep_without_evaluations_has_no_rows() -> None:
    table = importance(LedgerBuilder().load())
    assert table.empty and list(table) == ["parameter", "objective", "share", "trials", "groups"]
