"""`sweep run` and `sweep resume`."""

from __future__ import annotations

import sys

from sweep.cli.results import print_front, refresh_results, refresh_tables
from sweep.cluster.interrupts import Interrupted
from sweep.cluster.listeners import Progress, View
from sweep.cluster.run import run_sweep
from sweep.config import SweepConfig, plan
from sweep.config.load import load_config
from sweep.config.paths import with_absolute_paths
from sweep.config.saved import begun_with, check_config
from sweep.ledger.folder import SweepFolder
from sweep.ledger.store import Store
from sweep.space.counting import size

SOME_FAILED = 3


def begin(source: str, settings: list[str], out: Store | None, address: str | None) -> None:
    """Run a sweep; the same command again goes on with it."""
    config = with_absolute_paths(load_config(source, settings))
    _run(config, SweepFolder(out or plan.results_path(config)), None, address)


def go_on(path: Store, trials: int | None, address: str | None) -> None:
    """Resume the sweep of a folder with the config that it was begun with."""
    folder = SweepFolder(path)
    config = begun_with(folder)
    check_config(folder)
    if trials is not None:
        plan.check_extension(config, trials)
    _run(config, folder, trials, address)


def _run(config: SweepConfig, folder: SweepFolder, trials: int | None, address: str | None) -> None:
    planned = max(trials or 0, plan.trials(config))
    view = View(Progress(config.objectives, planned))
    try:
        outcome = run_sweep(config, folder, view, address=address, trials=trials)
    except Interrupted as error:
        if folder.holds_sweep:
            refresh_tables(folder.path)
            _say(f"{error}; all is saved. To go on: sweep resume {folder.path}")
        else:
            _say(f"{error} before the sweep began; nothing is kept")
        sys.exit(error.exit_code)
    results = refresh_results(folder.path)
    print_front(results)
    if outcome.spent:
        _say(f"ended by its budget: {outcome.spent}")
    _say(
        f"{outcome.completed} trials completed, {outcome.stopped} stopped, "
        f"{outcome.failed} failed; report: {folder.path / 'report.html'}\n"
        f"next: sweep front {folder.path} --max-drop 0.01 | sweep report {folder.path}"
        + ("" if outcome.spent else _how_to_extend(config, folder, view.progress.planned))
    )
    if outcome.failed:
        sys.exit(SOME_FAILED)


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _how_to_extend(config: SweepConfig, folder: SweepFolder, planned: int) -> str:
    more = min(2 * planned, size(config.space))
    return f" | sweep resume {folder.path} --trials {more}" if more > planned else ""
