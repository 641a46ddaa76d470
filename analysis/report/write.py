"""Reports as files: ``report.html``, ``report.md``, ``figures/`` and ``tables/``."""

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
from analysis.tables.files import write_csv, write_parquet
from sweep.ledger.files import REPORT_FOLDERS, refuse_links, write_whole


def write_report(results: Results, folder: str | Path) -> list[Path]:
    """Write the report of one sweep to ``folder``; returns the files, ``report.html`` first.

    ``report.html`` needs no other file; ``report.md`` shows ``figures/*.png`` (``.svg`` beside
    them); ``tables/*.tex`` are the report's tables for LaTeX. Works for a sweep at any time:
    without trials, running, finished. Raises ``OSError`` where the files cannot be written, or
    would be through a symbolic link in ``folder``.
    """
    from analysis.charts import CHARTS

    refuse_links(Path(folder), *REPORT_FOLDERS)
    pictures = [draw(chart, results, Path(folder) / "figures") for chart in CHARTS]
    return _write(sweep_report(results, pictures), Path(folder))


def write_comparison(comparison: Comparison, folder: str | Path) -> list[Path]:
    """Write the report that sets several sweeps beside each other, as ``write_report`` does.

    Its tables of hypervolume and cost and of what differs in the configs are there as CSV and
    Parquet too: ``comparison.*``, ``config_differences.*``.
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
        written.append(write_csv(table, folder / f"{name}.csv"))
        written.append(write_parquet(table, folder / f"{name}.parquet"))
    return written


def sweep_report(results: Results, pictures: Iterable[Picture]) -> Document:
    """The report of one sweep, at any time: without trials, running, finished, confirmed.

    ``pictures`` are its charts, in the order in which they are to stand.
    """
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
    # JSON may carry half of a surrogate pair, which no file can hold.
    return write_whole(path, lambda part: part.write_text(text, "utf-8", errors="replace"))
