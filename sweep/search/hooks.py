"""Thin adapters between Ray Tune's hooks and whoever conducts the sweep.

Tune asks its search algorithm what to run, its scheduler whether to go on, and its callbacks what
happens. All three pass the question on to one :class:`Conducts`; none keeps state of its own.
Retries are ours too (``max_failures`` of Tune stays 0), because Tune would not write them down.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from ray.tune import Callback
from ray.tune.experiment import Trial
from ray.tune.schedulers import FIFOScheduler, TrialScheduler
from ray.tune.search import Searcher


class Conducts(Protocol):
    """What the adapters need of a driver."""

    @property
    def finished(self) -> bool: ...

    def next(self) -> dict[str, Any] | None: ...

    def started(self, assignment: Mapping[str, Any]) -> None: ...

    def report(self, trial_id: str, attempt: int, result: Mapping[str, Any]) -> bool: ...

    def lost(self, trial_id: str, attempt: int, reason: str) -> None: ...


class _NotSaved:
    """Tune pickles what it is given, for a restore that we never do (the ledger is the state)."""

    def __getstate__(self) -> dict[str, Any]:
        return {}


class HandOut(_NotSaved, Searcher):  # type: ignore[misc]
    """Gives Tune the next assignment; not OptunaSearch, whose faults FACTS.md lists."""

    def __init__(self, conductor: Conducts) -> None:
        super().__init__()
        self.conductor = conductor

    def suggest(self, trial_id: str) -> Any:
        """An assignment, None while a running trial may still have to be retried, or the end."""
        assignment = self.conductor.next()
        if assignment is not None:
            return assignment
        return Searcher.FINISHED if self.conductor.finished else None

    def on_trial_complete(
        self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False
    ) -> None:
        """Nothing: the conductor heard of it from the scheduler's hook."""

    def save(self, checkpoint_path: str) -> None:
        """Nothing: the ledger is the state."""

    def restore(self, checkpoint_path: str) -> None:
        """Nothing: a sweep is rebuilt from its ledger."""


class Decide(_NotSaved, FIFOScheduler):  # type: ignore[misc]
    """Starts trials in order; asks the conductor after each result whether to go on."""

    def __init__(self, conductor: Conducts) -> None:
        super().__init__()
        self.conductor = conductor

    def on_trial_result(self, tune_controller: Any, trial: Trial, result: dict[str, Any]) -> str:
        """Pass a worker's result on."""
        over = self.conductor.report(*_who(trial), result)
        return str(TrialScheduler.STOP if over else TrialScheduler.CONTINUE)

    def on_trial_error(self, tune_controller: Any, trial: Trial) -> None:
        """A worker died, or broke outside of its trial."""
        self.conductor.lost(*_who(trial), _reason(trial))


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


def _reason(trial: Trial) -> str:
    """The last line of what Ray says about a failure."""
    error = trial.get_error()
    lines = [line for line in str(error or "").strip().splitlines() if line.strip()]
    return lines[-1].strip()[:300] if lines else "the worker died"
