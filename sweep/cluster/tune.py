"""Run the conductor's jobs through Ray Tune, and report what happens to the conductor.

Tune asks its search algorithm which trial to run and its scheduler whether to continue a trial, and
tells its callbacks what happens. Three thin adapters pass each question on to the conductor, and
keep no state of the sweep. The conductor also makes the retries, because Tune would not write them
to the ledger (``max_failures`` of Tune stays 0).

Importing this module imports Ray, which reads the variables of
:data:`sweep.cluster.connect.ENVIRONMENT` at that moment.
"""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import ray
from ray import cloudpickle, tune
from ray.tune import Callback
from ray.tune.experiment import Trial
from ray.tune.schedulers import FIFOScheduler, TrialScheduler
from ray.tune.search import Searcher

from sweep.cluster.baseline import Dense, additions
from sweep.cluster.capacity import Capacity
from sweep.cluster.conductor import REPORT, Conductor
from sweep.cluster.interrupts import Abort
from sweep.cluster.machines import is_drained
from sweep.cluster.worker import Worker
from sweep.errors import ClusterError
from sweep.ledger.store import Store


def run_through_tune(
    dense: Dense,
    capacity: Capacity,
    checkpoints: Store,
    conductor: Conductor,
    tick: Callable[[], None],
) -> None:
    """Let Ray Tune run the conductor's jobs until there are no more.

    ``checkpoints`` is the root folder of the checkpoints, and ``tick`` is called several times a
    second. Raises :class:`~sweep.cluster.interrupts.Abort` if Tune ends before all jobs have.
    """
    with tempfile.TemporaryDirectory(prefix="prunesweep-", ignore_cleanup_errors=True) as scratch:
        tuner = tune.Tuner(
            _trainable(dense, checkpoints),
            tune_config=tune.TuneConfig(
                search_alg=HandOut(conductor, capacity),
                scheduler=Decide(conductor),
                num_samples=-1,
                max_concurrent_trials=10_000,  # out of reach: the true bound, limit(), may change
                reuse_actors=True,
            ),
            run_config=tune.RunConfig(
                name="tune",
                storage_path=scratch,
                verbose=0,
                # Workers save checkpoints themselves; a failed save by Tune would end a warm actor.
                checkpoint_config=tune.CheckpointConfig(checkpoint_at_end=False),
                callbacks=[Watch(conductor, tick)],
            ),
        )
        tuner.fit()
    if not conductor.finished:
        raise Abort(ClusterError("Ray Tune ended before all trials had ended"))


def _trainable(dense: Dense, checkpoints: Store) -> Any:
    """The worker class of a sweep, with the resources that one worker reserves."""
    dense.store()
    config = dense.config
    worker = tune.with_parameters(
        Worker,
        settings=config.model_dump(mode="json"),
        added=additions(),
        checkpoints=str(checkpoints.absolute()),
        kept=str(dense.place),
    )
    want = {"cpu": config.resources.cpu, "gpu": config.resources.gpu}
    return tune.with_resources(worker, want)


class _NotSaved:
    """Has an empty pickle: Tune pickles its parts for `Tuner.restore`, which we never call."""

    def __getstate__(self) -> dict[str, Any]:
        return {}


class HandOut(_NotSaved, Searcher):  # type: ignore[misc]
    """The search algorithm: gives Tune the next assignment.

    At most ``capacity.limit`` trials run or wait for a worker at a time; the limit may change.
    """

    def __init__(self, conductor: Conductor, capacity: Capacity) -> None:
        super().__init__()
        self.conductor, self.capacity = conductor, capacity
        self._out: set[str] = set()

    def suggest(self, trial_id: str) -> Any:
        """The next assignment; None if the limit is reached or no job is ready; or FINISHED."""
        if len(self._out) >= self.capacity.limit:
            return None
        assignment = self.conductor.next()
        if assignment is not None:
            self._out.add(trial_id)
            return assignment
        return Searcher.FINISHED if self.conductor.finished else None

    def on_trial_complete(
        self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False
    ) -> None:
        self._out.discard(trial_id)

    def save(self, checkpoint_path: str) -> None:
        """Do nothing: the ledger is the state, from which a sweep is rebuilt."""

    def restore(self, checkpoint_path: str) -> None:
        """Do nothing."""


class Decide(_NotSaved, FIFOScheduler):  # type: ignore[misc]
    """The scheduler: starts trials in order, and asks the conductor after each result."""

    def __init__(self, conductor: Conductor) -> None:
        super().__init__()
        self.conductor = conductor

    def on_trial_result(self, tune_controller: Any, trial: Trial, result: dict[str, Any]) -> str:
        over = self.conductor.report(*_attempt_of(trial), result[REPORT])
        return str(TrialScheduler.STOP if over else TrialScheduler.CONTINUE)

    def on_trial_error(self, tune_controller: Any, trial: Trial) -> None:
        """Report a lost worker: it died, or failed outside of its trial, or left a drained node."""
        error = _error(trial)
        preempted = self._is_preempted(error)
        reason = "its machine was drained" if preempted else _reason(error)
        self.conductor.lost(*_attempt_of(trial), reason, preempted)

    def _is_preempted(self, error: BaseException | None) -> bool:
        """Whether a worker was lost with a drained node, by Ray's error or the node's state."""
        # Ray may report the death of the actor before that of its node: neither alone is enough.
        if getattr(error, "preempted", False):
            return True
        with contextlib.suppress(Exception):  # a private interface: its absence must not matter
            actor = ray._private.state.state.actor_table(getattr(error, "actor_id", None))
            return is_drained(str(actor["Address"]["NodeID"]))
        return False


class Watch(_NotSaved, Callback):  # type: ignore[misc]
    """The callback: reports starts to the conductor, and calls ``tick`` several times a second."""

    def __init__(self, conductor: Conductor, tick: Callable[[], None]) -> None:
        self.conductor, self.tick = conductor, tick

    def on_step_begin(self, iteration: int, trials: list[Trial], **info: Any) -> None:
        """Called in each iteration of Tune's loop, at least every 0.1 s."""
        self.tick()

    def on_trial_start(
        self, iteration: int, trials: list[Trial], trial: Trial, **info: Any
    ) -> None:
        self.conductor.started(trial.config)


def _attempt_of(trial: Trial) -> tuple[str, int]:
    return trial.config["trial_id"], trial.config["attempt"]


def _error(trial: Trial) -> BaseException | None:
    """The error that ended a trial of Tune, which keeps it only in a file beside the trial."""
    with contextlib.suppress(Exception):
        found = cloudpickle.loads(Path(trial.pickled_error_file).read_bytes())
        return found if isinstance(found, BaseException) else None
    return None


def _reason(error: BaseException | None) -> str:
    """The last line of Ray's message about a failure."""
    lines = str(error or "").strip().splitlines() or ["the worker died"]
    return lines[-1].strip()[:300]
