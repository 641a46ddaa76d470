"""The kinds of events in a ledger, and the keys of each kind.

An event is a plain dict, equal to its JSON line. ``event`` is the kind; the ledger adds ``time``
(Unix seconds). Other modules, except :mod:`sweep.search.replay`, :mod:`sweep.search.rounds` and
:mod:`analysis.tables`, use the constants below for kinds, from which the type checker infers keys::

    if event["event"] == RECORD:
        event["epoch"]  # an int

The types describe what this version writes and what every reader checks
(:mod:`sweep.ledger.lines`), because a ledger may come from another person. A key that older
versions did not write is ``NotRequired``. A kind that is not listed here is not checked.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal, NotRequired, get_args, get_type_hints

from annotated_types import Ge, Lt, Predicate
from typing_extensions import TypedDict

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

Count = Annotated[int, Ge(0), Lt(2**63)]
Seed = Annotated[int, Ge(0), Lt(2**32)]
Time = Annotated[float, Ge(0), Lt(2**33)]
"""Unix seconds before the year 2242: no package refuses the date."""

Scalar = float | bool | str | None
TrialId = Annotated[str, Predicate(re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}").fullmatch)]
"""Such as t00012. Checkpoint folders are named by it (and a retraining's seed), so no path is."""


def _row(*kinds: type) -> Predicate:
    return Predicate(lambda row: list(map(type, row)) == list(kinds))


class _Stamped(TypedDict):
    time: NotRequired[Time]


class _OfJob(_Stamped):
    """``seed`` is that of a retraining, whose kinds begin with ``confirm_``; a trial has none."""

    trial_id: TrialId
    seed: NotRequired[Seed]


class _Figures(_Stamped, extra_items=float | None):  # type: ignore[call-arg]
    """Figures of a model: those declared here, and numbers by the names of metrics and sizes."""

    accuracy: NotRequired[float]
    examples: Count
    correct_bits: NotRequired[str]
    coverage: NotRequired[float]
    split: NotRequired[str]


class SweepEvent(_Stamped):
    """A sweep begins. This is the first event of every ledger.

    ``metric`` names the primary metric (`sweep.ledger.metric.PrimaryMetric`); ``metrics`` has the
    direction, unit, worst value and chance level of each metric.
    """

    event: Literal["sweep"]
    metric: NotRequired[str]
    metrics: NotRequired[dict[str, dict[str, Any]]]
    version: Count
    name: str
    config: dict[str, Any]
    versions: dict[str, str]
    directions: dict[str, Literal["max", "min"]]
    reference_point: dict[str, float]


class WarmEvent(_Stamped):
    """The observations of another sweep, given to the sampler as a warm start."""

    event: Literal["warm"]
    source: str
    name: str | None
    used: Count
    skipped: dict[str, int]
    differs: list[str]
    observations: list[dict[str, Any]]


class BaselineEvent(_Figures):
    """The figures of the dense model on validation; those of ``confirm_baseline`` are on test.

    ``shared_rows`` counts the examples that train has too (`sweep.compress.tasks.split`); on test,
    those that train or validation have. ``texts`` counts examples, tokens, unknown tokens, and
    texts that are empty or were cut, by split. ``prunable_weights`` has [name, number of weights]
    of each prunable matrix, ``left_out`` has [name, number, reason] of each other one
    (`sweep.compress.prune.coverage`).
    """

    event: Literal["baseline", "confirm_baseline"]
    model: NotRequired[str | None]
    prunable_weights: NotRequired[list[Annotated[list[Any], _row(str, int)]]]
    left_out: NotRequired[list[Annotated[list[Any], _row(str, int, str)]]]
    warnings: list[str]
    shared_rows: NotRequired[dict[str, dict[str, int]]]
    texts: NotRequired[dict[str, dict[str, int]]]
    reference_point: NotRequired[dict[str, float]]


class WorkersEvent(_Stamped):
    """From now on up to ``count`` workers run at a time."""

    event: Literal["workers"]
    count: Count


class TrialEvent(_Stamped):
    """A trial is proposed."""

    event: Literal["trial"]
    trial_id: TrialId
    number: Count
    params: dict[str, Scalar]
    seed: Seed
    sampler_attrs: dict[str, Any]


class StartEvent(_OfJob):
    """A worker begins an attempt (1, 2, ...), at a trial after the last recorded ``epoch``."""

    event: Literal["start", "confirm_start"]
    attempt: Count
    epoch: NotRequired[Count | None]
    worker: NotRequired[str | None]


class RecordEvent(_Figures):
    """One evaluation: the figures of a :class:`~sweep.ledger.record.Record`.

    That of a retraining has the ``split`` test, and some figures on validation too.
    """

    event: Literal["record", "confirm_record"]
    trial_id: TrialId
    seed: NotRequired[Seed]
    attempt: Count
    worker: NotRequired[str | None]
    stage: str
    epoch: Count
    partial: bool
    loss: float
    sparsity: float
    seconds: float
    zeros_per_weight: NotRequired[list[Count]]


class DecisionEvent(_Stamped):
    """The decision of the trial scheduler on a record at a rung (:mod:`sweep.search.moasha`).

    ``rung`` counts from 0. ``peers`` is the number of other records in the comparison. ``rank`` is
    the front that the trial is on (0: no peer beats it). ``beaten_by`` lists up to five peers, best
    first.
    """

    event: Literal["decision"]
    trial_id: TrialId
    epoch: Count
    rung: Count
    action: Literal["continue", "stop"]
    reason: str
    peers: Count
    rank: Count
    beaten_by: list[str]


class LostEvent(_OfJob):
    """The worker of an attempt died, or its machine was ``preempted``."""

    event: Literal["lost", "confirm_lost"]
    attempt: Count
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
    trials: Count


class InterruptEvent(_Stamped):
    """A driver ends because it received a signal."""

    event: Literal["interrupt"]
    signal: str


class FinishEvent(_Stamped):
    """The search is over."""

    event: Literal["finish"]
    reason: str | None


class Point(TypedDict):
    """A point of a front, and why it is retrained ("front" or "runner-up")."""

    trial_id: TrialId
    epoch: Count
    why: str


class ConfirmEvent(_Stamped):
    """Round ``confirm`` (from 0) begins: each point is to be retrained with each seed."""

    event: Literal["confirm"]
    confirm: Count
    points: list[Point]
    seeds: list[Seed]


class ConfirmFinishEvent(_Stamped):
    """All retrainings of a round have completed or failed."""

    event: Literal["confirm_finish"]
    confirm: Count


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

KINDS = frozenset(
    kind for event in get_args(Event) for kind in get_args(get_type_hints(event)["event"])
)

ReadEvent = Mapping[str, Any]
"""An event of a ledger from any source: it has its kind, and may lack every other key."""


def is_of_confirm(event: Event | ReadEvent) -> bool:
    """Whether an event belongs to a confirmation, not to the search."""
    return str(event["event"]).startswith(CONFIRM)
