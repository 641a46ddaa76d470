from __future__ import annotations

import numpy as np

from analysis.charts.rungs import rungs
from analysis.results import Results
from tests.analysis.charts.sweeps import caption, panels
from tests.analysis.ledgers import big_sweep


def test_bars_are_stacked_up_to_all_trials_at_the_rung(rich: Results) -> None:
    table = rungs(rich)
    survival, _ = panels("rungs", rich)
    ends = np.zeros(len(table))
    for bars in survival.bars:
        np.testing.assert_allclose(bars.starts, ends)
        ends = bars.starts + bars.lengths
    np.testing.assert_allclose(ends, table["reached"].to_numpy(float))
    went_on, stopped = survival.bars[:2]
    assert went_on.lengths.tolist() == table["continued"].tolist()
    assert stopped.lengths.tolist() == table["stopped"].tolist()
    assert [text for _, text in survival.up.ticks] == ["pruned", "epoch 1", "epoch 3"]


def test_correlations_are_beside_their_rungs(rich: Results) -> None:
    table = rungs(rich)
    _, foresight = panels("rungs", rich)
    whole, given = foresight.series
    np.testing.assert_allclose(whole.x, table["correlation"])
    np.testing.assert_allclose(given.x, table["correlation_given_sparsity"])
    assert whole.y.tolist() == given.y.tolist() == [0, 1, 2]


def test_the_bias_is_mentioned_only_if_trials_were_stopped(rich: Results) -> None:
    assert "Stopped trials have no end" in caption("rungs", rich)
    unjudged = big_sweep().load()
    text = caption("rungs", unjudged)
    assert "No trial was judged" in text and "Stopped trials" not in text
