from __future__ import annotations

import numpy as np
import pytest

from analysis.charts.timeline import MOST_BARS, UNKNOWN, in_cells, stays, without_pauses
from analysis.results import Results
from tests.analysis.charts.sweeps import panels, rich_sweep


def test_a_bar_is_as_long_as_its_attempt(rich: Results) -> None:
    (panel,) = panels("timeline", rich)
    drawn = sum(bars.lengths.sum() for bars in panel.bars)
    assert panel.across.label.endswith("(min)")
    assert 60 * drawn == pytest.approx(rich.timeline["seconds"].sum())
    assert {bars.label for bars in panel.bars} == set(rich.timeline["status"])


def test_a_worker_has_a_row(rich: Results) -> None:
    (panel,) = panels("timeline", rich)
    names = [text for _, text in panel.up.ticks]
    known = set(rich.timeline["worker"].dropna())
    assert set(names) == known | {"unknown"} and len(names) == len(set(names))
    spent = rich.timeline.groupby("worker")["seconds"].sum()
    order = [spent[name] for name in names if name in known]
    assert order == sorted(order, reverse=True)


def test_only_pauses_are_cut_out() -> None:
    start = np.array([100.0, 105.0, 1000.0, 1004.5])
    end = np.array([110.0, 112.0, 1004.0, 1010.0])
    begin, until = without_pauses(start, end)
    np.testing.assert_allclose(until - begin, end - start)
    # The 888 s between 112 and 1000 are cut out; the half second at 1004 is no pause.
    np.testing.assert_allclose(begin, [0, 5, 12, 16.5])


def test_the_crash_of_the_driver_leaves_no_gap(rich: Results) -> None:
    table = stays(rich.timeline)
    whole = rich.timeline["end"].max() - rich.timeline["start"].min()
    assert whole > 5000 > 1000 > table["until"].max()


def test_cells_keep_the_time_of_each_worker_and_status(rich: Results) -> None:
    table = stays(rich.timeline)
    cells = in_cells(table, 37)
    for keys in (["row"], ["status"], ["row", "status"]):
        expected = table.groupby(keys)["seconds"].sum()
        got = cells.assign(spent=cells["until"] - cells["begin"]).groupby(keys)["spent"].sum()
        np.testing.assert_allclose(got, expected[got.index])
        assert expected.drop(got.index).sum() == 0
    # A worker has one trial at a time, but trials of unknown workers may overlap.
    known, width = cells[cells["worker"] != UNKNOWN], table["until"].max() / 37
    assert (known["begin"] >= known["cell"] * width - 1e-6).all()
    assert (known["until"] <= (known["cell"] + 1) * width + 1e-6).all()


def test_thousands_of_bars_become_cells() -> None:
    results = rich_sweep(MOST_BARS + 100, workers=3).load()
    (panel,) = panels("timeline", results)
    assert sum(len(bars.rows) for bars in panel.bars) < 3 * MOST_BARS
    unit = {"(hours)": 3600.0, "(min)": 60.0}[panel.across.label.split()[-1]]
    drawn = sum(bars.lengths.sum() for bars in panel.bars)
    assert unit * drawn == pytest.approx(results.timeline["seconds"].sum())
