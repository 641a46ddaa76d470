"""What the test set said: how far validation flattered the front, and what was retrained."""

from __future__ import annotations

from typing import Any

import pandas as pd

from analysis.report.document import Block, Column, Items, Paragraph, Section, Table
from analysis.report.format import UNKNOWN, count, known, number, percent, points, short, span
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
    if len(results.confirmed_points):
        blocks.append(_retrained(results))
    failed = [
        f"{short(e['trial_id'])}, seed {e.get('seed')}: {short(e.get('error'))}"
        for e in results.confirming.failed
    ]
    if failed:
        blocks += [Paragraph(("Retrainings that failed:",)), Items(tuple(failed[:MAX_ROWS]))]
    return (Section("confirmation", "On the test set", tuple(blocks)),)


def _optimism(found: dict[str, Any]) -> Table:
    rows = (
        ("accuracy that chose a point minus its test accuracy", points(found["optimism"])),
        ("of it by choosing: minus validation under fresh seeds", points(found["selection"])),
        ("of it by the split: fresh validation minus test", points(found["split"])),
    )
    caption = (
        f"How much the search flattered its front; mean over {count(found['points'], 'point')}."
    )
    return Table("optimism", caption, (Column(""), Column("points", "numeric")), rows)


def _retrained(results: Results) -> Table:
    """One row a retrained point, runners-up too, beside the figure that chose it."""
    columns = (
        Column("trial"),
        Column("epoch", "numeric"),
        Column("sparsity", "numeric"),
        Column("chosen as"),
        Column("seeds", "numeric"),
        Column("test accuracy", "numeric"),
        Column("spread (points)", "numeric"),
        Column("95 % interval", "numeric"),
        Column("to dense (points)", "numeric"),
        Column("validation, fresh seeds", "numeric"),
        Column("validation that chose it", "numeric"),
        Column("optimism (points)", "numeric"),
    )
    chosen = results.records.set_index(["trial_id", "epoch"])[["accuracy", "sparsity"]]
    retrained = results.confirmed_points.join(chosen, on=["trial_id", "epoch"])
    retrained = retrained.sort_values("sparsity", kind="stable")
    rows = tuple(_row(row) for _, row in retrained.head(MAX_ROWS).iterrows())
    caption = "What was retrained: means over fresh seeds, and their standard deviation (spread)"
    if len(retrained) > MAX_ROWS:
        caption += f"; {len(retrained) - MAX_ROWS} more are in confirmation.csv"
    return Table("retrained", f"{caption}.", columns, rows)


def _row(row: pd.Series[Any]) -> tuple[str, ...]:
    spread = row["test_accuracy_spread"]
    return (
        short(row["trial_id"]),
        number(row["epoch"]),
        percent(row["sparsity"], 1),
        short(row["why"]) if pd.notna(row["why"]) else UNKNOWN,
        number(row["seeds"]),
        percent(row["test_accuracy"]),
        f"{100 * spread:.2f}" if known(spread) else UNKNOWN,
        span(row["test_accuracy_low"], row["test_accuracy_high"]),
        points(-row["test_drop"]),
        percent(row["validation_accuracy"]),
        percent(row["accuracy"]),
        points(row["accuracy"] - row["test_accuracy"]),
    )
