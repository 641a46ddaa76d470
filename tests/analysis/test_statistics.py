from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binomtest

from analysis.statistics import wilson


@pytest.mark.parametrize("level", [0.8, 0.95, 0.99])
def test_wilson_is_that_of_scipy(level: float) -> None:
    pairs = [(0, 1), (1, 1), (0, 50), (50, 50), (1, 3), (437, 872), (869, 872), (12_345, 25_000)]
    low, high = wilson(*zip(*pairs, strict=True), level=level)
    for place, (correct, examples) in enumerate(pairs):
        expected = binomtest(correct, examples).proportion_ci(level, method="wilson")
        assert low[place] == pytest.approx(expected.low, abs=1e-12)
        assert high[place] == pytest.approx(expected.high, abs=1e-12)


def test_wilson_of_nothing_is_unknown() -> None:
    low, high = wilson([0.0, np.nan], [0.0, np.nan])
    assert np.isnan([low, high]).all()


def test_a_level_is_a_share() -> None:
    with pytest.raises(ValueError, match="level"):
        wilson(1, 2, level=95)
