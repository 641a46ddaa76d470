"""What a driver asks of Ray: the dense model and its figures from one task, trials through Tune."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import ray
from ray import cloudpickle
from ray.tune import Callback
from ray.tune.experiment import Trial
from ray.tune.schedulers import FIFOScheduler, TrialScheduler
from ray.tune.search import Searcher

from sweep.cluster.interrupts import Stopped, stop_if_asked
from sweep.compress.dense.ship import kept as is_kept
from sweep.config import CLOSED_FORM, SweepConfig
from sweep.errors import ClusterError, StorageError, UsageError
from sweep.ledger.store import Place, absolute

MOST = 10_000
"""What Tune is told of how many trials wait or run at a time: the true bound may change."""


class Dense:
    """The dense baseline of a sweep, made in a worker process: the driver never loads a model.

    ``place`` is where the sweep keeps it.
    """

    def __init__(self, config: SweepConfig, place: Place, stopped: Stopped) -> None:
        self.config, self.place, self.stopped = config, absolute(place), stopped
        self._parcel: Any = None

    def figures(self, split: str = "validation", begins: bool = False) -> dict[str, Any]:
        """The dense model's figures on a split. A sweep that ``begins`` keeps the model.

        Raises :class:`~sweep.errors.UsageError` for what is wrong with model or data, and
        :class:`~sweep.cluster.interrupts.Abort` on a signal.
        """
        import ray

        try:
            figures, self._parcel = self._prepare(split, begins)
        except ray.exceptions.RayTaskError:  # a fault of ours: its traceback is what helps
            raise
        except ray.exceptions.RayError as error:
            first = (str(error).strip().splitlines() or [type(error).__name__])[0]
            raise ClusterError(f"the baseline's worker died: {first}") from error
        if kind := figures.get("error"):
            raise (StorageError if kind == "StorageError" else UsageError)(figures["message"])
        return figures

    def placed(self) -> list[Any]:
        """A reference to the packed model, for workers on machines that have not made it.

        The object is the driver's own, so that no machine that goes takes it along. Empty for a
        task without a model, and where workers find the model with the sweep. Raises as
        :meth:`figures` does.
        """
        import ray

        if self.config.task.dataset == CLOSED_FORM or is_kept(self.place):
            return []
        if self._parcel is None:
            self.figures()
        parcel, self._parcel = ray.get(self._parcel), None
        return [ray.put(parcel)]

    def _prepare(self, split: str, begins: bool) -> tuple[dict[str, Any], Any]:
        """The figures, and a reference to the packed model, which stays where it was made."""
        import ray

        from sweep.cluster.worker import prepare

        want = self.config.resources
        task = ray.remote(num_cpus=want.cpu, num_gpus=want.gpu, max_retries=2, num_returns=2)
        settings = self.config.model_dump(mode="json")
        figures, parcel = task(prepare).remote(settings, split, str(self.place), begins)
        while not ray.wait([figures], timeout=0.2)[0]:
            stop_if_asked(self.stopped)
        return ray.get(figures), parcel


def run_through_tune(
    config: SweepConfig,
    checkpoints: Place,
    kept: Place,
    conductor: Conducts,
    limit: Callable[[], int],
    tick: Callable[[], None],
    dense: Sequence[Any] = (),
) -> None:
    """Let Ray Tune run what the conductor hands out, until it has no more.

    ``checkpoints`` is the root folder that workers keep them in, ``kept`` that of the dense model;
    ``limit()`` is how many trials may be out at this moment; ``tick`` is called several times a
    second; ``dense`` is what :meth:`Dense.placed` gave. Raises
    :class:`~sweep.errors.ClusterError` where Tune ends before its time.
    """
    from ray import tune

    pass
    from sweep.cluster.machines import is_going
    from sweep.cluster.worker import Worker

    trainable = tune.with_parameters(
        Worker,
        settings=config.model_dump(mode="json"),
        checkpoints=str(absolute(checkpoints)),
        kept=str(absolute(kept)),
        dense=list(dense),
    )
    want = {"cpu": config.resources.cpu, "gpu": config.resources.gpu}
    with tempfile.TemporaryDirectory(prefix="prunesweep-", ignore_cleanup_errors=True) as scratch:
        tuner = tune.Tuner(
            tune.with_resources(trainable, want),
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


# Thin adapters between Ray Tune's hooks and whoever conducts the sweep.
#
# Tune asks its search algorithm what to run, its scheduler whether to go on, and its callbacks what
# happens. All three pass the question on to one :class:`Conducts`; none keeps state of its own.
# Retries are ours too (``max_failures`` of Tune stays 0), because Tune would not write them down.


class Conducts(Protocol):
    """What the adapters need of a driver."""

    @property
    def finished(self) -> bool: ...

    def next(self) -> dict[str, Any] | None: ...

    def started(self, assignment: Mapping[str, Any]) -> None: ...

    def report(self, trial_id: str, attempt: int, result: Mapping[str, Any]) -> bool: ...

    def lost(self, trial_id: str, attempt: int, reason: str, preempted: bool) -> None: ...


class _NotSaved:
    """Tune pickles what it is given, for a restore that we never do (the ledger is the state)."""

    def __getstate__(self) -> dict[str, Any]:
        return {}


class HandOut(_NotSaved, Searcher):  # type: ignore[misc]
    """Gives Tune the next assignment; not OptunaSearch, whose faults FACTS.md lists.

    No more are out at a time than ``limit()`` says, which may change as the cluster does.
    """

    def __init__(self, conductor: Conducts, limit: Callable[[], int]) -> None:
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

    def __init__(self, conductor: Conducts, is_going: Callable[[str], bool]) -> None:
        super().__init__()
        self.conductor, self.is_going = conductor, is_going

    def on_trial_result(self, tune_controller: Any, trial: Trial, result: dict[str, Any]) -> str:
        """Pass a worker's result on."""
        over = self.conductor.report(*_who(trial), result)
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

    def __init__(self, conductor: Conducts, tick: Callable[[], None]) -> None:
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
