"""What a sweep's report says, and in which order: the one list that every form is made from."""

from __future__ import annotations

from collections.abc import Iterable

from analysis.report import answer, confirmation, facts, grid
from analysis.report import reproduce as again
from analysis.report.document import Document, Picture, Section
from analysis.report.format import short
from analysis.results import Results


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
        again.settings(results),
        again.versions_and_seeds(results),
        again.commands(results),
    )
    return Document(short(results.name), answer.standing(results), sections)


def chart_section(picture: Picture) -> Section:
    """A chart under a heading of its own."""
    return Section(f"chart-{picture.key}", picture.title, (picture,))
