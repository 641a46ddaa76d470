from __future__ import annotations

import json
import re
from pathlib import Path

import pandas as pd
import pytest

from analysis import Results, load
from analysis.charts import CHARTS, COMPARISON_CHARTS
from analysis.report import html, write_comparison, write_report
from analysis.report.write import draw, sweep_report
from tests.analysis.charts.sweeps import caption, rich_sweep
from tests.analysis.ledgers import LedgerBuilder, big_sweep, small_sweep
from tests.analysis.report.pages import Page, figure_in

MEGABYTE = 1_000_000


def test_all_files_are_written(report: dict[str, Path]) -> None:
    assert list(report)[:2] == ["report.html", "report.md"]
    figures = [f"figures/{chart.key}{form}" for chart in CHARTS for form in (".png", ".svg")]
    assert [name for name in report if name.startswith("figures/")] == figures
    linked = re.findall(r"\]\((figures/.*?)\)", report["report.md"].read_text())
    assert linked == figures[::2]
    assert {"tables/front.tex", "tables/settings.tex", "tables/cost.tex"} <= set(report)
    starts = {".png": b"\x89PNG", ".svg": b"<?xml", ".html": b"<!DOCTYPE html>"}
    for name, file in report.items():
        content = file.read_bytes()
        assert content and content.startswith(starts.get(file.suffix, b"")), name
    assert not list(report["report.md"].parent.rglob("*.part*"))


def test_sections_have_the_same_order_in_both_forms(report: dict[str, Path], rich: Results) -> None:
    page = Page(report["report.html"].read_text())
    titles = [heading.text for heading in page.all("h2")]
    assert titles == re.findall(r"^## (.*)$", report["report.md"].read_text(), re.MULTILINE)
    assert titles[0] == "Answer (UNCONFIRMED)"
    charts = [chart.title_for(rich) for chart in CHARTS]
    assert [title for title in titles if title in charts] == charts
    last = ["Cost", "Failures", "Config", "Versions and seeds", "Commands"]
    assert titles[-5:] == last


def test_every_figure_is_in_the_page_with_its_words(report: dict[str, Path], rich: Results) -> None:
    page = Page(report["report.html"].read_text())
    for chart in CHARTS:
        assert {"data", "layout"} <= figure_in(page, chart.key).keys(), chart.key
        (figure,) = page.all("figure", id=f"figure-{chart.key}")
        assert caption(chart.key, rich) in figure.text.replace("\N{NO-BREAK SPACE}", " ")


def test_the_same_sweep_gives_the_same_files(rich: Results, tmp_path: Path) -> None:
    charts = (CHARTS[0], CHARTS[-1])  # markers and lines; bars with hatches
    one, two = ([draw(chart, rich, tmp_path / n) for chart in charts] for n in ("one", "two"))
    for first, second in zip(one, two, strict=True):
        assert first.interactive == second.interactive
        for drawn, again in zip(first.files, second.files, strict=True):
            assert drawn.read_bytes() == again.read_bytes(), drawn.name
    assert html.render(sweep_report(rich, one)) == html.render(sweep_report(rich, two))


@pytest.mark.slow
def test_ten_thousand_trials_stay_under_six_megabytes(tmp_path: Path) -> None:
    results = rich_sweep(10_000, workers=8).load()
    assert len(results.trials) == 10_000 and len(results.front) > 10
    page = write_report(results, tmp_path)[0]
    assert page.stat().st_size < 6 * MEGABYTE
    read = Page(page.read_text())
    # The evaluations are thinned out, with a note; the front is not.
    thinned = {chart.key for chart in CHARTS if "Thinned: " in caption(chart.key, results)}
    assert thinned >= {"front", "methods", "slopes", "parallel", "timeline"}
    figures = {chart.key: json.dumps(figure_in(read, chart.key)) for chart in CHARTS}
    assert all(json.loads(figure)["data"] for figure in figures.values())
    assert sum(map(len, figures.values())) < 600_000


def test_a_sweep_that_was_just_made_has_a_report(tmp_path: Path) -> None:
    (tmp_path / "ledger.jsonl").touch()
    page, text = (file.read_text() for file in write_report(load(tmp_path), tmp_path)[:2])
    assert "no trials yet" in text and "The dense model is not evaluated yet." in text
    assert "## Failures\n\nNone." in text
    assert "The ledger has no config." in text and "The ledger has no versions." in text
    read = Page(page)
    assert not read.problems
    assert read.all("p", kind="nothing")[0].text == "The sweep has no trials yet."
    assert read.all("p", kind="lead")[0].text.startswith("There is no front: the sweep has no")
    assert not read.all("figure", id="figure-front")


def test_a_chart_without_data_gives_a_reason_and_its_old_figures_are_deleted(
    small: Results, tmp_path: Path
) -> None:
    draw(CHARTS[0], small, tmp_path)
    assert {file.name for file in tmp_path.glob("front.*")} == {"front.png", "front.svg"}
    front = draw(CHARTS[0], LedgerBuilder().load(), tmp_path)
    assert front.text and not front.files and not front.interactive
    assert not list(tmp_path.glob("front.*"))


# several sweeps


def test_a_comparison(tmp_path: Path) -> None:
    folders = [small_sweep().write(tmp_path / "a"), big_sweep(12).write(tmp_path / "b")]
    files = write_comparison(load(folders), tmp_path / "out")
    names = [str(file.relative_to(tmp_path / "out")) for file in files]
    assert names[:2] == ["report.html", "report.md"]
    tables = {"comparison.csv", "comparison.parquet", "config_differences.csv"}
    assert tables <= set(names)
    page = Page((tmp_path / "out" / "report.html").read_text())
    assert not page.problems
    titles = [heading.text for heading in page.all("h2")]
    charts = [chart.title for chart in COMPARISON_CHARTS]
    assert [title for title in titles if title in charts] == charts
    assert len(pd.read_csv(tmp_path / "out" / "comparison.csv")) == 2
