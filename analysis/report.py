"""A sweep as a document: ``report.md`` and its figures."""

from __future__ import annotations

from pathlib import Path

from analysis import headline, sections
from analysis.charts.front import save_front
from analysis.files import write_whole
from analysis.results import Results


def write_report(results: Results, folder: str | Path) -> Path:
    """Write ``report.md``, ``figures/front.png`` and ``figures/front.svg``; returns the report.

    Works for a sweep at any time: without trials, running, finished. Raises ``OSError`` where
    the files cannot be written.
    """
    folder = Path(folder)
    save_front(results, folder / "figures")
    text = report_text(results)
    return write_whole(
        folder / "report.md", lambda part: part.write_text(text, "utf-8", errors="replace")
    )


def report_text(results: Results) -> str:
    """The report as Markdown."""
    parts = [
        headline.heading(results),
        headline.answer(results),
        headline.front(results),
        sections.baseline(results),
        sections.cost(results),
        sections.failures(results),
        sections.settings(results),
        sections.commands(results),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"
