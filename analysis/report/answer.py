"""The first section of a report: the state of the sweep, the answer in a sentence and a table."""

from __future__ import annotations

from typing import Any

import pandas as pd

from analysis.format import UNKNOWN, MetricFormat, count, known, percent, short
from analysis.questions import CHOSEN, Answer, most
from analysis.report.document import Inline, Paragraph, Section, Strong
from analysis.report.points import answer, figures_table, mark, settings_table
from analysis.results import Results


def standing(results: Results) -> tuple[Inline, ...]:
    """The state of the sweep and its numbers of trials."""
    trials = count(len(results.trials), "trial")
    planned = results.trials_planned
    if planned is not None and planned > len(results.trials):
        trials += f" of {planned:,}"
    counts = ", ".join(f"{number} {status}" for status, number in results.counts.items() if number)
    told = f": {trials}{f' ({counts})' if counts else ''}."
    return ("The sweep is ", Strong(results.state), told)


def section(results: Results) -> Section:
    """The answer, its warning, and the tables of the front."""
    title = f"Answer{mark(results)}"
    if results.front.empty:
        empty = "has no trials yet" if results.trials.empty else "has no finished evaluation yet"
        told = Paragraph([f"There is no front: the sweep {empty}."], "lead")
        return Section("answer", title, [told])
    near = answer(results)
    parts = [*_closest(results, near), " ", *_doubt(results, near), *_bend(results, near)]
    lead = Paragraph(parts, "lead")
    tables = figures_table(results), settings_table(results)
    return Section("answer", title, [lead, *_worth(results), *tables, _notes(results)])


def _closest(results: Results, near: Answer | None) -> tuple[Inline, ...]:
    """The answer or, without one, the point with the best value."""
    metric, form, on = results.metric, MetricFormat(results.metric), results.reported
    if near is not None and near.point is not None:
        start = f"The sparsest point {form.near} by its figure on {on.split} is "
        if near.certain:
            start = f"The sparsest point that is certain at 95 % to be {form.near} is "
        return (start, *_point(results, near.point), ".")
    best = most(results.front, on.value, largest=metric.direction == "max")
    if best is None:
        return (f"No point of the front has a known {metric.name}.",)
    if not known(best[on.drop]):
        told = "; there is no dense baseline yet."
        return (f"The point with the {form.best} is ", *_point(results, best), told)
    start = f"No point is {form.near}; the one with the {form.best} is "
    return (start, *_point(results, best), ".")


def _doubt(results: Results, near: Answer | None) -> tuple[Inline, ...]:
    """How sure the answer is, if there is one."""
    if near is None or near.point is None or near.by_figure is None:
        return ()
    if results.reported.split == "validation":
        return ("Nothing is certain on validation, because the search chose the points there. ",)
    if not near.certain:
        return (f"No point is certain at 95 % to be that near. {CHOSEN} ",)
    told = "This holds after the choice among the points of the front. "
    if near.point.name == near.by_figure.name:
        return (told,)
    start = f"{told}By its figure alone the answer would be "
    return (start, *_point(results, near.by_figure), ", which is optimistic. ")


def _bend(results: Results, near: Answer | None) -> tuple[Inline, ...]:
    if results.knee is None:
        return ("The front has no clear knee.",)
    row = results.front.iloc[results.knee]
    if not known(row[results.reported.value]):
        trial = short(row["trial_id"])
        return (f"The front bends most at {trial}, which has no value on test yet.",)
    if near is not None and near.point is not None and near.point.name == row.name:
        return ("The front bends most at the first of these points.",)
    return ("The front bends most at ", *_point(results, row), ".")


def _point(results: Results, row: pd.Series[Any]) -> tuple[Inline, ...]:
    form, on = MetricFormat(results.metric), results.reported
    value = form.named(row[on.value], f"{on.split} ")
    drop, ends = row[on.drop], form.span(row[on.low], row[on.high])
    facts = [
        f"{form.gap(drop)} {form.side(drop)} dense" if known(drop) else "",
        f"95 % interval {ends}" if ends != UNKNOWN else "",
        count(int(row["seeds"]), "seed") if on.split == "test" else "",
        f"{short(row['trial_id'])} after epoch {row['epoch']}",
    ]
    told = "; ".join(filter(None, facts))
    return (Strong(f"{percent(row['sparsity'], 1)} sparsity at {value}"), f" ({told})")


def _worth(results: Results) -> list[Paragraph]:
    """A warning, unless the whole front is confirmed."""
    missing = int(results.front[results.metric.test].isna().sum())
    if not missing:
        return []
    if results.reported.split == "validation":
        told = (
            " These figures are from the validation set, by which the search selected the points, "
            "so the points look better than they are. The test set was not used yet. They are not "
            "a result."
        )
        return [Paragraph([Strong("UNCONFIRMED."), told], "warning")]
    told = (
        f" {missing} of {count(len(results.front), 'point')} of the front have no test figures "
        "yet. A point with a validation figure only was selected by it and looks better than it "
        "is."
    )
    return [Paragraph([Strong("PARTLY CONFIRMED."), told], "warning")]


def _notes(results: Results) -> str:
    """The number of points, the hypervolume, and a note on speed."""
    points = count(len(results.front), "point")
    note = f"{points} of {count(len(results.candidates), 'evaluation')}."
    volume = results.hypervolume
    if volume is not None:
        corner = ", ".join(f"{short(k)} {v:g}" for k, v in results.reference_point.items())
        note += (
            f" Hypervolume (on validation) {volume:.4f} relative to the fixed reference point "
            f"({corner})."
        )
    if results.front["front_probability"].notna().any():
        note += f" {results.basis.text}"
    return f"{note} Zeros in a dense matrix do not make a model faster: no speed-up is claimed."
