"""A sweep from a config to its end, or on from where a ledger stops."""

from __future__ import annotations

import os
import platform
import signal
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from sweep.atomic import write_text
from sweep.config import SweepConfig
from sweep.config_io import dump_yaml
from sweep.driver.abort import Abort, Interrupted
from sweep.driver.cluster import connected, worker_count
from sweep.driver.conductor import Conductor
from sweep.driver.reference import reference_point
from sweep.driver.retention import Retention
from sweep.driver.view import View
from sweep.errors import ClusterError, StorageError, UsageError
from sweep.folder import SweepFolder, remove_empty
from sweep.ledger import VERSION, Event, Ledger
from sweep.search.state import Search
from sweep.search.warm import describe, warm_events

# While Ray starts, a handler of its own answers SIGTERM with SystemExit.
_SIGTERM = Interrupted("SIGTERM", signal.SIGTERM)

PACKAGES = ("prunesweep", "ray", "optuna", "torch", "transformers", "datasets", "pandas")


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
    with _signals() as stopped, Ledger.open(folder.ledger, create=not begun) as ledger:
        try:
            spent = _conduct(config, folder, ledger, view, stopped, trials, address)
        except (Abort, SystemExit) as left:
            error = left.error if isinstance(left, Abort) else _SIGTERM
            if isinstance(error, Interrupted):
                if folder.holds_sweep:
                    ledger.append({"event": "interrupt", "signal": error.signal_name})
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
    ledger: Ledger,
    view: View,
    stopped: Callable[[], Interrupted | None],
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
    told = [event["event"] for event in ledger.events]
    warm = [] if "baseline" in told else _warm_events(config, folder, ledger, view)
    if "baseline" not in told or not conductor.finished:
        with connected(address or os.environ.get("RAY_ADDRESS")):
            _stop_if_asked(stopped)
            workers = worker_count(config)
            if "baseline" not in told:
                conductor.replay(_begin(config, ledger, warm, view, stopped))
            if not folder.config.is_file():
                _write_config(config, folder)
            if told:
                conductor.note({"event": "resume", "trials": search.max_trials})
            conductor.note({"event": "workers", "count": workers})
            _tune(config, folder, conductor, workers, view, stopped)
    elif told[-1] == "finish":
        return search.spent
    conductor.note({"event": "finish", "reason": search.why_no_more})
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
    config: SweepConfig, folder: SweepFolder, ledger: Ledger, view: View
) -> list[Event]:
    """What the sweep learns from others, less what its ledger has already; said aloud."""
    have = [event["source"] for event in ledger.events if event["event"] == "warm"]
    events = [e for e in warm_events(config, folder.path) if e["source"] not in have]
    for event in events:
        view.say(describe(event))
    return events


def _begin(
    config: SweepConfig,
    ledger: Ledger,
    warm: list[Event],
    view: View,
    stopped: Callable[[], Interrupted | None],
) -> list[Event]:
    """Prepare the dense baseline; write the ledger's first events, or what it lost of them."""
    view.say("preparing data and dense baseline")
    started = time.time()
    baseline = _prepare(config, stopped)
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


def _write_config(config: SweepConfig, folder: SweepFolder) -> None:
    try:
        write_text(folder.config, dump_yaml(config))
    except OSError as error:
        raise StorageError(f"cannot write {folder.config}: {error.strerror or error}") from error


def _prepare(config: SweepConfig, stopped: Callable[[], Interrupted | None]) -> dict[str, Any]:
    """The dense baseline's figures, made in a worker process: the driver never holds a model.

    Raises :class:`~sweep.errors.UsageError` for what is wrong with model or data, and
    :class:`~sweep.driver.abort.Abort` on a signal.
    """
    import ray

    from sweep.driver.worker import prepare

    want = config.resources
    cpus = max(want.cpu, ray.cluster_resources().get("CPU", 1) if not want.gpu else want.cpu)
    threads = min(int(cpus), os.cpu_count() or 1) or 1
    task = ray.remote(num_cpus=want.cpu, num_gpus=want.gpu, max_retries=2)(prepare)
    future = task.remote(config.model_dump(mode="json"), threads)
    while not ray.wait([future], timeout=0.2)[0]:
        _stop_if_asked(stopped)
    try:
        figures: dict[str, Any] = ray.get(future)
    except ray.exceptions.RayTaskError:  # a fault of ours: its traceback is what helps
        raise
    except ray.exceptions.RayError as error:
        first = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise ClusterError(f"the baseline's worker died: {first}") from error
    if kind := figures.get("error"):
        raise (StorageError if kind == "StorageError" else UsageError)(figures["message"])
    return figures


def _tune(
    config: SweepConfig,
    folder: SweepFolder,
    conductor: Conductor,
    workers: int,
    view: View,
    stopped: Callable[[], Interrupted | None],
) -> None:
    """Let Ray Tune run what the conductor hands out, until it has no more."""
    from ray import tune

    from sweep.driver.worker import Worker
    from sweep.search.hooks import Decide, HandOut, Watch

    def tick() -> None:
        _stop_if_asked(stopped)
        conductor.tidy()
        view.refresh()

    trainable = tune.with_parameters(
        Worker,
        settings=config.model_dump(mode="json"),
        checkpoints=str(folder.checkpoints.resolve()),
    )
    want = {"cpu": config.resources.cpu, "gpu": config.resources.gpu}
    with tempfile.TemporaryDirectory(prefix="prunesweep-", ignore_cleanup_errors=True) as scratch:
        tuner = tune.Tuner(
            tune.with_resources(trainable, want),
            tune_config=tune.TuneConfig(
                search_alg=HandOut(conductor),
                scheduler=Decide(conductor),
                num_samples=-1,
                max_concurrent_trials=workers,
                reuse_actors=True,
            ),
            run_config=tune.RunConfig(
                name="tune",
                storage_path=scratch,
                verbose=0,
                # A save that fails at the end would cost the warm actor; checkpoints are ours.
                checkpoint_config=tune.CheckpointConfig(checkpoint_at_end=False),
                callbacks=[Watch(conductor, tick)],
            ),
        )
        with view:
            tuner.fit()
    if not conductor.finished:
        raise ClusterError(f"Ray Tune ended before the sweep did: sweep resume {folder.path}")


@contextmanager
def _signals() -> Iterator[Callable[[], Interrupted | None]]:
    """Turn SIGINT and SIGTERM into an answer to "were we stopped?" for the time of the block."""
    got: list[int] = []

    def remember(number: int, frame: object) -> None:
        got.append(number)
        if len(got) > 2:  # a person who insists
            raise KeyboardInterrupt

    def stopped() -> Interrupted | None:
        for number in (signal.SIGINT, signal.SIGTERM):  # ray.init puts its own in place of ours
            if signal.getsignal(number) is not remember:
                signal.signal(number, remember)
        return Interrupted(signal.Signals(got[0]).name, got[0]) if got else None

    before = {n: signal.signal(n, remember) for n in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stopped
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _stop_if_asked(stopped: Callable[[], Interrupted | None]) -> None:
    if interrupted := stopped():
        raise Abort(interrupted)


def _versions() -> dict[str, str]:
    found = {name: version(name) for name in PACKAGES}
    return {"python": platform.python_version(), **found}


def _remove_unbegun(folder: SweepFolder, ledger: Ledger, made: list[Path]) -> None:
    """A sweep that never began leaves nothing behind, and no folder that it ``made``."""
    ledger.close()
    if folder.holds_sweep:
        return
    for path in (folder.ledger, folder.ledger.with_suffix(".lock")):
        path.unlink(missing_ok=True)
    remove_empty(made)
