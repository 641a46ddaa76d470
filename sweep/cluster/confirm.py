"""`sweep confirm`: the chosen points of a sweep, trained again under fresh seeds, read on test."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sweep.cluster.capacity import Capacity
from sweep.cluster.confirmer import Confirmer
from sweep.cluster.connect import connected
from sweep.cluster.interrupts import Abort, Interrupted, Stopped, cause, signals, stop_if_asked
from sweep.cluster.preflight import preflight
from sweep.cluster.tune import Dense, run_through_tune
from sweep.config import SweepConfig
from sweep.errors import ClusterError, UsageError
from sweep.ledger.file import Event
from sweep.ledger.folder import SweepFolder
from sweep.ledger.objects import Fenced
from sweep.ledger.open import Journal
from sweep.ledger.store import absolute
from sweep.search.rounds import Confirmation
from sweep.search.to_confirm import Point, choose

Say = Callable[[str], None]


@dataclass(frozen=True)
class Outcome:
    """How a confirmation ended: (trial, epoch, seed) with test figures, retrainings that failed."""

    found: int
    failed: int


def run_confirm(
    config: SweepConfig,
    folder: SweepFolder,
    say: Say,
    *,
    seeds: int,
    runners_up: int,
    address: str | None = None,
) -> Outcome:
    """Confirm the sweep in ``folder``, or go on with that; returns when it is done.

    Every point of the front, and the ``runners_up`` nearest to it, has figures under ``seeds``
    seeds then, as far as no retraining failed. Raises a :class:`~sweep.errors.SweepError` with the
    exit code that the contract gives; whatever is raised, the ledger holds all that happened.
    """
    with signals() as stopped, folder.open(create=False, say=say) as ledger:
        try:
            return _confirm(config, folder, ledger, say, stopped, seeds, runners_up, address)
        except (Abort, SystemExit) as left:
            error = cause(left)
            if isinstance(error, Interrupted | Fenced):
                raise error from None
            how = f"what was done is kept; to go on: sweep confirm {folder.path}"
            raise type(error)(f"{error}; {how}") from None


def _confirm(
    config: SweepConfig,
    folder: SweepFolder,
    ledger: Journal,
    say: Say,
    stopped: Stopped,
    seeds: int,
    runners_up: int,
    address: str | None,
) -> Outcome:
    """Connect to Ray only if the ledger leaves something to do."""
    confirmation = Confirmation()
    for event in ledger.events:
        confirmation.apply(event)
    points = _points(config, folder, ledger, say, runners_up)
    begun = confirmation.next_round(points, seeds, config.search.seed)
    confirmer = Confirmer(
        confirmation,
        ledger,
        folder.retrainings,
        config.search.max_failures,
        lambda event: _tell(event, confirmation, say),
    )
    if begun or confirmation.unfinished:
        where = address or os.environ.get("RAY_ADDRESS")
        with connected(where):
            stop_if_asked(stopped)
            if where:
                preflight(config, str(absolute(folder.path)), stopped, say)
            capacity, dense = Capacity(config), Dense(config, folder.dense, stopped)
            first = [begun] if begun else []
            if not confirmation.has_baseline:
                first.append(_dense_on_test(dense, say))
            confirmer.begin(*first)
            say(_plan(confirmation))
            placed = dense.placed() if capacity.spans_machines else []
            _through_tune(config, folder, confirmer, capacity, stopped, placed)
    confirmer.finish()
    return Outcome(confirmation.done, len(confirmation.failed))


def _points(
    config: SweepConfig, folder: SweepFolder, ledger: Journal, say: Say, runners_up: int
) -> list[Point]:
    """What is to be confirmed. Raises :class:`~sweep.errors.UsageError` where there is no front."""
    points = choose(config, ledger.events, runners_up)
    if not points:
        raise UsageError(f"{folder.path} has no front yet: no trial has a finished evaluation")
    begun = {event["trial_id"] for event in ledger.events if event["event"] == "trial"}
    ended = {event["trial_id"] for event in ledger.events if event["event"] == "end"}
    if left := len(begun - ended):
        say(f"the search has not ended ({left} trials have not): its front may still move")
    return points


def _dense_on_test(dense: Dense, say: Say) -> Event:
    """The event of the dense model's figures on test.

    Raises :class:`~sweep.errors.UsageError` for a task without a test split.
    """
    say("reading test; the dense model first")
    figures = dense.figures("test")
    accuracy, examples = figures["accuracy"], figures["examples"]
    say(f"dense baseline: accuracy {accuracy:.4f} on {examples} test examples")
    return {"event": "confirm_baseline", **figures, "split": "test"}


def _plan(confirmation: Confirmation) -> str:
    jobs = confirmation.unfinished
    epochs = sum(max(job.wanted) for job in jobs)
    seeds = len({job.seed for job in jobs})
    return f"retrainings: {len(jobs)}; fresh seeds: {seeds}; epochs in all: {epochs}"


def _tell(event: Event, confirmation: Confirmation, say: Say) -> None:
    """A line for what a person waits for."""
    who = f"{event.get('trial_id')} seed {event.get('seed')}"
    if event["event"] == "confirm_record":
        say(
            f"{confirmation.done}/{confirmation.planned} {who} epoch {event['epoch']}: accuracy "
            f"{event['accuracy']:.4f} on test, {event['validation_accuracy']:.4f} on validation"
        )
    elif event["event"] == "confirm_lost":
        say(f"{who}: lost its worker ({event['reason']})")
    elif event["event"] == "confirm_end" and event["error"]:
        say(f"{who} failed: {event['error']}")


def _through_tune(
    config: SweepConfig,
    folder: SweepFolder,
    confirmer: Confirmer,
    capacity: Capacity,
    stopped: Stopped,
    dense: list[Any],
) -> None:
    def tick() -> None:
        stop_if_asked(stopped)
        confirmer.tidy()

    try:
        run_through_tune(
            config,
            folder.retrainings,
            folder.dense,
            confirmer,
            lambda: capacity.limit,
            tick,
            dense,
        )
    except ClusterError as error:
        raise ClusterError(f"{error}: sweep confirm {folder.path}") from error
