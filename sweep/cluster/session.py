"""A sweep from a config to its end, or on from where a ledger stops."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from sweep import __version__
from sweep.cluster.capacity import Capacity
from sweep.cluster.conductor import Conductor
from sweep.cluster.connect import connected
from sweep.cluster.interrupts import Abort, Interrupted, Stopped, cause, signals, stop_if_asked
from sweep.cluster.listeners import View
from sweep.cluster.preflight import preflight
from sweep.cluster.retention import Retention
from sweep.cluster.tune import Dense, run_through_tune
from sweep.compress.dense.ship import drop
from sweep.config import SweepConfig
from sweep.config.load import dump_yaml
from sweep.errors import ClusterError, UsageError
from sweep.ledger.file import VERSION, Event
from sweep.ledger.folder import SweepFolder, remove_empty
from sweep.ledger.objects import Fenced
from sweep.ledger.open import Journal
from sweep.ledger.store import absolute, read_text, write_text
from sweep.search.replay import Search
from sweep.search.rounds import is_of_confirm
from sweep.search.warm import describe, warm_events

# The corner of a sweep's hypervolume: the worst value of each objective, fixed before it runs.


def reference_point(config: SweepConfig, baseline: Mapping[str, Any]) -> dict[str, float]:
    """Objective -> its worst value that is still worth nothing, as far as one is known.

    For accuracy that of always answering the majority class; for sparsity 0; for sizes that of the
    dense model (in floats, though the baseline be quantised: some trials may not be); for epochs
    one more than the space has, so that a trial which runs to its end still counts; for F1 and
    Matthews' correlation 0. A loss and times have no worst value that anyone knows before a sweep:
    taking one from its records would move with them, so those objectives are left out, and there is
    no hypervolume, unless ``search.reference`` (which goes before all others) gives one.
    """
    majority = float(baseline["majority_accuracy"])
    worst = {
        ("accuracy", "max"): majority,
        ("accuracy_drop", "min"): float(baseline["accuracy"]) - majority,
        ("sparsity", "max"): 0.0,
        ("model_sparsity", "max"): 0.0,
        ("nonzero_params", "min"): _of_dense("nonzero_params", baseline),
        ("size_bytes", "min"): _of_dense("size_bytes", baseline),
        ("epoch", "min"): config.max_epochs + 1.0,
        ("f1", "max"): 0.0,
        ("matthews", "max"): 0.0,
    }
    known = {
        name: worst[name, way] for name, way in config.objectives.items() if (name, way) in worst
    }
    return {
        name: value
        for name in config.objectives
        if (value := config.search.reference.get(name, known.get(name))) is not None
    }


def _of_dense(name: str, baseline: Mapping[str, Any]) -> float:
    """A size of the model in floats; the baseline's own where that is in floats itself."""
    return float(baseline.get(f"dense_{name}", baseline[name]))


PACKAGES = ("ray", "optuna", "torch", "transformers", "datasets", "pandas")


@dataclass(frozen=True)
class Outcome:
    """How a sweep ended: the trials by status, and the budget that was spent, if one was."""

    completed: int
    stopped: int
    failed: int
    spent: str | None


def run_sweep(
    config: SweepConfig,
    folder: SweepFolder,
    view: View,
    *,
    address: str | None = None,
    trials: int | None = None,
) -> Outcome:
    """Begin the sweep in ``folder``, or go on with it; returns when it is done.

    ``trials`` raises the number of trials in all. Raises a :class:`~sweep.errors.SweepError` with
    the exit code that the contract gives; whatever is raised, the ledger holds all that happened.
    """
    begun = folder.holds_sweep
    if begun:
        folder.check_same(config)
    made = folder.create()
    with (
        signals() as stopped,
        folder.open(create=not begun, say=view.say) as ledger,
    ):
        try:
            spent = _conduct(config, folder, ledger, view, stopped, trials, address)
        except (Abort, SystemExit) as left:
            error = cause(left)
            if isinstance(error, Interrupted):
                if folder.holds_sweep:
                    ledger.append({"event": "interrupt", "signal": error.signal_name})
                raise error from None
            if isinstance(error, Fenced):  # another driver goes on
                raise error from None
            how = f"what was done is kept; to go on: sweep resume {folder.path}"
            raise type(error)(f"{error}; {how}") from None
        finally:
            _remove_unbegun(folder, ledger, made)
    count = view.progress.count
    return Outcome(count("completed"), count("stopped"), count("failed"), spent)


def _conduct(
    config: SweepConfig,
    folder: SweepFolder,
    ledger: Journal,
    view: View,
    stopped: Stopped,
    trials: int | None,
    address: str | None,
) -> str | None:
    """Replay what the ledger holds; connect to Ray only if that leaves something to do.

    Returns the budget that was spent, if one was.
    """
    search = Search(config)
    conductor = Conductor(
        search,
        ledger,
        config.objectives,
        Retention(folder.checkpoints, config.objectives),
        config.search.max_failures,
        view.take,
    )
    conductor.replay(ledger.events)
    _check_budget(search, folder, trials or 0)
    search.extend(trials or 0)
    told = [e["event"] for e in ledger.events if not is_of_confirm(e)]
    warm = [] if "baseline" in told else _warm_events(config, folder, ledger, view)
    if "baseline" not in told or not conductor.finished:
        where = address or os.environ.get("RAY_ADDRESS")
        with connected(where):
            stop_if_asked(stopped)
            if where:
                preflight(config, str(absolute(folder.path)), stopped, view.say)
            capacity, dense = Capacity(config), Dense(config, folder.dense, stopped)
            if "baseline" not in told:
                conductor.replay(_begin(config, folder, ledger, warm, view, dense))
            if read_text(folder.config) is None:
                write_text(folder.config, dump_yaml(config))
            if told:
                conductor.note({"event": "resume", "trials": search.max_trials})
            placed = dense.placed() if capacity.spans_machines else []
            _through_tune(config, folder, conductor, capacity, view, stopped, placed)
    elif told[-1] == "finish":
        return search.spent
    conductor.note({"event": "finish", "reason": search.why_no_more})
    conductor.retention.close()
    return search.spent


def _check_budget(search: Search, folder: SweepFolder, trials: int) -> None:
    """Refuse more trials where a budget is spent: they would never begin."""
    if search.spent and trials > search.max_trials:
        raise UsageError(
            f"no trial can be added: {search.spent}. A sweep keeps its settings; for more, begin a "
            f"new one that learns from it: sweep run {folder.config} search.trials={trials} "
            f"search.warm_start=[{folder.path}] --out DIR, with a larger search.budget"
        )


def _warm_events(
    config: SweepConfig, folder: SweepFolder, ledger: Journal, view: View
) -> list[Event]:
    """What the sweep learns from others, less what its ledger has already; said aloud."""
    have = [event["source"] for event in ledger.events if event["event"] == "warm"]
    events = [e for e in warm_events(config, folder.path) if e["source"] not in have]
    for event in events:
        view.say(describe(event))
    return events


def _begin(
    config: SweepConfig,
    folder: SweepFolder,
    ledger: Journal,
    warm: list[Event],
    view: View,
    dense: Dense,
) -> list[Event]:
    """Prepare the dense baseline; write the ledger's first events, or what it lost of them."""
    view.say("preparing data and dense baseline")
    started = time.time()
    if not ledger.events:
        drop(folder.dense)  # of a beginning that came to nothing, perhaps with other settings
    baseline = dense.figures(begins=True)
    view.say(
        f"dense baseline: accuracy {baseline['accuracy']:.4f} on {baseline['examples']} validation "
        f"examples ({time.time() - started:.0f} s)"
    )
    for warning in baseline["warnings"]:
        view.say(f"warning: {warning}")
    reference = reference_point(config, baseline)
    first: Event = {
        "event": "sweep",
        "version": VERSION,
        "name": config.name,
        "config": config.model_dump(mode="json"),
        "versions": _versions(),
        "directions": dict(config.objectives),
        "reference_point": reference,
    }
    events = [*([] if ledger.events else [first]), *warm]
    return ledger.append(*events, {"event": "baseline", **baseline, "reference_point": reference})


def _through_tune(
    config: SweepConfig,
    folder: SweepFolder,
    conductor: Conductor,
    capacity: Capacity,
    view: View,
    stopped: Stopped,
    dense: list[Any],
) -> None:
    workers = 0

    def tick() -> None:
        nonlocal workers
        stop_if_asked(stopped)
        if capacity.present > workers:
            workers = capacity.present
            conductor.note({"event": "workers", "count": workers})
        conductor.tidy()
        view.refresh()

    try:
        with view:
            run_through_tune(
                config,
                folder.checkpoints,
                folder.dense,
                conductor,
                lambda: capacity.limit,
                tick,
                dense,
            )
    except ClusterError as error:
        raise ClusterError(f"{error}: sweep resume {folder.path}") from error


def _versions() -> dict[str, str]:
    # Ours is not installed where a job brought it along.
    found = {name: version(name) for name in PACKAGES}
    return {"python": platform.python_version(), "prunesweep": __version__, **found}


def _remove_unbegun(folder: SweepFolder, ledger: Journal, made: list[Path]) -> None:
    """A sweep that never began leaves nothing behind, and no folder that it ``made``."""
    ledger.close()
    if folder.holds_sweep:
        return
    ledger.discard()
    drop(folder.dense)
    remove_empty(made)
