from __future__ import annotations

import moocore
import numpy as np
import pytest

from analysis import Comparison, Results
from analysis.charts.effort import growth
from tests.analysis.charts.sweeps import panels
from tests.analysis.ledgers import LedgerBuilder, big_sweep


def test_it_ends_at_the_hypervolume_and_the_epochs_of_the_sweep(rich: Results) -> None:
    (drawn,) = panels("hypervolume", rich)[0].series
    assert drawn.y[-1] == pytest.approx(rich.hypervolume)
    assert drawn.x[-1] == rich.cost.epochs_spent
    assert (np.diff(drawn.x) > 0).all() and (np.diff(drawn.y) >= 0).all()
    assert drawn.line == "hv"


def test_a_step_is_the_hypervolume_of_the_records_so_far(small: Results) -> None:
    results = small
    table = growth(results)
    assert table["epochs"].tolist() == [0, 1, 2, 3, 4]
    records = results.records[results.records["stage"] != "baseline"]
    points = records[["accuracy", "sparsity"]].to_numpy(float)
    spent = [1, 2, 4, 6, 7]  # records that were known when so many epochs were spent
    for known, volume in zip(spent, table["hypervolume"], strict=True):
        expected = moocore.hypervolume(points[:known], ref=[0.1, 0.0], maximise=True)
        assert volume == pytest.approx(expected)


def test_each_sweep_has_a_line() -> None:
    ledgers = [big_sweep(20, 1), LedgerBuilder(name="new"), big_sweep(20, 2)]
    several = Comparison([ledger.load() for ledger in ledgers])
    (panel,) = panels("hypervolumes", several)
    names = several.names
    assert [one.label for one in panel.series] == [names[0], names[2]]
    ends = [several.results[place].hypervolume for place in (0, 2)]
    assert [one.y[-1] for one in panel.series] == pytest.approx(ends)
    assert len({(one.colour, one.dash) for one in panel.series}) == 2
