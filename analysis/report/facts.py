"""Sections of a report without charts: the dense baseline, the cost, the failures."""

from __future__ import annotations

from typing import Any

from analysis.certainty.measured import interval, measured
from analysis.format import (
    UNKNOWN,
    MetricFormat,
    count,
    duration,
    known,
    megabytes,
    number,
    percent,
    short,
)
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
from analysis.results import Results
from sweep.ledger.record import coverage_text


def baseline(results: Results) -> Section:
    """The figures and warnings of the dense model."""
    figures = results.baseline
    if figures is None:
        return Section("baseline", "Dense baseline", ["The dense model is not evaluated yet."])
    told = {"validation": _dense(figures, results)}
    if results.test_baseline:
        told["test"] = _dense(results.test_baseline, results)
    columns = [Column(""), *(Column(split, "numeric") for split in told)]
    rows = [[name, *(e.get(name, UNKNOWN) for e in told.values())] for name in told["validation"]]
    caption = f"The model before pruning: {short(figures.get('model') or 'unnamed')}."
    warnings = [
        Paragraph([Strong("Warning:"), f" {short(text, 1000)}"], "warning")
        for text in results.warnings
    ]
    dense = Table("baseline", caption, columns, rows)
    return Section("baseline", "Dense baseline", [dense, *_reach(figures), *warnings])


def _reach(figures: dict[str, Any]) -> list[Block]:
    told = coverage_text(figures)
    return [f"Coverage (prunable weights / weights in matrices): {told}."] if told else []


def _dense(figures: dict[str, Any], results: Results) -> dict[str, str]:
    metric, form = results.metric, MetricFormat(results.metric)
    name = metric.name
    # What not every dense model has; the last four are of one that was quantised, step by step.
    more = {other: (other, number) for other in results.metrics if other != name} | {
        f"{name} in floats": (f"dense_{name}", form.value),
        f"{name} after quantisation (PTQ)": (f"ptq_{name}", form.value),
        f"{name} after finetuning on the grid (QAT)": (f"qat_{name}", form.value),
        "zeros by quantisation": ("quantized_sparsity", percent),
    }
    majority, chance = figures.get(f"majority_{name}"), metric.chance
    blind = ("by chance", chance) if majority is None else ("majority class", majority)
    return {
        form.heading(""): form.value(figures.get(name)),
        "95 % interval": form.span(*interval(measured(figures, metric), metric)),
        "examples": number(figures.get("examples")),
        **({} if blind[1] is None else {blind[0]: form.value(blind[1])}),
        **{
            title: form(figures[key])
            for title, (key, form) in more.items()
            if known(figures.get(key))
        },
        "loss (nats)": number(figures.get("loss")),
        "non-zero parameters": number(figures.get("nonzero_params")),
        "size": megabytes(figures.get("size_bytes")),
        "time": duration(figures.get("seconds")),
    }


def cost(results: Results) -> Section:
    """Epochs, compared with running every trial to its end; wall time; utilisation of workers."""
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
    caption = "The cost of the search, without the training of the dense baseline."
    columns = [Column(""), Column("this sweep", "numeric")]
    return Section("cost", "Cost", [Table("cost", caption, columns, rows)])


def failures(results: Results) -> Section:
    """Failed trials and lost workers with their reasons."""
    lost = [
        f"A worker was lost in {short(event['trial_id'])}: {short(event.get('reason'))}"
        for event in results.lost
    ]
    blocks = [
        *_failed(results),
        *_listed(lost, "workers were lost"),
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
    caption = f"{count(len(failed), 'trial')} failed; trials.csv has the full reasons"
    caption += f" and {len(failed) - MAX_ROWS} more." if len(failed) > MAX_ROWS else "."
    return [table("failures", caption, rows, cells)]


def _listed(texts: list[str], what: str) -> list[Block]:
    blocks: list[Block] = [Items(texts[:MAX_ROWS])] if texts else []
    if len(texts) > MAX_ROWS:
        blocks.append(f"{len(texts) - MAX_ROWS} more {what}.")
    return blocks
