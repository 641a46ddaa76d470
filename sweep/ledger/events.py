"""The events of a ledger: what each kind holds.

An event is a plain dict, as its JSON line has it: ``event`` names the kind, ``time`` (unix seconds)
is added by the ledger. Everywhere but here, in :mod:`sweep.search.replay`,
:mod:`sweep.search.rounds` and :mod:`analysis.tables`, a kind is written by its name below, which
also tells the type checker what an event holds::

    if event["event"] == RECORD:
        event["epoch"]  # an int

The types say what this version writes; a key that older versions did not write is ``NotRequired``.
A ledger that comes from elsewhere may lack any key: see :data:`ReadEvent`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final, Literal, NotRequired, Self, TypedDict

SWEEP: Final = "sweep"
WARM: Final = "warm"
BASELINE: Final = "baseline"
WORKERS: Final = "workers"
TRIAL: Final = "trial"
START: Final = "start"
RECORD: Final = "record"
DECISION: Final = "decision"
LOST: Final = "lost"
END: Final = "end"
RESUME: Final = "resume"
INTERRUPT: Final = "interrupt"
FINISH: Final = "finish"
CONFIRM: Final = "confirm"
CONFIRM_BASELINE: Final = "confirm_baseline"
CONFIRM_START: Final = "confirm_start"
CONFIRM_RECORD: Final = "confirm_record"
CONFIRM_LOST: Final = "confirm_lost"
CONFIRM_END: Final = "confirm_end"
CONFIRM_FINISH: Final = "confirm_finish"

Ended = Literal["completed", "stopped", "failed"]
ConfirmEnded = Literal["completed", "failed"]


class _Stamped(TypedDict):
    time: NotRequired[float]


class _OfAttempt(_Stamped):
    trial_id: str
    attempt: int


class SweepEvent(_Stamped):
    """A sweep begins: the first line of every ledger."""

    event: Literal["sweep"]
    version: int
    name: str
    config: dict[str, Any]
    versions: dict[str, str]
    directions: dict[str, str]
    reference_point: dict[str, float]


class WarmEvent(_Stamped):
    """What another sweep observed, for this one to learn from."""

    event: Literal["warm"]
    source: str
    name: str | None
    used: int
    skipped: dict[str, int]
    differs: list[str]
    observations: list[dict[str, Any]]


class BaselineEvent(_Stamped):
    """The dense model's figures on validation, and many more of them than are named here."""

    event: Literal["baseline"]
    accuracy: float
    examples: int
    warnings: list[str]
    reference_point: dict[str, float]


class WorkersEvent(_Stamped):
    """So many workers are there at a time from now on."""

    event: Literal["workers"]
    count: int


class TrialEvent(_Stamped):
    """A trial is proposed."""

    event: Literal["trial"]
    trial_id: str
    number: int
    params: dict[str, Any]
    seed: int
    sampler_attrs: dict[str, Any]


class StartEvent(_OfAttempt):
    """A worker begins an attempt (1, 2, ...) at a trial, after the epoch recorded last."""

    event: Literal["start"]
    epoch: int | None


class RecordEvent(_OfAttempt):
    """One evaluation of a trial: the figures of a :class:`~sweep.ledger.record.Record`."""

    event: Literal["record"]
    worker: NotRequired[str | None]
    stage: str
    epoch: int
    partial: bool
    accuracy: float
    loss: float
    examples: int
    sparsity: float
    seconds: float
    baseline_accuracy: NotRequired[float]


class DecisionEvent(_Stamped):
    """What the trial scheduler decides on a record at a rung (:mod:`sweep.search.moasha`).

    ``rung`` counts from 0; ``peers`` is the number of other records compared with; ``rank`` is the
    front that the trial is on (0: nobody beats it); ``beaten_by`` names up to five peers, best
    first.
    """

    event: Literal["decision"]
    trial_id: str
    epoch: int
    rung: int
    action: Literal["continue", "stop"]
    reason: str
    peers: int
    rank: int
    beaten_by: list[str]


class LostEvent(_OfAttempt):
    """The worker of an attempt died, or was taken away with its machine (``preempted``)."""

    event: Literal["lost"]
    reason: str
    preempted: NotRequired[bool]


class EndEvent(_Stamped):
    """A trial has ended; ``error`` says why it failed."""

    event: Literal["end"]
    trial_id: str
    status: Ended
    error: str | None


class ResumeEvent(_Stamped):
    """A driver goes on, up to ``trials`` in all."""

    event: Literal["resume"]
    trials: int


class InterruptEvent(_Stamped):
    """A driver ends because of a signal."""

    event: Literal["interrupt"]
    signal: str


class FinishEvent(_Stamped):
    """The search is over."""

    event: Literal["finish"]
    reason: str | None


class ConfirmEvent(_Stamped):
    """A round of confirmation, numbered from 0, wants each of these points under each seed."""

    event: Literal["confirm"]
    confirm: int
    points: list[dict[str, Any]]
    seeds: list[int]


class ConfirmBaselineEvent(_Stamped):
    """The dense model's figures on test, as many as in a :class:`BaselineEvent`."""

    event: Literal["confirm_baseline"]
    accuracy: float
    examples: int
    split: str


class ConfirmStartEvent(_OfAttempt):
    """A worker begins an attempt at a retraining."""

    event: Literal["confirm_start"]
    seed: int


class ConfirmRecordEvent(_OfAttempt):
    """The figures of a retraining: those of a record, on test, and some on validation."""

    event: Literal["confirm_record"]
    seed: int
    worker: str | None
    split: str
    epoch: int
    accuracy: float
    validation_accuracy: float


class ConfirmLostEvent(_OfAttempt):
    """As :class:`LostEvent`, of a retraining."""

    event: Literal["confirm_lost"]
    seed: int
    reason: str
    preempted: NotRequired[bool]


class ConfirmEndEvent(_Stamped):
    """As :class:`EndEvent`, of a retraining."""

    event: Literal["confirm_end"]
    trial_id: str
    seed: int
    status: ConfirmEnded
    error: str | None


class ConfirmFinishEvent(_Stamped):
    """All that a round wanted is there, or has failed."""

    event: Literal["confirm_finish"]
    confirm: int


Event = (
    SweepEvent
    | WarmEvent
    | BaselineEvent
    | WorkersEvent
    | TrialEvent
    | StartEvent
    | RecordEvent
    | DecisionEvent
    | LostEvent
    | EndEvent
    | ResumeEvent
    | InterruptEvent
    | FinishEvent
    | ConfirmEvent
    | ConfirmBaselineEvent
    | ConfirmStartEvent
    | ConfirmRecordEvent
    | ConfirmLostEvent
    | ConfirmEndEvent
    | ConfirmFinishEvent
)

ReadEvent = Mapping[str, Any]
"""An event of a ledger that may come from elsewhere: it has its kind, and may lack all else."""


def is_of_confirm(event: Event | ReadEvent) -> bool:
    """Whether an event tells of a confirmation, and so nothing of the search."""
    return str(event["event"]).startswith(CONFIRM)


class Fold:
    """Takes in events one after another: those of a kind go to the method ``on_<kind>``.

    Kinds without a method, unknown ones too, change nothing.
    """

    def apply(self, event: Event | ReadEvent) -> None:
        """Take one event in."""
        method = getattr(self, f"on_{event['event']}", None)
        if method is not None:
            method(event)

    def replay(self, events: Iterable[Event | ReadEvent]) -> Self:
        """Take in many; returns itself."""
        for event in events:
            self.apply(event)
        return self
