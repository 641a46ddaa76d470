"""What the test set said: how far validation flattered the front, and what was retrained."""

from __future__ import annotations

from typing import Any

from analysis.report.document import MAX_ROWS, Block, Column, Items, Section, Table, cell, table
from analysis.report.format import UNKNOWN, count, known, number, percent, points, short, span
from analysis.results import Results

_STATES = {
    "running": "is not finished: it is running, or was cut off; `sweep confirm` goes on with it",
    "partial": "is finished, but points of the front have no test figures",
    "finished": "is finished",
}


def sections(results: Results) -> list[Section]:
    """None before the confirmation has begun, then one."""
    if results.confirmation_state == "none":
        return []
    told = _STATES.get(results.confirmation_state, results.confirmation_state)
    retrained = results.confirmation
    models = count(len(retrained), "retrained model")
    seeds = count(int(retrained["seed"].nunique()), "fresh seed")
    lead = f"The confirmation {told}. {models} under {seeds} were evaluated on the test set."
    blocks: list[Block] = [lead]
    if results.optimism:
        blocks.append(_optimism(results.optimism))
    if len(results.confirmed_points):
        blocks.append(_retrained(results))
    failed = [
        f"{short(e['trial_id'])}, seed {e.get('seed')}: {short(e.get('error'))}"
        for e in results.confirming.failed
    ]
    if failed:
        blocks += ["Retrainings that failed:", Items(failed[:MAX_ROWS])]
    return [Section("confirmation", "On the test set", blocks)]


def _optimism(found: dict[str, Any]) -> Table:
    rows = [
        ("accuracy that chose a point minus its test accuracy", points(found["optimism"])),
        ("of it by choosing: minus validation under fresh seeds", points(found["selection"])),
        ("of it by the split: fresh validation minus test", points(found["split"])),
    ]
    caption = (
        f"How much the search flattered its front; mean over {count(found['points'], 'point')}."
    )
    return Table("optimism", caption, [Column(""), Column("points", "numeric")], rows)


def _retrained(results: Results) -> Table:
    """One row a retrained point, runners-up too, beside the figure that chose it."""
    cells = [
        cell("trial", "trial_id", short, "text"),
        cell("epoch", "epoch"),
        cell("sparsity", "sparsity", lambda share: percent(share, 1)),
        cell("chosen as", "why", number, "text"),
        cell("seeds", "seeds"),
        cell("test accuracy", "test_accuracy", percent),
        cell("spread (points)", "test_accuracy_spread", _spread),
        (Column("95 % interval", "numeric"), _interval),
        cell("to dense (points)", "test_drop", lambda drop: points(-drop)),
        cell("validation, fresh seeds", "validation_accuracy", percent),
        cell("validation that chose it", "accuracy", percent),
        cell("optimism (points)", "optimism", points),
    ]
    chosen = results.records.set_index(["trial_id", "epoch"])[["accuracy", "sparsity"]]
    retrained = results.confirmed_points.join(chosen, on=["trial_id", "epoch"])
    retrained = retrained.sort_values("sparsity", kind="stable")
    retrained = retrained.assign(optimism=retrained["accuracy"] - retrained["test_accuracy"])
    caption = "What was retrained: means over fresh seeds, and their standard deviation (spread)"
    if len(retrained) > MAX_ROWS:
        caption += f"; {len(retrained) - MAX_ROWS} more are in confirmation.csv"
    return table("retrained", f"{caption}.", retrained.head(MAX_ROWS).to_dict("records"), cells)


def _spread(share: Any) -> str:
    return f"{100 * share:.2f}" if known(share) else UNKNOWN


def _interval(row: Any) -> str:
    return span(row["test_accuracy_low"], row["test_accuracy_high"])
