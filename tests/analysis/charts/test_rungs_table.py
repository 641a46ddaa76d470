"""Survival at rungs, and rank correlations compared with those of scipy."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from analysis import Results
from analysis.charts.rungs import FEWEST, partial, rungs, spearman
from tests.analysis.ledgers import LedgerBuilder


def test_correlations_are_those_of_scipy() -> None:
    # Integers have ties.
    for a, b, given in np.random.default_rng(0).integers(0, 12, size=(10, 3, 40)).astype(float):
        b = b + a
        assert spearman(a, b) == pytest.approx(stats.spearmanr(a, b).statistic)
        # The correlation of the residuals of the ranks after a regression on those of ``given``.
        ranks = stats.rankdata(given)
        rest = [
            stats.rankdata(one) - np.polyval(np.polyfit(ranks, stats.rankdata(one), 1), ranks)
            for one in (a, b)
        ]
        assert partial(a, b, given) == pytest.approx(stats.pearsonr(*rest).statistic)


def test_constant_values_have_no_correlation() -> None:
    rising, flat = np.arange(5.0), np.ones(5)
    assert np.isnan(spearman(rising, flat)) and np.isnan(spearman(flat[:1], flat[:1]))
    assert partial(rising, rising[::-1], flat) == pytest.approx(-1.0)
    assert np.isnan(partial(rising, rising**2, rising))


def test_counts_are_those_of_the_decisions(rich: Results) -> None:
    table = rungs(rich).set_index("epoch")
    assert table.index.tolist() == [0, 1, 3]
    for epoch, row in table.iterrows():
        here = rich.decisions[rich.decisions["epoch"] == epoch]
        assert row["judged"] == len(here)
        assert row["stopped"] == (here["action"] == "stop").sum()
        assert row["survival"] == 1 - row["stopped"] / row["judged"]
        records = rich.records[rich.records["epoch"] == epoch]
        assert row["reached"] == len(records) >= row["judged"]
    assert table["stopped"].sum() == rich.counts["stopped"]


def test_only_completed_trials_have_an_end(rich: Results) -> None:
    trials = rich.trials.set_index("trial_id")
    records = rich.records.set_index(["trial_id", "epoch"])["accuracy"]
    longer = trials[(trials["status"] == "completed") & (trials["epoch"] > 1)]
    at = [records[name, 1] for name in longer.index]
    row = rungs(rich).set_index("epoch").loc[1]
    assert row["ended"] == len(longer)
    expected = stats.spearmanr(at, longer["accuracy"]).statistic
    assert row["correlation"] == pytest.approx(expected)


def test_without_decisions_every_epoch_but_the_last_is_a_rung(big: Results) -> None:
    table = rungs(big)
    assert table["epoch"].tolist() == [0, 1, 2]
    assert table["judged"].tolist() == [0, 0, 0] and table["survival"].isna().all()
    assert table["correlation"].gt(0).all()


def test_few_trials_have_no_correlation() -> None:
    ledger = LedgerBuilder().baseline()
    for number in range(FEWEST - 1):
        name = f"t{number}"
        ledger.trial(name, finetune_epochs=1).record(name, 0, 500 + number, 0.5)
        ledger.decision(name, 0, "continue").record(name, 1, 600 + number, 0.5).end(name)
    table = rungs(ledger.load())
    assert (table["ended"].tolist(), table["survival"].tolist()) == ([FEWEST - 1], [1.0])
    assert table["correlation"].isna().all()


@pytest.mark.parametrize("ledger", [LedgerBuilder(), LedgerBuilder().baseline().trial("a")])
def test_without_records_there_are_no_rungs(ledger: LedgerBuilder) -> None:
    assert rungs(ledger.load()).empty
