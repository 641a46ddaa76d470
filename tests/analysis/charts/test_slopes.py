from __future__ import annotations

import numpy as np
import pytest

from analysis.charts.slopes import MOST_BANDS, slopes
from analysis.results import Results
from tests.analysis.charts.sweeps import panels
from tests.analysis.ledgers import EXAMPLES


def test_a_trial_goes_from_its_first_to_its_last_evaluation(small: Results) -> None:
    table = slopes(small).set_index("trial_id")
    assert table.index.tolist() == ["t00000", "t00001", "t00003"]
    assert (EXAMPLES * table["pruned"]).tolist() == pytest.approx([700, 400, 300])
    assert (EXAMPLES * table["recovered"]).tolist() == pytest.approx([795, 650, 640])
    assert table["epoch"].tolist() == [2, 1, 1]


def test_bands_are_about_equally_large_and_rise(rich: Results) -> None:
    table = slopes(rich)
    sizes = table["band"].value_counts()
    assert len(sizes) == MOST_BANDS and sizes.max() - sizes.min() <= 2
    assert table["band"].is_monotonic_increasing and table["sparsity"].is_monotonic_increasing


def test_thick_lines_are_the_medians(rich: Results) -> None:
    table = slopes(rich)
    medians = [one for one in panels("slopes", rich)[0].series if one.marker]
    expected = table.groupby("band")[["pruned", "recovered"]].median().to_numpy()
    np.testing.assert_allclose([one.y for one in medians], 100 * expected)


def test_thin_lines_are_the_trials(rich: Results) -> None:
    thin = [one for one in panels("slopes", rich)[0].series if not one.marker]
    ends = np.concatenate([one.y[np.isfinite(one.y)].reshape(-1, 2) for one in thin])
    expected = 100 * slopes(rich)[["pruned", "recovered"]].to_numpy()
    np.testing.assert_allclose(ends, expected)
    assert all(len(one.notes) == len(one.x) for one in thin)
