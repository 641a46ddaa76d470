from __future__ import annotations

import moocore
import numpy as np

from analysis.charts.methods import MOST_PANELS, combinations
from analysis.results import Results
from tests.analysis.charts.sweeps import caption, panels
from tests.analysis.ledgers import LedgerBuilder


def test_each_combination_has_its_evaluations(rich: Results) -> None:
    found = dict(combinations(rich))
    assert list(found) == ["l1-norm global", "l1-norm local", "random global", "random local"]
    pool = rich.candidates
    for name, part in found.items():
        method, scope = name.split()
        own = pool[(pool["param_method"] == method) & (pool["param_scope"] == scope)]
        assert part["trial_id"].tolist() == own["trial_id"].tolist()


def test_the_line_of_a_panel_is_the_front_of_its_combination(rich: Results) -> None:
    for panel, (_, part) in zip(panels("methods", rich), combinations(rich), strict=True):
        (line,) = [one for one in panel.series if one.label == "front of the combination"]
        points = part[["sparsity", "accuracy"]].to_numpy(float)
        expected = moocore.filter_dominated(points, maximise=True)
        got = np.column_stack([line.x, line.y]) / 100
        np.testing.assert_allclose(got, expected[np.argsort(expected[:, 0])])


def test_pruned_and_recovered_look_different(rich: Results) -> None:
    pruned = recovered = 0
    for panel in panels("methods", rich):
        marks = {one.label: one for one in panel.series if one.marker}
        pruned += len(marks["pruned, not finetuned"].x)
        recovered += len(marks["recovered"].x)
    epochs = rich.candidates["epoch"]
    assert (pruned, recovered) == ((epochs == 0).sum(), (epochs > 0).sum())


def test_all_panels_have_the_same_ends(rich: Results) -> None:
    drawn = panels("methods", rich)
    assert len({(panel.across.ends, panel.up.ends) for panel in drawn}) == 1


def test_too_many_combinations_are_cut_to_the_largest() -> None:
    ledger = LedgerBuilder().baseline()
    for number in range(MOST_PANELS + 3):
        for again in range(2 if number else 1):
            name = f"t{number}-{again}"
            ledger.trial(name, method=f"m{number:02}").record(name, 0, 700, number / 30)
    results = ledger.load()
    names = [name for name, _ in combinations(results)]
    assert len(names) == MOST_PANELS and "m00 local" not in names
    assert f"{MOST_PANELS} combinations" in caption("methods", results)


def test_points_that_violate_a_constraint_are_on_no_front() -> None:
    ledger = LedgerBuilder().search(constraints={"sparsity": {"max": 0.6}}).baseline()
    ledger.points(a=(700, 0.5), b=(750, 0.7), c=(690, 0.6))
    results = ledger.load()
    (panel,) = panels("methods", results)
    whole, own = (one for one in panel.series if one.line != "none")
    expected = 100 * results.front["sparsity"].to_numpy()
    np.testing.assert_allclose(whole.x, expected)
    np.testing.assert_allclose(own.x, expected)
    assert expected.tolist() == [50, 60]
