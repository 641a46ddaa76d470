"""`sweep run`, `sweep resume` and `sweep confirm`."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

import analysis
from sweep.cli import Address, Config, Folder, Out, Settings, say
from sweep.cli.results import print_front
from sweep.ledger.folder import SweepFolder

if TYPE_CHECKING:
    import pandas as pd

    from analysis.format import MetricFormat
    from sweep.config import SweepConfig


def run(
    config: Config, settings: Settings = None, out: Out = None, address: Address = None
) -> None:
    """Run a sweep, on this machine or on a Ray cluster."""
    from sweep import api

    _run(*api.planned(config, settings or [], out), None, address)


def resume(
    folder: Folder,
    trials: Annotated[
        int | None, typer.Option(min=1, max=2**63 - 1, help="new number of trials in all")
    ] = None,
    address: Address = None,
) -> None:
    """Continue an interrupted sweep, or extend a finished one."""
    from sweep import api

    _run(*api.begun(folder, trials), trials, address)


def confirm(
    folder: Folder,
    seeds: Annotated[
        int, typer.Option(min=1, max=1000, help="fresh seeds for each point, in all")
    ] = 3,
    runners_up: Annotated[
        int, typer.Option(min=0, max=10**6, help="points of the second front, nearest first")
    ] = 3,
    address: Address = None,
) -> None:
    """Evaluate the front on test, retrained under fresh seeds."""
    from sweep import api
    from sweep.cluster.confirm import run_confirm

    place, config = api.begun(folder)
    results, done = api.to_end(
        run_confirm, config, place, seeds=seeds, runners_up=runners_up, address=address
    )
    print(confirmed_text(results))
    say(f"{done.done} evaluations on test, {len(done.failed)} retrainings failed")
    if done.failed:
        sys.exit(3)


def _run(folder: SweepFolder, config: SweepConfig, trials: int | None, address: str | None) -> None:
    from sweep import api
    from sweep.cluster.listeners.terminal import TerminalView
    from sweep.cluster.run import run_sweep

    views = [] if "terminal" in config.listeners else [TerminalView()]
    results, spent = api.to_end(
        run_sweep, config, folder, trials=trials, address=address, listeners=views
    )
    print_front(results)
    if spent:
        say(f"the sweep ended because of its budget: {spent}")
    ended, margin = results.counts, results.margin(results.split)
    near = "" if margin is None else f" --max-drop {margin:.3g}"
    place = shlex.quote(str(folder.path))
    say(
        f"{ended['completed']} trials completed, {ended['stopped']} stopped, "
        f"{ended['failed']} failed; report: {folder.path / 'report.html'}\n"
        f"next: sweep front {place}{near} | sweep report {place}"
        + ("" if spent else _how_to_extend(config, place, len(results.trials)))
    )
    if ended["failed"]:
        sys.exit(3)


def _how_to_extend(config: SweepConfig, place: str, planned: int) -> str:
    from sweep.space.counting import size

    more = min(2 * planned, size(config.space))
    return f" | sweep resume {place} --trials {more}" if more > planned else ""


def confirmed_text(results: analysis.Results) -> str:
    """The points of the newest round as aligned text, by rising sparsity, with notes below."""
    from analysis.format import MetricFormat

    dense, points = results.test_baseline, _newest_points(results)
    metric, form = results.metric, MetricFormat(results.metric)
    if points.empty or dense is None:
        return "no evaluation on test yet"
    lines = [
        f"Front and runners-up on test ({dense['examples']} examples, dense "
        f"{form.plain(dense[metric.name])}); spread: standard deviation over seeds",
        _table(points, form),
    ]
    on_front = points["why"] == "front"
    if on_front.any():
        mean = points["optimism"][on_front].mean()
        sides = "validation minus test" if metric.direction == "max" else "test minus validation"
        lines.append(f"optimism of the front ({sides}): {form.signed(mean)} on average")
    if points["same_answers"].any():
        lines.append("* The answers are the same under every seed, because nothing in the training")
        lines.append("  is random. The seeds are one measurement, and a spread of 0 means nothing.")
    if not on_front.all():
        lines.append("(r) This point is a runner-up and not on the front.")
    return "\n".join(lines)


def _newest_points(results: analysis.Results) -> pd.DataFrame:
    """The points of the newest round that have figures on test, by rising sparsity."""
    import pandas as pd

    key = ["trial_id", "epoch"]
    newest = pd.DataFrame(results.confirming.newest, columns=key)
    metric = results.metric
    chosen = results.records[[*key, "sparsity", metric.name]]
    points = newest.merge(results.confirmed_points, on=key).merge(chosen, on=key)
    points["optimism"] = metric.worsening(points[metric.test], points[metric.name])
    points["same_answers"] = [
        _same_answers(results.confirming.of((trial, epoch)))
        for trial, epoch in zip(points["trial_id"], points["epoch"], strict=True)
    ]
    return points.sort_values("sparsity", kind="stable")


def _same_answers(records: Sequence[Any]) -> bool:
    answers = [record.get("correct_bits") for record in records]
    return len(answers) > 1 and None not in answers and len(set(answers)) == 1


def _table(points: pd.DataFrame, form: MetricFormat) -> str:
    import pandas as pd

    metric = form.metric
    to_dense = points["test_drop"] * (-1 if metric.direction == "max" else 1)
    spread = points[f"{metric.test}_spread"].map(lambda of: "" if pd.isna(of) else form.plain(of))
    columns = {
        "sparsity": points["sparsity"].map("{:.3f}".format),
        "validation": points[metric.name].map(form.plain),
        "test": points[metric.test].map(form.plain),
        "spread": spread + points["same_answers"].map({True: "*", False: ""}),
        "seeds": points["seeds"],
        "optimism": points["optimism"].map(form.signed),
        "to dense": to_dense.map(form.signed),
        "epoch": points["epoch"],
        "trial": points["trial_id"] + points["why"].map(lambda why: " (r)" * (why != "front")),
    }
    return pd.DataFrame(columns).to_string(index=False)
