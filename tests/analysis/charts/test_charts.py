"""What holds for every chart, whatever a sweep looks like."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

import analysis
from analysis import load
from analysis.charts import CHARTS, COMPARISON_CHARTS, Chart
from analysis.report.drawing import save
from analysis.results import Results
from tests.analysis.charts.sweeps import rich_sweep
from tests.analysis.ledgers import LedgerBuilder, big_sweep, small_sweep


def with_objectives(directions: dict[str, str]) -> LedgerBuilder:
    ledger = rich_sweep(30)
    ledger.events[0]["directions"] = directions
    return ledger


def without_baseline() -> LedgerBuilder:
    ledger = rich_sweep(30)
    ledger.events = [event for event in ledger.events if event["event"] != "baseline"]
    return ledger


def confirmed() -> LedgerBuilder:
    ledger = small_sweep()
    ledger.confirm_round({("t00000", 2): {1: 790, 2: 780}, ("t00001", 1): {1: 640, 2: 620}})
    return ledger.confirm_round({("t00000", 1): {1: 770, 2: 775}}, why="runner-up")


SWEEPS = {
    "just made": LedgerBuilder(),
    "dense only": LedgerBuilder().baseline(),
    "begun": LedgerBuilder().baseline().trial("a"),
    "one trial": LedgerBuilder().baseline().trial("a").record("a", 0, 700, 0.5),
    "running": small_sweep(),
    "confirmed in part": confirmed(),
    "rich": rich_sweep(),
    "no dense baseline": without_baseline(),
    "one objective": with_objectives({"accuracy": "max"}),
    "three objectives": with_objectives({"accuracy": "max", "size_bytes": "min", "epoch": "min"}),
    "no accuracy": with_objectives({"loss": "min", "model_sparsity": "max"}),
    "an unknown objective": with_objectives({"accuracy": "max", "joules": "min"}),
}
every_chart = pytest.mark.parametrize("chart", CHARTS, ids=lambda chart: chart.key)


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Results]:
    return {
        name: load(ledger.write(tmp_path_factory.mktemp("sweep")))
        for name, ledger in SWEEPS.items()
    }


def check(chart: Chart[Any], source: Any, folder: Path) -> bool:
    """Both figures are there, or none and a reason; returns which."""
    plotly, paper = chart.interactive(source), chart.static(source)
    assert (plotly is None) == (paper is None)
    if plotly is None or paper is None:
        assert re.fullmatch(r"[A-Z].{15,}\.", chart.empty(source))
        return False
    assert re.fullmatch(r"[A-Z].{30,}[.)]", chart.caption(source))
    png, svg = save(paper, folder, chart.key)
    assert png.read_bytes().startswith(b"\x89PNG") and b"<svg" in svg.read_bytes()
    assert plotly.to_json()
    assert plotly.layout.paper_bgcolor == plotly.layout.plot_bgcolor == "rgba(0,0,0,0)"
    assert plotly.layout.font.color is None and plotly.layout.width is None
    return True


@every_chart
@pytest.mark.parametrize("sweep", SWEEPS)
def test_a_chart_of_any_sweep_is_drawn_or_says_why_not(
    chart: Chart[Results], sweep: str, loaded: dict[str, Results], tmp_path: Path
) -> None:
    is_drawn = check(chart, loaded[sweep], tmp_path)
    if sweep == "rich":
        assert is_drawn
    if sweep == "just made":
        assert not is_drawn


def test_keys_are_in_the_order_of_a_report() -> None:
    assert [chart.key for chart in CHARTS] == [
        "front",
        "methods",
        "slopes",
        "hypervolume",
        "rungs",
        "layers",
        "importance",
        "parallel",
        "timeline",
    ]
    assert [chart.key for chart in COMPARISON_CHARTS] == ["fronts", "attainment", "hypervolumes"]
    assert len({chart.title for chart in CHARTS}) == len(CHARTS)


COMPARISONS = {
    "two": [big_sweep(20, seed) for seed in (1, 2)],
    "many": [big_sweep(20, seed) for seed in range(9)],
    "one": [big_sweep(20)],
    "empty": [LedgerBuilder(), LedgerBuilder().baseline()],
    "empty and not": [LedgerBuilder(), small_sweep(), confirmed()],
}


@pytest.mark.parametrize("chart", COMPARISON_CHARTS, ids=lambda chart: chart.key)
@pytest.mark.parametrize("sweeps", COMPARISONS)
def test_a_chart_of_several_sweeps(chart: Chart[Any], sweeps: str, tmp_path: Path) -> None:
    folders = [one.write(tmp_path / str(place)) for place, one in enumerate(COMPARISONS[sweeps])]
    is_drawn = check(chart, analysis.load(folders), tmp_path / "figures")
    if sweeps in ("two", "many"):
        assert is_drawn
    if sweeps == "empty":
        assert not is_drawn


def test_thousands_of_trials_make_small_figures(tmp_path: Path) -> None:
    results = load(rich_sweep(3000, workers=8).write(tmp_path))
    sizes = {chart.key: len(chart.interactive(results).to_json()) for chart in CHARTS}  # type: ignore[union-attr]
    assert sum(sizes.values()) < 600_000
    thinned = {chart.key for chart in CHARTS if "Thinned:" in chart.caption(results)}
    assert thinned >= {"front", "methods", "slopes", "parallel", "timeline"}


def test_the_same_sweep_gives_the_same_figures(rich: Results, tmp_path: Path) -> None:
    for chart in CHARTS:
        one, two = chart.interactive(rich), chart.interactive(load(rich.folder))
        assert one is not None and two is not None and one.to_json() == two.to_json()


def test_text_of_the_user_is_no_markup(tmp_path: Path) -> None:
    odd = "<b>$x$</b>"
    ledger = LedgerBuilder(name=odd).baseline(prunable_weights=[[odd, 5], ["a.0.b", 5]])
    for number in range(12):
        name, given = f"t{number}", {"method": f"{odd}{number % 2}", "scope": odd}
        ledger.trial(name, sparsity=number / 20, **given)
        ledger.record(name, 0, 500 + number, number / 20, zeros_per_weight=[1, 2], worker=odd)
        ledger.record(name, 1, 600 - number, number / 20, worker=odd).end(name)
    results = load(ledger.write(tmp_path))
    for chart in CHARTS:
        assert check(chart, results, tmp_path) or chart.key == "rungs"
        figure = chart.interactive(results)
        text = figure.to_json().replace("\\u003c", "<") if figure else "&lt;b>"
        assert "<b>$" not in text
        if chart.key in ("methods", "layers"):
            assert "&lt;b&gt;$x$" in text.replace("\\u003e", ">")
