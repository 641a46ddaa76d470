"""Writes reports: ``report.html``, ``report.md``, ``figures/`` and ``tables/``."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from analysis.comparison import Comparison
from analysis.format import short
from analysis.report import answer, confirmation, facts, grid, html, latex, markdown, reproduce
from analysis.report.comparing import comparison_report
from analysis.report.document import Document, Picture, Table, chart_section
from analysis.report.drawing import draw
from analysis.results import Results
from analysis.tables.files import write_table
from sweep.ledger.files import REPORT_FOLDERS, refuse_links, write_whole


def write_report(results: Results, folder: str | Path) -> list[Path]:
    """Write the report of one sweep to ``folder`` and return its files, ``report.html`` first.

    ``report.html`` is self-contained; ``report.md`` shows ``figures/*.png``, of which there are
    ``.svg`` files too; ``tables/*.tex`` are the tables of the report for LaTeX. The sweep may be in
    any state: without trials, running or finished. Raises ``OSError`` if a file cannot be written,
    or if ``folder`` has a symbolic link in its place.
    """
    from analysis.charts import CHARTS

    refuse_links(Path(folder), *REPORT_FOLDERS)
    pictures = [draw(chart, results, Path(folder) / "figures") for chart in CHARTS]
    return _write(sweep_report(results, pictures), Path(folder))


def write_comparison(comparison: Comparison, folder: str | Path) -> list[Path]:
    """Write the report of several sweeps, as ``write_report`` does for one.

    Its tables of costs and of differences between configs are also written as CSV and Parquet:
    ``comparison.*`` and ``config_differences.*``.
    """
    from analysis.charts import COMPARISON_CHARTS

    folder = Path(folder)
    refuse_links(folder, *REPORT_FOLDERS)
    pictures = [draw(chart, comparison, folder / "figures") for chart in COMPARISON_CHARTS]
    written = _write(comparison_report(comparison, pictures), folder)
    tables = {
        "comparison": comparison.table,
        "config_differences": comparison.config_differences,
    }
    for name, table in tables.items():
        written += write_table(table, folder / name)
    return written


def sweep_report(results: Results, pictures: Iterable[Picture]) -> Document:
    """The report of one sweep in any state; ``pictures`` are its charts, in order."""
    sections = (
        answer.section(results),
        *confirmation.sections(results),
        facts.baseline(results),
        *grid.sections(results),
        *map(chart_section, pictures),
        facts.cost(results),
        facts.failures(results),
        reproduce.settings(results),
        reproduce.versions_and_seeds(results),
        reproduce.commands(results),
    )
    return Document(short(results.name), answer.standing(results), sections)


def _write(document: Document, folder: Path) -> list[Path]:
    page = _text(folder / "report.html", html.render(document))
    plain = _text(folder / "report.md", markdown.render(document))
    tables = [
        _text(folder / "tables" / f"{table.key}.tex", latex.render(table))
        for table in document.all(Table)
    ]
    figures = (file for picture in document.all(Picture) for file in picture.files)
    return [page, plain, *figures, *tables]


def _text(path: Path, text: str) -> Path:
    # JSON may contain half of a surrogate pair, which cannot be encoded in a file.
    return write_whole(path, lambda part: part.write_text(text, "utf-8", errors="replace"))
