"""The section on the confirmation: the optimism of the front, and the retrained points."""

from __future__ import annotations

from typing import Any

from analysis.format import MetricFormat, count, number, percent, short
from analysis.report.document import MAX_ROWS, Block, Column, Items, Section, Table, cell, table
from analysis.results import Results
from analysis.tables.columns import on_split

_STATES = {
    "running": "is not finished: it is running or was interrupted; `sweep confirm` resumes it",
    "partial": "is finished, but points of the front have no test figures",
    "finished": "is finished",
}


def sections(results: Results) -> list[Section]:
    """The section; none before the confirmation has begun."""
    if results.confirmation_state == "none":
        return []
    told = _STATES.get(results.confirmation_state, results.confirmation_state)
    retrained = results.confirmation
    models = count(len(retrained), "retrained model")
    seeds = count(int(retrained["seed"].nunique()), "fresh seed")
    lead = f"The confirmation {told}. {models} under {seeds} were evaluated on the test set."
    blocks: list[Block] = [lead]
    if results.optimism:
        blocks.append(_optimism(results.optimism, MetricFormat(results.metric)))
    if len(results.confirmed_points):
        blocks.append(_retrained(results))
    failed = [
        f"{short(e['trial_id'])}, seed {e.get('seed')}: {short(e.get('error'))}"
        for e in results.confirming.failed
    ]
    if failed:
        blocks += ["Retrainings that failed:", Items(failed[:MAX_ROWS])]
    return [Section("confirmation", "On the test set", blocks)]


def _optimism(found: dict[str, Any], form: MetricFormat) -> Table:
    name = form.metric.name
    sides = {
        "max": (
            f"{name} that chose a point minus its test {name}",
            "of it by choosing: minus validation under fresh seeds",
            "of it by the split: fresh validation minus test",
        ),
        "min": (
            f"test {name} of a point minus the {name} that chose it",
            "of it by choosing: validation under fresh seeds minus what chose it",
            "of it by the split: test minus fresh validation",
        ),
    }
    parts = ("optimism", "selection", "split")
    named = zip(sides[form.metric.direction], parts, strict=True)
    rows = [(title, form.difference(found[part])) for title, part in named]
    caption = (
        "How much better the front looked in the search than on test; mean over "
        f"{count(found['points'], 'point')}."
    )
    columns = [Column(""), Column(form.unit or "difference", "numeric")]
    return Table("optimism", caption, columns, rows)


def _retrained(results: Results) -> Table:
    """One row per retrained point, including runners-up, with the value that selected it."""
    metric, form = results.metric, MetricFormat(results.metric)
    on = on_split(metric, "test")
    interval = Column("95 % interval", "numeric")
    cells = [
        cell("trial", "trial_id", short, "text"),
        cell("epoch", "epoch"),
        cell("sparsity", "sparsity", lambda share: percent(share, 1)),
        cell("chosen as", "why", number, "text"),
        cell("seeds", "seeds"),
        cell(form.heading("test "), on.value, form.value),
        cell(form.titled("spread"), f"{on.value}_spread", lambda by: form.difference(by, "")),
        (interval, lambda row: form.span(row[on.low], row[on.high])),
        cell(form.titled("to dense"), on.drop, form.to_dense),
        cell("validation, fresh seeds", metric.validation, form.value),
        cell("validation that chose it", metric.name, form.value),
        cell(form.titled("optimism"), "optimism", form.difference),
    ]
    chosen = results.records.set_index(["trial_id", "epoch"])[[metric.name, "sparsity"]]
    retrained = results.confirmed_points.join(chosen, on=["trial_id", "epoch"])
    retrained = retrained.sort_values("sparsity", kind="stable")
    optimism = metric.worsening(retrained[on.value], retrained[metric.name])
    retrained = retrained.assign(optimism=optimism)
    caption = "Retrained points: means over fresh seeds, and their standard deviation (spread)"
    if len(retrained) > MAX_ROWS:
        caption += f"; {len(retrained) - MAX_ROWS} more are in confirmation.csv"
    return table("retrained", f"{caption}.", retrained.head(MAX_ROWS).to_dict("records"), cells)
