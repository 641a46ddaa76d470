"""`sweep front` and `sweep report`, which read a ledger, and the tables that commands print."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

import analysis
from sweep.cli import Folder, Json
from sweep.errors import NothingFound, UsageError
from sweep.ledger.folder import SweepFolder
from sweep.ledger.store import store_at

if TYPE_CHECKING:
    import pandas as pd

    from sweep.ledger.metric import PrimaryMetric

PLAIN = {
    "param_granularity": "element",
    "param_normalise": "none",
    "param_layer_profile": "uniform",
}
"""Columns that are shown only where a point has another value than this."""

STEPS = {"dense": "floats", "ptq": "PTQ", "qat": "QAT"}
"""Figures of a quantised dense model: before rounding, after it, and after finetuning."""


def report(
    folders: Annotated[list[str], typer.Argument(metavar="DIR...", help="folders of sweeps")],
    out: Annotated[
        str | None,
        typer.Option(
            metavar="DIR", help="folder to write (default: the sweep's own; ./report for several)"
        ),
    ] = None,
) -> None:
    """Write the report, figures and tables. Several sweeps are compared."""
    from analysis.report import write_comparison
    from sweep.api import write_results

    target = store_at(out or "report")  # for a comparison, and for a sweep in an object store
    if len(folders) > 1:
        try:
            compared = analysis.load(folders)
        except analysis.Incomparable as error:
            raise UsageError(str(error)) from error
        with target.writing() as place:
            write_comparison(compared, place)
    else:
        results = analysis.load(folders[0])
        if out is None and "://" not in folders[0]:
            target = store_at(results.folder)
        write_results(results, target)
    print(target / "report.html")


def front(
    folder: Folder,
    min_sparsity: Annotated[float | None, typer.Option(help="lowest sparsity, in [0, 1)")] = None,
    max_drop: Annotated[
        float | None, typer.Option(help="largest drop below dense (0.01: 1 point)")
    ] = None,
    knee: Annotated[bool, typer.Option(help="the point where the front bends most")] = False,
    as_json: Json = False,
) -> None:
    """Show the Pareto front, or the points that meet conditions."""
    from analysis import questions

    results = analysis.load(folder)
    asked = (results, min_sparsity, max_drop, knee)
    try:
        points = questions.points(*asked)
    except ValueError as error:
        raise UsageError(str(error)) from error
    if points.empty:
        raise NothingFound(f"{folder}: {questions.why_none(*asked)}")
    if max_drop is not None and not knee:
        points = questions.marked(results, min_sparsity, max_drop)
    if as_json:
        print(points.to_json(orient="records", indent=2))
        return
    print(front_text(points, results.metric))
    if max_drop is not None and not knee and results.confirmed:
        print(results.best(min_sparsity, max_drop).text)


def print_status(
    results: analysis.Results, is_live: bool = False, again: str | None = None
) -> None:
    """Print the progress, the failures and the front so far.

    ``again`` is the command that continues the sweep, by default `sweep resume`.
    """
    found = status_of(results, is_live)
    counts = ", ".join(f"{count} {name}" for name, count in found["trials"].items())
    print(f"{found['name']}: {found['state']}; {counts} of {found['planned']} planned")
    print(f"epochs: {found['epochs_spent']} spent, {found['epochs_saved']} saved by stopping")
    for failure in found["failures"]:
        print(f"failed {failure['trial_id']}: {' '.join(str(failure['error']).split())}")
    print_front(results)
    if found["state"] == "interrupted":
        resume = f"sweep resume {shlex.quote(str(results.folder))}"
        print(f"to continue: {again or resume}")


def print_front(results: analysis.Results) -> None:
    """Print the front as a table, below a line that names its split."""
    if results.front.empty:
        print("the front has no point yet")
        return
    baseline = f"dense {_dense(results.baseline, results.metric)}; " if results.baseline else ""
    if (covered := (results.baseline or {}).get("coverage")) is not None:
        baseline += f"coverage {covered:.3f}; "
    test = "confirmed on test: sweep report" if results.confirmed else "unconfirmed on test"
    print(f"Pareto front on validation ({baseline}{test}):")
    print(front_text(results.front, results.metric))


def _dense(baseline: Mapping[str, Any], metric: PrimaryMetric) -> str:
    """The metric of the dense model; for a quantised one also its value before each step."""
    from analysis.format import MetricFormat

    form, names = MetricFormat(metric), {f"{step}_{metric.name}": STEPS[step] for step in STEPS}
    steps = [f"{names[name]} {form.plain(baseline[name])}" for name in names if name in baseline]
    return form.plain(baseline[metric.name]) + (f" ({', '.join(steps)})" if steps else "")


def front_text(points: pd.DataFrame, metric: PrimaryMetric) -> str:
    """Points as aligned text, with figures on test and quantization where there are any."""
    import pandas as pd

    from analysis.format import MetricFormat
    from analysis.tables.columns import MOST_DROP

    form = MetricFormat(metric)
    forms: dict[str, Callable[[Any], str]] = {
        "sparsity": "{:.3f}".format,
        **dict.fromkeys((metric.name, metric.low, metric.high), form.plain),
        metric.drop: form.signed,
        "model_sparsity": "{:.3f}".format,
        "epoch": str,
        "param_method": str,
        "param_scope": str,
        "param_learning_rate": "{:.1e}".format,
        "trial_id": str,
    }
    if points[metric.test].notna().any():
        # Once all points of a front are retrained, conditions are checked on test.
        forms |= {metric.test: form.plain, "test_drop": form.signed}
        if "certain" in points:  # the answer to --max-drop
            forms |= {MOST_DROP: form.signed, "certain": {True: "yes", False: "no"}.__getitem__}
    if points["param_quantization"].notna().any():
        forms |= {"param_quantization": str, "size_bytes": "{:,}".format}
    if points["coverage"].lt(1).any():
        forms |= {"coverage": "{:.3f}".format}
    columns = {
        name: points[name].astype(object).map(form, na_action="ignore").fillna("-")
        for name, form in forms.items()
    }
    for name, plain in PLAIN.items():
        if name in points and points[name].fillna(plain).ne(plain).any():
            columns[name] = points[name]
    shown = pd.DataFrame(columns)
    return shown.rename(columns=lambda name: name.removeprefix("param_")).to_string(index=False)


def status_of(results: analysis.Results, is_live: bool = False) -> dict[str, Any]:
    """The content of `sweep status` as plain values.

    ``is_live``: the sweep's job runs. Otherwise a sweep that has not finished is interrupted if no
    driver has its ledger, and its unfinished trials do not run.
    """
    from analysis.questions import most

    failed = results.trials[results.trials["status"] == "failed"]
    metric, baseline = results.metric, results.baseline or {}
    state, counts = results.state, results.counts
    if state != "finished":
        state = "running" if is_live or _has_driver(results) else "interrupted"
    if state == "interrupted":
        counts = {**counts, "running": 0, "unfinished": counts["running"]}
    best = most(results.front, metric.name, largest=metric.direction == "max")
    return {
        "name": results.name,
        "state": state,
        "planned": _planned(results),
        "trials": counts,
        "epochs_spent": results.cost.epochs_spent,
        "epochs_saved": results.cost.epochs_saved,
        "front_points": len(results.front),
        f"best_{metric.name}": None if best is None else float(best[metric.name]),
        metric.baseline: baseline.get(metric.name),
        "coverage": baseline.get("coverage"),
        **{f"{step}_{metric.name}": baseline.get(f"{step}_{metric.name}") for step in STEPS},
        "utilisation": results.cost.utilisation,
        "failures": json.loads(failed[["trial_id", "error"]].to_json(orient="records")),
    }


def _has_driver(results: analysis.Results) -> bool:
    """Whether a driver has the ledger; True where that cannot be found out."""
    try:
        return SweepFolder(store_at(results.folder, to_write=False)).driver() is not None
    except OSError:  # a file system without locks
        return True


def _planned(results: analysis.Results) -> int | None:
    """The number of trials in all. A grid runs all its points, whatever ``search.trials`` is."""
    from sweep.config import SweepConfig, plan

    try:
        return plan.trials(SweepConfig.model_validate(results.config))
    except ValueError:  # a ledger of another version
        return results.trials_planned
