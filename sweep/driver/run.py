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
from sweep.driver.retention import Retention
from sweep.driver.view import View
from sweep.errors import ClusterError, StorageError, UsageError
from sweep.folder import SweepFolder
from sweep.ledger import VERSION, Event, Ledger
from sweep.search.state import Search

PACKAGES = ("prunesweep", "ray", "optuna", "torch", "transformers", "datasets", "pandas")


@dataclass(frozen=True)
class Outcome:
    """How a sweep ended: the trials by status."""

    completed: int
    stopped: int
    failed: int


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
    folder.create()
    with _signals() as stopped, Ledger.open(folder.ledger, create=not begun) as ledger:
        try:
            with connected(address or os.environ.get("RAY_ADDRESS")):
                return _conduct(config, folder, ledger, view, stopped, trials)
        except Abort as abort:
            if isinstance(abort.error, Interrupted):
                ledger.append({"event": "interrupt", "signal": abort.error.signal_name})
            raise abort.error from None
        finally:
            _remove_unbegun(folder, ledger)


def _conduct(
    config: SweepConfig,
    folder: SweepFolder,
    ledger: Ledger,
    view: View,
    stopped: Callable[[], Interrupted | None],
    trials: int | None,
) -> Outcome:
    search = Search(config)
    events = ledger.events
    workers = worker_count(config)
    if not events:
        events = _begin(config, folder, ledger, view, stopped)
        session: list[Event] = []
    else:
        session = [{"event": "resume", "trials": max(trials or 0, search.max_trials)}]
    conductor = Conductor(
        search,
        ledger,
        config.objectives,
        Retention(folder.checkpoints, config.objectives),
        config.search.max_failures,
        view.take,
    )
    conductor.replay(events)
    for event in [*session, {"event": "workers", "count": workers}]:
        conductor.note(event)
    if not conductor.finished:
        _tune(config, folder, conductor, workers, view, stopped)
    conductor.note({"event": "finish"})
    statuses = [trial.status for trial in search.trials.values()]
    return Outcome(*(statuses.count(name) for name in ("completed", "stopped", "failed")))


def _begin(
    config: SweepConfig,
    folder: SweepFolder,
    ledger: Ledger,
    view: View,
    stopped: Callable[[], Interrupted | None],
) -> list[Event]:
    """Prepare the dense baseline; write the config and the ledger's first two events."""
    view.say("preparing data and dense baseline")
    started = time.time()
    baseline = _prepare(config, stopped)
    view.say(
        f"dense baseline: accuracy {baseline['accuracy']:.4f} on {baseline['examples']} validation "
        f"examples ({time.time() - started:.0f} s)"
    )
    reference = {"accuracy": baseline["majority_accuracy"], "sparsity": 0.0}
    reference = {name: reference[name] for name in config.objectives if name in reference}
    first: Event = {
        "event": "sweep",
        "version": VERSION,
        "name": config.name,
        "config": config.model_dump(mode="json"),
        "versions": _versions(),
        "directions": dict(config.objectives),
        "reference_point": reference,
    }
    try:
        write_text(folder.config, dump_yaml(config))
    except OSError as error:
        raise StorageError(f"cannot write {folder.config}: {error.strerror or error}") from error
    return ledger.append(first, {"event": "baseline", **baseline, "reference_point": reference})


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
        if interrupted := stopped():
            raise Abort(interrupted)
    try:
        figures: dict[str, Any] = ray.get(future)
    except ray.exceptions.RayError as error:
        raise ClusterError(f"the baseline's worker died: {str(error).strip()[:300]}") from error
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
        if interrupted := stopped():
            raise Abort(interrupted)
        view.refresh()

    trainable = tune.with_parameters(
        Worker,
        settings=config.model_dump(mode="json"),
        checkpoints=str(folder.checkpoints.resolve()),
    )
    want = {"cpu": config.resources.cpu, "gpu": config.resources.gpu}
    with tempfile.TemporaryDirectory(prefix="prunesweep-") as scratch:
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
                callbacks=[Watch(conductor, tick)],
            ),
        )
        with view:
            tuner.fit()


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


def _versions() -> dict[str, str]:
    found = {name: version(name) for name in PACKAGES}
    return {"python": platform.python_version(), **found}


def _remove_unbegun(folder: SweepFolder, ledger: Ledger) -> None:
    """A sweep that never began leaves no folder that would be in the way of the next try."""
    ledger.close()
    if folder.holds_sweep:
        return
    for path in (folder.ledger, folder.ledger.with_suffix(".lock"), folder.config):
        path.unlink(missing_ok=True)
    if folder.path.is_dir() and not any(Path(folder.path).iterdir()):
        folder.path.rmdir()
