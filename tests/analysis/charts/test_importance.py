from __future__ import annotations

import pytest

from analysis.history.importance import importance
from analysis.results import Results
from tests.analysis.charts.sweeps import panels


def test_bars_are_as_long_as_their_shares(rich: Results) -> None:
    (panel,) = panels("importance", rich)
    shares = importance(rich).set_index(["parameter", "objective"])["share"]
    names = [text for _, text in panel.up.ticks]
    for bars in panel.bars:
        expected = [100 * shares[name, bars.label] for name in names]
        assert bars.lengths.tolist() == pytest.approx(expected)
    assert [bars.label for bars in panel.bars] == list(rich.directions)


def test_the_most_important_is_on_top(rich: Results) -> None:
    (panel,) = panels("importance", rich)
    most = [max(pair) for pair in zip(*(bars.lengths for bars in panel.bars), strict=True)]
    assert most == sorted(most)
    assert panel.up.ticks[-1][1] == "sparsity"


def test_bars_of_a_parameter_do_not_overlap(rich: Results) -> None:
    first, second = panels("importance", rich)[0].bars
    assert (first.rows - second.rows >= (first.height + second.height) / 2).all()
