"""Properties of every chart for any sweep."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from analysis import Comparison, Results
from analysis.charts import CHARTS, COMPARISON_CHARTS, Chart, interactive, static
from analysis.report.write import save
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


def evaluated(**sweep: Any) -> LedgerBuilder:
    """A sweep with one trial that is evaluated at epoch 0."""
    return LedgerBuilder(**sweep).trial("a").record("a", 0, 700, 0.5)


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
COMPARISONS = {
    "two": [big_sweep(20, seed) for seed in (1, 2)],
    "many": [big_sweep(20, seed) for seed in range(9)],
    "one": [big_sweep(20)],
    "empty": [LedgerBuilder(), LedgerBuilder().baseline()],
    "empty and not": [LedgerBuilder(), small_sweep(), confirmed()],
}


def source_of(name: str) -> Any:
    if name in SWEEPS:
        return SWEEPS[name].load()
    return Comparison([one.load() for one in COMPARISONS[name]])


def is_drawn(chart: Chart, source: Any, folder: Path | None) -> bool:
    """Whether a chart has figures. Checks them and the caption, else the reason; the static figure
    is saved in ``folder`` unless that is None."""
    seen = chart.view(source)
    if isinstance(seen, str):
        assert re.fullmatch(r"[A-Z].{15,}\.", seen), chart.key
        return False
    assert re.fullmatch(r"[A-Z].{30,}[.)]", seen.caption), chart.key
    figure = interactive.draw(seen)
    assert figure.to_json()
    assert figure.layout.paper_bgcolor == figure.layout.plot_bgcolor == "rgba(0,0,0,0)"
    assert figure.layout.font.color is None and figure.layout.width is None
    if folder is not None:
        png, svg = save(static.draw(seen), folder, chart.key)
        assert png.read_bytes().startswith(b"\x89PNG") and b"<svg" in svg.read_bytes()
    return True


@pytest.mark.parametrize("on_paper", [False, pytest.param(True, marks=pytest.mark.slow)])
@pytest.mark.parametrize("name", [*SWEEPS, *COMPARISONS])
def test_a_chart_is_drawn_or_gives_a_reason(name: str, on_paper: bool, tmp_path: Path) -> None:
    source, charts = source_of(name), CHARTS if name in SWEEPS else COMPARISON_CHARTS
    drawn = [is_drawn(chart, source, tmp_path if on_paper else None) for chart in charts]
    assert all(drawn) or name not in ("rich", "two", "many")
    assert not any(drawn) or name not in ("just made", "empty")


def three_objectives() -> list[LedgerBuilder]:
    ways = {"accuracy": "max", "sparsity": "max", "epoch": "min"}
    return [big_sweep(20).head(directions=ways) for _ in range(2)]


@pytest.mark.parametrize(
    ("key", "ledgers", "reason"),
    [
        ("front", [LedgerBuilder()], "no trials"),
        ("front", [LedgerBuilder().trial("a")], "no finished"),
        ("slopes", [evaluated()], "finetuned"),
        ("hypervolume", [evaluated(reference_point={})], "reference point"),
        ("rungs", [evaluated()], "No trial has come to a rung"),
        ("layers", [evaluated()], "older version"),
        ("importance", [small_sweep()], "enough trials"),
        ("attainment", [big_sweep(20)], "one sweep"),
        ("attainment", three_objectives(), "two objectives"),
    ],
)
def test_a_chart_without_data_gives_the_right_reason(
    key: str, ledgers: list[LedgerBuilder], reason: str
) -> None:
    chart = next(chart for chart in (*CHARTS, *COMPARISON_CHARTS) if chart.key == key)
    sweeps = [ledger.load() for ledger in ledgers]
    seen = chart.view(Comparison(sweeps) if chart in COMPARISON_CHARTS else sweeps[0])
    assert isinstance(seen, str) and reason in seen


def test_charts_are_in_the_order_of_a_report() -> None:
    keys = [" ".join(chart.key for chart in charts) for charts in (CHARTS, COMPARISON_CHARTS)]
    assert keys == [
        "front methods slopes hypervolume rungs layers importance parallel timeline",
        "fronts attainment hypervolumes",
    ]
    assert len({chart.title for chart in CHARTS}) == len(CHARTS)


def test_the_same_sweep_gives_the_same_figures(rich: Results) -> None:
    for chart in CHARTS:
        one, two = (chart.view(source) for source in (rich, rich_sweep().load()))
        assert interactive.draw(one).to_json() == interactive.draw(two).to_json()


def test_text_of_the_user_is_no_markup() -> None:
    odd = "<b>$x$</b>"
    ledger = LedgerBuilder(name=odd).baseline(prunable_weights=[[odd, 5], ["a.0.b", 5]])
    for number in range(12):
        name, given = f"t{number}", {"method": f"{odd}{number % 2}", "scope": odd}
        ledger.trial(name, sparsity=number / 20, **given)
        ledger.record(name, 0, 500 + number, number / 20, zeros_per_weight=[1, 2], worker=odd)
        ledger.record(name, 1, 600 - number, number / 20, worker=odd).end(name)
    results = ledger.load()
    for chart in CHARTS:
        if chart.key == "rungs":
            continue
        seen = chart.view(results)
        static.draw(seen).draw_without_rendering()
        text = interactive.draw(seen).to_json().replace("\\u003c", "<")
        assert "<b>$" not in text
        if chart.key in ("methods", "layers"):
            assert "&lt;b&gt;$x$" in text.replace("\\u003e", ">")
