"""The body of a report that needs no chart: the dense baseline, the cost, what failed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from analysis.certainty.statistics import wilson
from analysis.report.document import (
    MAX_ROWS,
    Block,
    Column,
    Items,
    Paragraph,
    Section,
    Strong,
    Table,
    cell,
    table,
)
from analysis.report.format import count, duration, known, megabytes, number, percent, short, span
from analysis.results import Results

# What not every dense model has; the last four are of one that was quantised, step by step.
_MORE: dict[str, tuple[str, Callable[[Any], str]]] = {
    "f1": ("f1", number),
    "matthews": ("matthews", number),
    "accuracy in floats": ("dense_accuracy", percent),
    "accuracy after quantisation (PTQ)": ("ptq_accuracy", percent),
    "accuracy after finetuning on the grid (QAT)": ("qat_accuracy", percent),
    "zeros by quantisation": ("quantized_sparsity", percent),
}


def baseline(results: Results) -> Section:
    """The dense model's figures, and what to beware of."""
    figures = results.baseline
    if figures is None:
        return Section("baseline", "Dense baseline", ["It is not evaluated yet."])
    told = {"validation": _dense(figures)}
    if results.test_baseline:
        told["test"] = _dense(results.test_baseline)
    columns = [Column(""), *(Column(split, "numeric") for split in told)]
    rows = [[name, *(each[name] for each in told.values())] for name in told["validation"]]
    caption = f"The model as it was before pruning: {short(figures.get('model') or 'unnamed')}."
    warnings = [
        Paragraph([Strong("Warning:"), f" {short(text, 1000)}"], "warning")
        for text in figures.get("warnings") or []
    ]
    dense = Table("baseline", caption, columns, rows)
    return Section("baseline", "Dense baseline", [dense, *warnings])


def _dense(figures: dict[str, Any]) -> dict[str, str]:
    given = (figures.get(name) for name in ("correct", "examples"))
    low, high = wilson(*(float(value) if known(value) else float("nan") for value in given))
    more = {title: (figures.get(name), form) for title, (name, form) in _MORE.items()}
    return {
        "accuracy": percent(figures.get("accuracy")),
        "95 % interval": span(float(low), float(high)),
        "examples": number(figures.get("examples")),
        "majority class": percent(figures.get("majority_accuracy")),
        **{title: form(figure) for title, (figure, form) in more.items() if known(figure)},
        "loss (nats)": number(figures.get("loss")),
        "non-zero parameters": number(figures.get("nonzero_params")),
        "size": megabytes(figures.get("size_bytes")),
        "time": duration(figures.get("seconds")),
    }


def cost(results: Results) -> Section:
    """Epochs against running every trial to its end, wall time, how busy the workers were."""
    spent = results.cost
    share = (
        f" ({100 * spent.epochs_saved / spent.epochs_asked:.0f} %)" if spent.epochs_asked else ""
    )
    rows = [
        ("finetune epochs spent", f"{spent.epochs_spent:,}"),
        ("if every trial ran to its end", f"{spent.epochs_asked:,}"),
        ("saved by stopping trials", f"{spent.epochs_saved:,}{share}"),
    ]
    left = spent.epochs_asked - spent.epochs_spent - spent.epochs_saved
    if left:
        rows.append(("not run, in failed or unfinished trials", f"{left:,}"))
    rows += [
        ("wall time, first trial to last", duration(spent.wall_seconds or None)),
        ("workers", number(spent.workers or None)),
        ("training and evaluation, all workers", duration(spent.busy_seconds or None)),
        ("share of worker time in training and evaluation", percent(spent.utilisation, 1)),
    ]
    caption = "What the search cost; the dense baseline's own training is not in it."
    columns = [Column(""), Column("this sweep", "numeric")]
    return Section("cost", "Cost", [Table("cost", caption, columns, rows)])


def failures(results: Results) -> Section:
    """Failed trials and lost workers with their reasons, and damage to the ledger."""
    lost = [
        f"A worker was lost in {short(event['trial_id'])}: {short(event.get('reason'))}"
        for event in results.lost
    ]
    problems = [short(text) for text in results.problems]
    blocks = [
        *_failed(results),
        *_listed(lost, "workers were lost"),
        *_listed(problems, "problems of the ledger"),
    ]
    return Section("failures", "Failures", blocks or ["None."])


def _failed(results: Results) -> list[Block]:
    failed = results.trials[results.trials["status"] == "failed"]
    if failed.empty:
        return []
    cells = [
        cell("trial", "trial_id", short, "text"),
        cell("last epoch", "epoch"),
        cell("reason", "error", short, "text"),
    ]
    rows = failed.head(MAX_ROWS).fillna({"error": "no reason given"}).to_dict("records")
    caption = f"{count(len(failed), 'trial')} failed; trials.csv has the whole texts"
    caption += f" and {len(failed) - MAX_ROWS} more." if len(failed) > MAX_ROWS else "."
    return [table("failures", caption, rows, cells)]


def _listed(texts: list[str], what: str) -> list[Block]:
    blocks: list[Block] = [Items(texts[:MAX_ROWS])] if texts else []
    if len(texts) > MAX_ROWS:
        blocks.append(f"{len(texts) - MAX_ROWS} more {what}.")
    return blocks
