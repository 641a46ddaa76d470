"""A sweep whose primary metric is an error has the same tables, reports and charts."""

from __future__ import annotations

import re
from pathlib import Path

import moocore
import numpy as np
import pytest
from scipy import stats

from analysis import Comparison, Incomparable, Results
from analysis.charts import CHARTS, COMPARISON_CHARTS, interactive, static
from analysis.questions import points, why_none
from analysis.report import markdown, write_comparison, write_report
from analysis.report.answer import section
from analysis.tables.columns import confirmation_columns, contract, front_columns
from analysis.tables.files import write_tables
from tests.analysis.charts.sweeps import caption, panels
from tests.analysis.ledgers import small_sweep
from tests.analysis.regression import (
    DENSE,
    DENSE_TEST,
    UNIT,
    confirmed_rmse_sweep,
    record,
    rmse_sweep,
)

Z = stats.norm.ppf(0.975)


@pytest.fixture(scope="module")
def results() -> Results:
    return rmse_sweep().load()


@pytest.fixture(scope="module")
def confirmed() -> Results:
    return confirmed_rmse_sweep().load()


def test_its_columns_replace_those_of_accuracy(results: Results) -> None:
    names = [name.replace("accuracy", "rmse") for name in contract(small_sweep().load().metric)]
    assert list(results.records)[: len(names)] == list(results.trials)[: len(names)] == names
    assert list(results.records)[-3:] == ["rmse_se", "f1", "f1_se"]
    assert list(results.front)[-len(front_columns(results.metric)) :] == list(
        front_columns(results.metric)
    )
    for name in ("records", "trials", "front", "confirmation", "confirmed_points"):
        assert not [column for column in getattr(results, name) if "accuracy" in column]
    dense = results.records.iloc[0]
    assert (dense["baseline_rmse"], dense["rmse_drop"]) == (DENSE, 0.0)


def test_the_tables_are_written_with_its_columns(confirmed: Results, tmp_path: Path) -> None:
    write_tables(confirmed, tmp_path)
    header = (tmp_path / "confirmation.csv").read_text().splitlines()[0].split(",")
    known = list(confirmation_columns(confirmed.metric))
    assert header == [*known, "rmse_se", "f1", "f1_se"] and "validation_rmse" in known


def test_the_front_is_that_of_the_least_errors(results: Results) -> None:
    values = results.candidates[["rmse", "sparsity"]].to_numpy(np.float64)
    best = moocore.is_nondominated(values, maximise=[False, True])
    assert len(results.front) == best.sum() and results.front["sparsity"].is_monotonic_increasing
    assert results.front["rmse"].is_monotonic_increasing
    expected = moocore.hypervolume(values, ref=[3.0, 0.0], maximise=[False, True])
    assert results.hypervolume == pytest.approx(expected)


def test_intervals_come_from_the_standard_errors(results: Results) -> None:
    front = results.front
    assert front["rmse_low"].to_numpy() == pytest.approx(front["rmse"] * (1 - 0.02 * Z))
    assert front["rmse_high"].to_numpy() == pytest.approx(front["rmse"] * (1 + 0.02 * Z))


def test_intervals_on_test_include_the_seeds(confirmed: Results) -> None:
    row = confirmed.front.iloc[0]
    assert confirmed.confirmed and row["seeds"] == 3
    assert row["test_rmse"] == pytest.approx(row["rmse"] + 0.1)
    assert row["test_rmse_spread"] == pytest.approx(0.01)
    values = row["test_rmse"] + np.array([-0.01, 0.0, 0.01])
    examples = Z * 0.02 * np.sqrt((values**2).mean())
    wide = stats.t.ppf(0.975, 2) * stats.sem(values)
    assert row["test_rmse_high"] - row["test_rmse"] == pytest.approx(np.hypot(examples, wide))
    # A drop is positive if the value is worse, in both directions.
    assert row["test_drop"] == pytest.approx(row["test_rmse"] - DENSE_TEST)
    assert row["optimism"] == pytest.approx(0.1)
    found = confirmed.optimism
    assert found is not None and found["selection"] == pytest.approx(0.04)
    assert found["optimism"] == pytest.approx(found["selection"] + found["split"])


def test_verdicts_and_probabilities_come_from_the_standard_errors(
    results: Results, confirmed: Results
) -> None:
    """Values are compared as if they were measured on different examples; the margin is 1 %."""
    front = results.front
    likely = np.where(front["rmse_drop"] <= 0.01 * DENSE, "likely", "not")
    assert front["verdict"].tolist() == likely.tolist() and {"likely", "not"} == set(likely)
    row = confirmed.front.iloc[0]
    values = row["test_rmse"] + np.array([-0.01, 0.0, 0.01])
    errors = np.hypot(0.02 * np.sqrt((values**2).mean()), 0.02 * DENSE_TEST)
    margin = np.hypot(stats.norm.ppf(0.95) * errors, stats.t.ppf(0.95, 2) * stats.sem(values))
    assert row["test_drop_high"] == pytest.approx(row["test_drop"] + margin)
    sure = np.logical_and.accumulate(confirmed.front["test_drop_high"] < 0.01 * DENSE_TEST)
    assert confirmed.front["verdict"].eq("certified").tolist() == sure.tolist()
    assert 0 < sure.sum() < len(sure)
    assert front["p_value"].isna().all()
    assert front["front_probability"].between(0, 1).all()
    text = results.basis.text
    assert "normal draws of each rmse on validation with its standard error" in text
    assert "as if they had been evaluated on different examples" in text


def test_probabilities_match_the_standard_errors() -> None:
    """The sparser point has a larger error, but the order of the two is random with 1 in 4."""
    ledger = rmse_sweep(0)
    gap = stats.norm.ppf(0.75) * np.hypot(0.02 * 1.0, 0.02 * 1.02)
    for name, rmse, sparsity in (("a", 1.02 - gap, 0.5), ("b", 1.02, 0.6)):
        record(ledger.trial(name), name, 0, rmse, sparsity)
    probability = ledger.load().front["front_probability"]
    assert probability.iloc[0] == pytest.approx(0.75, abs=0.05) and probability.iloc[1] == 1


def test_the_best_point_has_the_smallest_error(results: Results, confirmed: Results) -> None:
    answer = results.best(min_sparsity=0.5)
    within = results.front[results.front["sparsity"] >= 0.5]
    assert answer.point is not None and answer.point["rmse"] == within["rmse"].min()
    assert answer.text.startswith("The lowest rmse with at least 50 % sparsity: t0")
    assert f"{UNIT} above dense" in answer.text and " % rmse" not in answer.text
    sparsest = results.best(max_drop=0.25).point
    assert sparsest is not None and sparsest["rmse_drop"] <= 0.25
    assert sparsest["sparsity"] == points(results, max_drop=0.25)["sparsity"].max()
    assert "lowest rmse" in repr(results.best()) and "rmse_low" in results.best()._repr_html_()
    assert confirmed.best().point["test_rmse"] == confirmed.front["test_rmse"].min()
    assert f"at most 0 {UNIT} above dense" in why_none(results, max_drop=0, min_sparsity=0.9)
    knee = results.knee
    assert knee is not None and 0 < knee < len(results.front) - 1


def test_a_drop_may_be_of_any_size(results: Results) -> None:
    assert len(points(results, max_drop=1e6)) == len(results.front)
    with pytest.raises(ValueError, match="max_drop"):
        results.best(max_drop=float("nan"))


def test_the_answer_names_the_metric_and_its_unit(results: Results, confirmed: Results) -> None:
    text = markdown.section(section(results))
    assert "The sparsest point within 1 % of dense by its figure on validation is **" in text
    assert re.search(rf"sparsity at validation rmse [\d.]+ {UNIT}\*\*", text)
    assert f"to dense ({UNIT})" in text and f"validation rmse ({UNIT})" in text
    assert "Intervals are 95 % intervals over the validation examples only." in text
    text = markdown.section(section(confirmed))
    assert re.search(rf"sparsity at test rmse [\d.]+ {UNIT}\*\* \([\d.]+ {UNIT} below", text)


@pytest.mark.parametrize("name", ["results", "confirmed"])
def test_its_report_does_not_mention_accuracy(
    name: str, request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("analysis.charts.CHARTS", CHARTS[:1])
    write_report(request.getfixturevalue(name), tmp_path)
    text = (tmp_path / "report.md").read_text()
    said, _, _ = text.partition("## Config")
    assert "rmse" in said and "accurac" not in said
    assert "points of dense" not in said and "point of dense" not in said
    assert "--max-drop 0.01" in text if name == "results" else "--max-drop 0.011" in text
    assert "rmse" in (tmp_path / "report.html").read_text()


@pytest.mark.parametrize("name", ["results", "confirmed"])
def test_every_chart_is_drawn_in_its_unit(name: str, request: pytest.FixtureRequest) -> None:
    source = request.getfixturevalue(name)
    for chart in CHARTS:
        said = caption(chart.key, source)
        assert "accurac" not in f"{said} {chart.title_for(source)}", chart.key
        seen = chart.view(source)
        if isinstance(seen, str):
            assert chart.key in ("layers",), seen
            continue
        drawn = interactive.draw(seen).to_json()
        assert "accurac" not in drawn and static.draw(seen) is not None


def test_the_band_near_the_dense_model_is_above_it(results: Results) -> None:
    (panel,) = panels("front", results)
    (level,) = panel.levels
    assert (level.y, level.below) == (DENSE, pytest.approx(-0.01 * DENSE))
    assert level.label == "dense (1)" and level.below_label == "within 1 % of dense"
    assert panel.up.label == f"validation rmse ({UNIT})"
    (line,) = [one for one in panel.series if one.line != "none"]
    np.testing.assert_allclose(line.y, results.front["rmse"])
    assert "1 % above it" in caption("front", results) and "Wilson" not in caption("front", results)


def test_two_such_sweeps_are_compared(results: Results, tmp_path: Path) -> None:
    both = Comparison([results, rmse_sweep(seed=1).load()])
    assert both.table["best_rmse"].tolist()[0] == results.front["rmse"].min()
    assert both.table["baseline_rmse"].tolist() == [DENSE, DENSE]
    write_comparison(both, tmp_path)
    said, _, _ = (tmp_path / "report.md").read_text().partition("## What differs")
    assert "sparsest within 1 % of dense" in said and "accurac" not in said
    for chart in COMPARISON_CHARTS:
        assert "accurac" not in interactive.draw(chart.view(both)).to_json()


def test_sweeps_with_different_metrics_cannot_be_compared(results: Results) -> None:
    with pytest.raises(Incomparable, match=r"rmse min, points of the scale; accuracy max, share"):
        Comparison([results, small_sweep().load()])
    # The objectives do not matter.
    ways = {"loss": "min", "sparsity": "max"}
    one, two = rmse_sweep().head(directions=ways), small_sweep().head(directions=ways)
    with pytest.raises(Incomparable, match="different primary metrics"):
        Comparison([one.load(), two.load()])
