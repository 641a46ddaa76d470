"""Writes reports: ``report.html``, ``report.md``, ``figures/`` and ``tables/``."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from analysis.comparison import Comparison
from analysis.format import short
from analysis.report import answer, confirmation, facts, grid, html, latex, markdown, reproduce
from analysis.report.comparing import comparison_report
from analysis.report.document import Document, Picture, Table, chart_section
from analysis.results import Results
from analysis.tables.files import write_table
from sweep.ledger.files import REPORT_FOLDERS, refuse_links, write_whole

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from analysis.charts import Chart


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
    written += write_table(comparison.table, folder / "comparison")
    return written + write_table(comparison.config_differences, folder / "config_differences")


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


def draw(chart: Chart, source: Any, folder: Path) -> Picture:
    """Draw a chart of ``source`` (results or a comparison) into ``folder``/<key>.png and .svg.

    If there is nothing to show, files of an earlier report are deleted. Raises ``OSError`` if
    ``folder`` cannot be written.
    """
    from analysis.charts import interactive, static

    seen, title = chart.view(source), chart.title_for(source)
    if isinstance(seen, str):
        for suffix in (".png", ".svg"):
            (folder / f"{chart.key}{suffix}").unlink(missing_ok=True)
        return Picture(chart.key, title, seen)
    files, figure = save(static.draw(seen), folder, chart.key), interactive.draw(seen)
    return Picture(chart.key, title, seen.caption, files, figure.to_json())


def save(figure: Figure, folder: str | Path, stem: str) -> list[Path]:
    """Write ``folder``/``stem``.png (160 dpi) and .svg, and return both paths.

    The same figure gives the same files. Raises ``OSError`` if they cannot be written.
    """
    import matplotlib

    png, svg = Path(folder) / f"{stem}.png", Path(folder) / f"{stem}.svg"
    write_whole(png, lambda part: figure.savefig(part, dpi=160))
    # No date and no random ids, so that files are reproducible; text is not converted to paths.
    with matplotlib.rc_context({"svg.hashsalt": "prunesweep", "svg.fonttype": "none"}):
        write_whole(svg, lambda part: figure.savefig(part, metadata={"Date": None}))
    return [png, svg]


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
