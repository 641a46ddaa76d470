"""What holds for every chart, whatever a sweep looks like."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from analysis import Comparison, Results, load
from analysis.charts import CHARTS, COMPARISON_CHARTS, Chart
from analysis.report.drawing import save
from tests.analysis.charts.sweeps import rich_sweep
from tests.analysis.ledgers import LedgerBuilder, big_sweep, small_sweep


def with_objectives(directions: dict[str, str]) -> LedgerBuilder:
    return rich_sweep(30).head(directions=directions)


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
every_sweep = pytest.mark.parametrize("sweep", SWEEPS)


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Results]:
    return {
        name: load(ledger.write(tmp_path_factory.mktemp("sweep")))
        for name, ledger in SWEEPS.items()
    }


def is_drawn(chart: Chart[Any], source: Any) -> bool:
    """Whether there is a figure for a page, with a caption; if there is none, the reason is."""
    figure = chart.interactive(source)
    if figure is None:
        assert re.fullmatch(r"[A-Z].{15,}\.", chart.empty(source)), chart.key
        return False
    assert re.fullmatch(r"[A-Z].{30,}[.)]", chart.caption(source)), chart.key
    assert figure.to_json()
    assert figure.layout.paper_bgcolor == figure.layout.plot_bgcolor == "rgba(0,0,0,0)"
    assert figure.layout.font.color is None and figure.layout.width is None
    return True


def is_printed(chart: Chart[Any], source: Any, folder: Path) -> bool:
    """Whether there is a figure for paper, which then can be saved."""
    paper = chart.static(source)
    if paper is None:
        return False
    png, svg = save(paper, folder, chart.key)
    return png.read_bytes().startswith(b"\x89PNG") and b"<svg" in svg.read_bytes()


@every_sweep
def test_a_chart_of_any_sweep_is_drawn_or_says_why_not(
    sweep: str, loaded: dict[str, Results]
) -> None:
    drawn = [is_drawn(chart, loaded[sweep]) for chart in CHARTS]
    assert all(drawn) or sweep != "rich"
    assert not any(drawn) or sweep != "just made"


@pytest.mark.slow
@every_sweep
def test_what_is_drawn_in_a_page_is_drawn_on_paper(
    sweep: str, loaded: dict[str, Results], tmp_path: Path
) -> None:
    source = loaded[sweep]
    for chart in CHARTS:
        assert is_printed(chart, source, tmp_path) == is_drawn(chart, source), chart.key


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


def compared(name: str, folder: Path) -> Comparison:
    return load([one.write(folder / str(place)) for place, one in enumerate(COMPARISONS[name])])


@pytest.mark.parametrize("name", COMPARISONS)
def test_a_chart_of_several_sweeps(name: str, tmp_path: Path) -> None:
    source = compared(name, tmp_path)
    drawn = [is_drawn(chart, source) for chart in COMPARISON_CHARTS]
    assert all(drawn) or name not in ("two", "many")
    assert not any(drawn) or name != "empty"


@pytest.mark.slow
@pytest.mark.parametrize("name", COMPARISONS)
def test_a_chart_of_several_sweeps_on_paper(name: str, tmp_path: Path) -> None:
    source = compared(name, tmp_path)
    for chart in COMPARISON_CHARTS:
        assert is_printed(chart, source, tmp_path) == is_drawn(chart, source), chart.key


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
        assert is_drawn(chart, results) or chart.key == "rungs"
        figure, paper = chart.interactive(results), chart.static(results)
        if paper is not None:
            paper.draw_without_rendering()
        text = figure.to_json().replace("\\u003c", "<") if figure else "&lt;b>"
        assert "<b>$" not in text
        if chart.key in ("methods", "layers"):
            assert "&lt;b&gt;$x$" in text.replace("\\u003e", ">")
