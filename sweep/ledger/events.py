"""The kinds of events in a ledger, and the keys of each kind.

An event is a plain dict, equal to its JSON line. ``event`` is the kind; the ledger adds ``time``
(Unix seconds). Other modules, except :mod:`sweep.search.replay`, :mod:`sweep.search.rounds` and
:mod:`analysis.tables`, use the constants below for kinds, from which the type checker infers keys::

    if event["event"] == RECORD:
        event["epoch"]  # an int

The types describe what this version writes. A key that older versions did not write is
``NotRequired``. A ledger from another source may lack any key: see :data:`ReadEvent`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal, NotRequired, TypedDict

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
CONFIRM_RECORD: Final = "confirm_record"
CONFIRM_LOST: Final = "confirm_lost"
CONFIRM_END: Final = "confirm_end"
CONFIRM_FINISH: Final = "confirm_finish"

Ended = Literal["completed", "stopped", "failed"]


class _Stamped(TypedDict):
    time: NotRequired[float]


class _OfJob(_Stamped):
    """``seed`` is that of a retraining, whose kinds begin with ``confirm_``; a trial has none."""

    trial_id: str
    seed: NotRequired[int]


class SweepEvent(_Stamped):
    """A sweep begins. This is the first event of every ledger.

    ``metric`` names the primary metric (`sweep.ledger.metric.PrimaryMetric`); ``metrics`` has the
    direction, unit, worst value and chance level of each metric.
    """

    event: Literal["sweep"]
    metric: NotRequired[str]
    metrics: NotRequired[dict[str, dict[str, Any]]]
    version: int
    name: str
    config: dict[str, Any]
    versions: dict[str, str]
    directions: dict[str, str]
    reference_point: dict[str, float]


class WarmEvent(_Stamped):
    """The observations of another sweep, given to the sampler as a warm start."""

    event: Literal["warm"]
    source: str
    name: str | None
    used: int
    skipped: dict[str, int]
    differs: list[str]
    observations: list[dict[str, Any]]


class BaselineEvent(_Stamped):
    """The figures of the dense model on validation; those of ``confirm_baseline`` are on test.

    It has more keys than are declared here. ``shared_rows`` counts the examples that train has too
    (`sweep.compress.tasks.split`); on test, those that train or validation have. ``texts`` counts
    examples, tokens, unknown tokens, and texts that are empty or were cut, by split.

    ``prunable_weights`` has [name, number of weights] of each prunable matrix, ``left_out`` has
    [name, number, reason] of each other one (`sweep.compress.prune.coverage`).
    """

    event: Literal["baseline", "confirm_baseline"]
    split: NotRequired[str]
    coverage: NotRequired[float]
    prunable_weights: NotRequired[list[list[Any]]]
    left_out: NotRequired[list[list[Any]]]
    accuracy: NotRequired[float]
    examples: int
    warnings: list[str]
    shared_rows: NotRequired[dict[str, dict[str, int]]]
    texts: NotRequired[dict[str, dict[str, int]]]
    reference_point: NotRequired[dict[str, float]]


class WorkersEvent(_Stamped):
    """From now on up to ``count`` workers run at a time."""

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


class StartEvent(_OfJob):
    """A worker begins an attempt (1, 2, ...), at a trial after the last recorded ``epoch``."""

    event: Literal["start", "confirm_start"]
    attempt: int
    epoch: NotRequired[int | None]


class RecordEvent(_OfJob):
    """One evaluation: the figures of a :class:`~sweep.ledger.record.Record`.

    That of a retraining has the ``split`` test, and some figures on validation too.
    """

    event: Literal["record", "confirm_record"]
    attempt: int
    worker: NotRequired[str | None]
    split: NotRequired[str]
    stage: str
    epoch: int
    partial: bool
    accuracy: NotRequired[float]
    loss: float
    examples: int
    sparsity: float
    coverage: NotRequired[float]
    seconds: float
    baseline_accuracy: NotRequired[float]
    validation_accuracy: NotRequired[float]


class DecisionEvent(_Stamped):
    """The decision of the trial scheduler on a record at a rung (:mod:`sweep.search.moasha`).

    ``rung`` counts from 0. ``peers`` is the number of other records in the comparison. ``rank`` is
    the front that the trial is on (0: no peer beats it). ``beaten_by`` lists up to five peers, best
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


class LostEvent(_OfJob):
    """The worker of an attempt died, or its machine was ``preempted``."""

    event: Literal["lost", "confirm_lost"]
    attempt: int
    reason: str
    preempted: NotRequired[bool]


class EndEvent(_OfJob):
    """A trial or retraining has ended. ``error`` is the message of a failed one, else None."""

    event: Literal["end", "confirm_end"]
    status: Ended
    error: str | None


class ResumeEvent(_Stamped):
    """A driver continues the sweep, up to ``trials`` trials in total."""

    event: Literal["resume"]
    trials: int


class InterruptEvent(_Stamped):
    """A driver ends because it received a signal."""

    event: Literal["interrupt"]
    signal: str


class FinishEvent(_Stamped):
    """The search is over."""

    event: Literal["finish"]
    reason: str | None


class ConfirmEvent(_Stamped):
    """Round ``confirm`` (from 0) begins: each point is to be retrained with each seed."""

    event: Literal["confirm"]
    confirm: int
    points: list[dict[str, Any]]
    seeds: list[int]


class ConfirmFinishEvent(_Stamped):
    """All retrainings of a round have completed or failed."""

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
    | ConfirmFinishEvent
)

ReadEvent = Mapping[str, Any]
"""An event of a ledger from any source: it has its kind, and may lack every other key."""


def is_of_confirm(event: Event | ReadEvent) -> bool:
    """Whether an event belongs to a confirmation, not to the search."""
    return str(event["event"]).startswith(CONFIRM)
