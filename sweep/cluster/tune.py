"""Trials through Ray Tune: what a conductor hands out is run, and what happens is told to it.

Tune asks its search algorithm what to run, its scheduler whether to go on, and its callbacks what
happens. Three thin adapters pass each question on to the conductor; none keeps state of its own.
Retries are the conductor's too (``max_failures`` of Tune stays 0): Tune would not write them down.

Importing this module imports Ray, which then reads :data:`sweep.cluster.connect.ENVIRONMENT`.
"""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import ray
from ray import cloudpickle, tune
from ray.tune import Callback
from ray.tune.experiment import Trial
from ray.tune.schedulers import FIFOScheduler, TrialScheduler
from ray.tune.search import Searcher

from sweep.cluster.baseline import additions
from sweep.cluster.conductor import REPORT, Conductor
from sweep.cluster.machines import is_going
from sweep.cluster.worker import Worker
from sweep.config import SweepConfig
from sweep.errors import ClusterError
from sweep.ledger.store import Store

MOST = 10_000
"""What Tune is told of how many trials wait or run at a time: the true bound may change."""


def run_through_tune(
    config: SweepConfig,
    checkpoints: Store,
    kept: Store,
    conductor: Conductor,
    limit: Callable[[], int],
    tick: Callable[[], None],
    dense: Sequence[Any] = (),
) -> None:
    """Let Ray Tune run what the conductor hands out, until it has no more.

    ``checkpoints`` is the root folder that workers keep them in, ``kept`` that of the dense model;
    ``limit()`` is how many trials may be out at this moment; ``tick`` is called several times a
    second; ``dense`` is what :meth:`sweep.cluster.baseline.Dense.placed` gave. Raises
    :class:`~sweep.errors.ClusterError` where Tune ends before its time.
    """
    with tempfile.TemporaryDirectory(prefix="prunesweep-", ignore_cleanup_errors=True) as scratch:
        tuner = tune.Tuner(
            _trainable(config, checkpoints, kept, dense),
            tune_config=tune.TuneConfig(
                search_alg=HandOut(conductor, limit),
                scheduler=Decide(conductor, is_going),
                num_samples=-1,
                max_concurrent_trials=MOST,
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
        tuner.fit()
    if not conductor.finished:
        raise ClusterError("Ray Tune ended before all was done")


def _trainable(config: SweepConfig, checkpoints: Store, kept: Store, dense: Sequence[Any]) -> Any:
    """The worker of a sweep, with the resources that it wants."""
    worker = tune.with_parameters(
        Worker,
        settings=config.model_dump(mode="json"),
        added=additions(),
        checkpoints=str(checkpoints.absolute()),
        kept=str(kept.absolute()),
        dense=list(dense),
    )
    want = {"cpu": config.resources.cpu, "gpu": config.resources.gpu}
    return tune.with_resources(worker, want)


class _NotSaved:
    """Tune pickles what it is given, for a restore that we never do (the ledger is the state)."""

    def __getstate__(self) -> dict[str, Any]:
        return {}


class HandOut(_NotSaved, Searcher):  # type: ignore[misc]
    """Gives Tune the next assignment.

    No more are out at a time than ``limit()`` says, which may change as the cluster does.
    """

    def __init__(self, conductor: Conductor, limit: Callable[[], int]) -> None:
        super().__init__()
        self.conductor, self.limit = conductor, limit
        self._out: set[str] = set()

    def suggest(self, trial_id: str) -> Any:
        """An assignment, None while all that may be out is, or none waits yet, or the end."""
        if len(self._out) >= self.limit():
            return None
        assignment = self.conductor.next()
        if assignment is not None:
            self._out.add(trial_id)
            return assignment
        return Searcher.FINISHED if self.conductor.finished else None

    def on_trial_complete(
        self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False
    ) -> None:
        """One fewer is out; the conductor heard of it from the scheduler's hook."""
        self._out.discard(trial_id)

    def save(self, checkpoint_path: str) -> None:
        """Nothing: the ledger is the state."""

    def restore(self, checkpoint_path: str) -> None:
        """Nothing: a sweep is rebuilt from its ledger."""


class Decide(_NotSaved, FIFOScheduler):  # type: ignore[misc]
    """Starts trials in order; asks the conductor after each result whether to go on.

    ``is_going(node_id)`` says whether a node was told to go: a worker that goes with it is no
    failure of its trial.
    """

    def __init__(self, conductor: Conductor, is_going: Callable[[str], bool]) -> None:
        super().__init__()
        self.conductor, self.is_going = conductor, is_going

    def on_trial_result(self, tune_controller: Any, trial: Trial, result: dict[str, Any]) -> str:
        """Pass a worker's result on."""
        over = self.conductor.report(*_who(trial), result[REPORT])
        return str(TrialScheduler.STOP if over else TrialScheduler.CONTINUE)

    def on_trial_error(self, tune_controller: Any, trial: Trial) -> None:
        """A worker died, or broke outside of its trial, or was taken away."""
        error = _error(trial)
        preempted = self._is_preempted(error)
        reason = "its machine was told to go" if preempted else _reason(error)
        self.conductor.lost(*_who(trial), reason, preempted)

    def _is_preempted(self, error: BaseException | None) -> bool:
        """By what Ray says of the actor's death, or of the node that it was on.

        The actor may be known dead before its node is, so that either alone would miss some.
        """
        if getattr(error, "preempted", False):
            return True
        actor_id = getattr(error, "actor_id", None)
        node_id = _node_of(actor_id) if actor_id else None
        return node_id is not None and self.is_going(node_id)


class Watch(_NotSaved, Callback):  # type: ignore[misc]
    """Tells the conductor of starts, and calls ``tick`` several times a second."""

    def __init__(self, conductor: Conductor, tick: Callable[[], None]) -> None:
        self.conductor, self.tick = conductor, tick

    def on_step_begin(self, iteration: int, trials: list[Trial], **info: Any) -> None:
        """A turn of Tune's loop, at most 0.1 s after the last."""
        self.tick()

    def on_trial_start(
        self, iteration: int, trials: list[Trial], trial: Trial, **info: Any
    ) -> None:
        """An actor, new or reused, has taken the trial."""
        self.conductor.started(trial.config)


def _who(trial: Trial) -> tuple[str, int]:
    return trial.config["trial_id"], trial.config["attempt"]


def _node_of(actor_id: str) -> str | None:
    """The node that an actor is or was on, where Ray knows it."""
    with contextlib.suppress(Exception):  # not public: nothing may hang on it
        found = ray._private.state.state.actor_table(actor_id)
        return str(found["Address"]["NodeID"])
    return None


def _error(trial: Trial) -> BaseException | None:
    """What ended a trial of Tune's, which has it in a file beside the trial (and nowhere else)."""
    with contextlib.suppress(Exception):
        found = cloudpickle.loads(Path(trial.pickled_error_file).read_bytes())
        return found if isinstance(found, BaseException) else None
    return None


def _reason(error: BaseException | None) -> str:
    """The last line of what Ray says about a failure."""
    lines = [line for line in str(error or "").strip().splitlines() if line.strip()]
    return lines[-1].strip()[:300] if lines else "the worker died"
