"""What the test set said: how far validation flattered the front, and what was retrained."""

from __future__ import annotations

from typing import Any

import pandas as pd

from analysis.report.document import Block, Column, Paragraph, Section, Table
from analysis.report.words import count, percent, points, short
from analysis.results import Results

MAX_ROWS = 40

_STATES = {
    "running": "is not finished: it is running, or was cut off; `sweep confirm` goes on with it",
    "partial": "is finished, but points of the front have no test figures",
    "finished": "is finished",
}


def sections(results: Results) -> tuple[Section, ...]:
    """None before the confirmation has begun, then one."""
    if results.confirmation_state == "none":
        return ()
    told = _STATES.get(results.confirmation_state, results.confirmation_state)
    table = results.confirmation
    models = count(len(table), "retrained model")
    seeds = count(int(table["seed"].nunique()), "fresh seed")
    lead = f"The confirmation {told}. {models} under {seeds} were evaluated on the test set."
    blocks: list[Block] = [Paragraph((lead,))]
    if results.optimism:
        blocks.append(_optimism(results.optimism))
    if len(table):
        blocks.append(_retrained(table))
    return (Section("confirmation", "On the test set", tuple(blocks)),)


def _optimism(found: dict[str, Any]) -> Table:
    rows = (
        ("accuracy that chose a point minus its test accuracy", points(found["optimism"])),
        ("of it by choosing: minus validation under fresh seeds", points(found["selection"])),
        ("of it by the split: fresh validation minus test", points(found["split"])),
    )
    caption = f"How much the search flattered its front; mean over {count(found['points'], 'point')}."
    return Table("optimism", caption, (Column(""), Column("points", "numeric")), rows)


def _retrained(table: pd.DataFrame) -> Table:
    """One row a retrained point: means over its seeds."""
    columns = (
        Column("trial"),
        Column("epoch", "numeric"),
        Column("chosen as"),
        Column("sparsity", "numeric"),
        Column("seeds", "numeric"),
        Column("test accuracy", "numeric"),
        Column("validation accuracy", "numeric"),
    )
    groups = list(table.groupby(["trial_id", "epoch"], sort=False))
    groups.sort(key=lambda group: float(group[1]["sparsity"].mean()))
    rows = tuple(_row(trial, epoch, part) for (trial, epoch), part in groups[:MAX_ROWS])
    caption = "What was retrained, means over fresh seeds"
    if len(groups) > MAX_ROWS:
        caption += f"; {len(groups) - MAX_ROWS} more are in confirmation.csv"
    return Table("retrained", f"{caption}.", columns, rows)


def _row(trial: Any, epoch: Any, part: pd.DataFrame) -> tuple[str, ...]:
    why = part["why"].dropna()
    return (
        short(trial),
        str(epoch),
        short(why.iloc[-1]) if len(why) else "",
        percent(part["sparsity"].mean(), 1),
        str(part["seed"].nunique()),
        percent(part["accuracy"].mean()),
        percent(part["validation_accuracy"].mean()),
    )
