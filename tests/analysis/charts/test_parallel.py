from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from analysis.charts.parallel import NOT_SET, axes_of, upright
from analysis.history.importance import observations
from analysis.results import Results
from tests.analysis.charts.sweeps import panels


def test_numbers_run_from_the_smallest_to_the_largest() -> None:
    column = upright("x", pd.Series([2.0, 3.0, 6.0, np.nan]))
    assert column.heights.tolist() == [0.0, 0.25, 1.0, NOT_SET]
    assert column.words == [(0.0, "2"), (1.0, "6"), (NOT_SET, "not set")]


def test_wide_ranges_are_logarithmic() -> None:
    column = upright("rate", pd.Series([1e-5, 1e-4, 1e-3]))
    assert column.heights.tolist() == pytest.approx([0.0, 0.5, 1.0])
    assert upright("shifted", pd.Series([-1.0, 0.0, 99.0])).heights[1] == 0.01


def test_text_values_have_separate_positions() -> None:
    column = upright("method", pd.Series(["b", "a", None, "b"], dtype="string"))
    assert column.heights.tolist() == [0.75, 0.25, NOT_SET, 0.75]
    assert column.words == [(0.25, "a"), (0.75, "b"), (NOT_SET, "not set")]


def test_a_constant_value_is_in_the_middle() -> None:
    assert upright("x", pd.Series([3, 3], dtype="Int64")).heights.tolist() == [0.5, 0.5]
    assert upright("x", pd.Series([None, None], dtype="Int64")).heights.tolist() == [NOT_SET] * 2


def test_each_trial_is_one_line_over_all_axes(rich: Results) -> None:
    (panel,) = panels("parallel", rich)
    table = observations(rich)
    axes = axes_of(table, rich)
    lines = [
        line for one in panel.series for line in np.split(one.y, np.flatnonzero(np.isnan(one.y)))
    ]
    drawn = sorted(tuple(line[np.isfinite(line)]) for line in lines)
    expected = sorted(zip(*(axis.heights for axis in axes), strict=True))
    np.testing.assert_allclose(drawn, expected)
    assert [text.replace("\n", " ") for _, text in panel.across.ticks] == [
        axis.name.replace("_", " ") for axis in axes
    ]


def test_trials_of_the_front_lie_on_top(rich: Results) -> None:
    last = panels("parallel", rich)[0].series[-1]
    on_front = observations(rich)["trial_id"].isin(rich.front["trial_id"]).sum()
    assert last.label == f"on the front ({on_front})"
    assert np.isnan(last.y).sum() == on_front - 1
