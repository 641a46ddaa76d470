"""The drawn front has the values of the tables."""

from __future__ import annotations

import numpy as np
import pytest

from analysis.charts.panels import Panel, Series
from analysis.charts.style import axes_of
from analysis.results import Results
from tests.analysis.charts.sweeps import caption, panels
from tests.analysis.ledgers import DENSE, EXAMPLES, LedgerBuilder, big_sweep, small_sweep


def panel_of(results: Results) -> Panel:
    (panel,) = panels("front", results)
    return panel


def lines(results: Results) -> list[Series]:
    return [series for series in panel_of(results).series if series.line != "none"]


@pytest.mark.parametrize(
    ("directions", "axes", "line"),
    [
        # The best accuracy from a sparsity upwards is that of the next front point to the right.
        ({"accuracy": "max", "sparsity": "max"}, ("sparsity", "accuracy"), "vh"),
        ({"size_bytes": "min", "accuracy": "max"}, ("size_bytes", "accuracy"), "hv"),
        ({"loss": "min", "size_bytes": "min"}, ("loss", "size_bytes"), "hv"),
        # A projection, with more objectives or fewer, has no step line.
        ({"loss": "min", "sparsity": "max", "seconds": "min"}, ("sparsity", "loss"), None),
        ({"accuracy": "max"}, ("sparsity", "accuracy"), None),
    ],
)
def test_any_objectives_are_drawn(
    directions: dict[str, str], axes: tuple[str, str], line: str | None
) -> None:
    results = big_sweep(12).head(directions=directions).load()
    assert tuple(axis.name for axis in axes_of(results)) == axes
    panel = panel_of(results)
    assert panel.across.label and panel.up.label and "not confirmed" in panel.title
    assert [one.line for one in lines(results)] == ([line] if line else [])
    assert ("projection" in caption("front", results)) == (line is None)


def test_the_line_and_the_intervals_are_those_of_the_table(big: Results) -> None:
    (line,) = lines(big)
    front = big.front.sort_values("sparsity")
    np.testing.assert_allclose(line.x, 100 * front["sparsity"])
    np.testing.assert_allclose(line.y, 100 * front["accuracy"])
    marks = [one for one in panel_of(big).series if one.ends is not None]
    for place, end in enumerate(("low", "high")):
        drawn = np.sort(np.concatenate([one.ends[place] for one in marks if one.ends]))
        np.testing.assert_allclose(drawn, np.sort(100 * front[f"accuracy_{end}"]))


def test_points_of_stopped_trials_are_hollow(small: Results) -> None:
    panel = panel_of(small)
    hollow = {note for one in panel.series if one.hollow for note in one.notes}
    full = {note for one in panel.series if not one.hollow for note in one.notes}
    assert hollow == {"t00001, epoch 0", "t00001, epoch 1"}
    assert not hollow & full and "t00000, epoch 2" in full


def test_the_dense_model_is_a_line_with_a_band_below(small: Results) -> None:
    (level,) = panel_of(small).levels
    assert (level.y, level.below) == (pytest.approx(100 * DENSE / EXAMPLES), 1.0)
    without = LedgerBuilder().trial("a").record("a", 0, 500, 0.5)
    assert panel_of(without.load()).levels == []


def test_thousands_of_evaluations_are_thinned_out_but_not_the_front() -> None:
    results = big_sweep(2000).load()
    series = panel_of(results).series
    drawn = sum(len(s.x) for s in series if s.label in ("evaluation", "of a stopped trial"))
    assert drawn <= 1500 < len(results.candidates)
    assert f"{drawn:,} of {len(results.candidates):,} evaluations" in caption("front", results)
    assert sum(len(one.x) for one in series if one.ends is not None) == len(results.front)


def confirmed() -> LedgerBuilder:
    points = {("t00000", 2): {1: 790, 2: 780}, ("t00001", 1): {1: 650, 2: 630}}
    ledger = small_sweep().confirm_round(points)
    return ledger.confirm_round({("t00000", 1): {1: 770, 2: 776}}, why="runner-up")


def test_values_on_test_lead_once_they_are_known() -> None:
    results = confirmed().load()
    panel = panel_of(results)
    validation, test = lines(results)
    assert validation.dash == "dot" and test.label == "front on test (2)"
    np.testing.assert_allclose(test.y, [100 * n / EXAMPLES for n in (785, 640)])
    np.testing.assert_allclose(validation.y, 100 * results.front["accuracy"])
    (level,) = panel.levels
    assert level.y == pytest.approx(100 * (DENSE - 10) / EXAMPLES)
    assert panel.title.endswith("on test, retrained under fresh seeds")
    assert "1 of the front's points" in caption("front", results)


def test_a_runner_up_is_visible() -> None:
    (other,) = [
        one for one in panel_of(confirmed().load()).series if one.label == "runner-up on test (1)"
    ]
    assert other.y.tolist() == pytest.approx([100 * 773 / EXAMPLES])
    assert (other.x.tolist(), other.notes) == ([50.0], ["t00000, epoch 1"])
    low, high = other.ends or ()
    assert low[0] < other.y[0] < high[0]


def test_the_line_on_test_leaves_out_dominated_points() -> None:
    ledger = small_sweep().confirm_round({("t00000", 2): {1: 600}, ("t00001", 1): {1: 640}})
    results = ledger.load()
    _, test = lines(results)
    assert test.x.tolist() == [80.0]
    marks = [one for one in panel_of(results).series if one.ends is not None]
    assert sorted(x for one in marks for x in one.x) == [50.0, 80.0]
