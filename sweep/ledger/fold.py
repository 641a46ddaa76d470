"""Folds over events: the base class, and the check that events are in a possible order."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Self

from sweep.ledger.events import (
    CONFIRM_END,
    CONFIRM_RECORD,
    KINDS,
    SWEEP,
    ConfirmEvent,
    DecisionEvent,
    EndEvent,
    Event,
    ReadEvent,
    RecordEvent,
    TrialEvent,
    is_of_confirm,
)


class Fold:
    """Folds events into a state: each goes to the method ``on_<kind>``, if there is one."""

    def apply(self, event: Event | ReadEvent) -> None:
        """Apply one event."""
        method = getattr(self, f"on_{event['event']}", None)
        if method is not None:
            method(event)

    def replay(self, events: Iterable[Event | ReadEvent]) -> Self:
        """Apply several events. Returns ``self``."""
        for event in events:
            self.apply(event)
        return self


class _Disorder(ValueError):
    """An event cannot follow the events before it."""


class Order(Fold):
    """Checks that events come in an order in which one driver can have written them.

    It finds ledgers that were edited, merged, or written by two drivers.
    """

    def __init__(self) -> None:
        self._time = 0.0
        self._once: set[tuple[Any, ...]] = set()
        self._epochs: dict[str, int | None] = {}  # of each trial, the epoch of its last record
        self._statuses: dict[str, str] = {}  # of the trials that have ended
        self._decided: dict[str, int] = {}  # of each trial, the epoch of its last decision
        self._running: set[tuple[str, Any]] = set()  # retrainings of the newest round
        self._rounds = 0

    def problem(self, event: Event | ReadEvent) -> str | None:
        """Apply an event. Returns why it cannot follow the events before it, or None."""
        try:
            self.apply(event)
        except _Disorder as error:
            return str(error)
        return None

    def apply(self, event: Event | ReadEvent) -> None:
        """As :meth:`problem`, by an exception."""
        kind = event["event"]
        if (kind == SWEEP) == bool(self._once):
            begins = "begins with another event" if kind != SWEEP else "has two first events"
            raise _Disorder(f"the ledger {begins} (`{kind}`)")
        self._once.add((SWEEP,))
        if kind not in KINDS:
            return
        if "time" not in event:
            raise _Disorder("the event has no time")
        before, self._time = self._time, event["time"]
        if self._time < before:
            raise _Disorder(f"its time, {self._time}, is before that of the line above")
        if "trial_id" in event and kind != "trial":
            self._check_trial(event)
        super().apply(event)

    def _check_trial(self, event: Any) -> None:
        kind, trial_id = event["event"], event["trial_id"]
        if trial_id not in self._epochs:
            raise _Disorder(f"`{kind}` of trial {trial_id}, which has no `trial` event before it")
        if not is_of_confirm(event):
            if status := self._statuses.get(trial_id):
                raise _Disorder(f"`{kind}` of trial {trial_id}, which has ended ({status})")
        elif (trial_id, event.get("seed")) not in self._running:
            raise _Disorder(f"`{kind}` of a retraining, {trial_id}, that does not run")

    def _check_once(self, *key: Any) -> None:
        if key in self._once:
            raise _Disorder(f"a second `{key[0]}` event of {' '.join(map(str, key[1:])) or 'it'}")
        self._once.add(key)

    def on_baseline(self, event: ReadEvent) -> None:
        self._check_once("baseline")

    def on_confirm_baseline(self, event: ReadEvent) -> None:
        self._check_once("confirm_baseline")

    def on_trial(self, event: TrialEvent) -> None:
        self._check_once("trial", event["trial_id"])
        if event["number"] != len(self._epochs):
            raise _Disorder(f"trial {event['number']} follows {len(self._epochs)} other trials")
        self._epochs[event["trial_id"]] = None

    def on_record(self, event: RecordEvent) -> None:
        before = self._epochs[event["trial_id"]]
        expected = 0 if before is None else before + 1
        if event["epoch"] != expected:
            raise _Disorder(
                f"a record of epoch {event['epoch']} of trial {event['trial_id']}, whose next "
                f"epoch is {expected}"
            )
        self._epochs[event["trial_id"]] = event["epoch"]

    def on_decision(self, event: DecisionEvent) -> None:
        trial_id, epoch = event["trial_id"], event["epoch"]
        if epoch != self._epochs[trial_id] or epoch == self._decided.get(trial_id):
            raise _Disorder(f"a decision on epoch {epoch} of trial {trial_id} does not follow it")
        self._decided[trial_id] = epoch

    def on_end(self, event: EndEvent) -> None:
        self._statuses[event["trial_id"]] = event["status"]

    def on_confirm(self, event: ConfirmEvent) -> None:
        if event["confirm"] != self._rounds:
            raise _Disorder(f"round {event['confirm']} of the confirmation is not the next one")
        unknown = {point["trial_id"] for point in event["points"]} - self._epochs.keys()
        if unknown:
            raise _Disorder(f"a point of trial {min(unknown)}, which has no `trial` event")
        self._rounds += 1
        self._running = {(p["trial_id"], s) for p in event["points"] for s in event["seeds"]}

    def on_confirm_record(self, event: ReadEvent) -> None:
        self._check_once(CONFIRM_RECORD, event["trial_id"], event["epoch"], event["seed"])

    def on_confirm_end(self, event: ReadEvent) -> None:
        self._running.discard((event["trial_id"], event["seed"]))
        self._check_once(CONFIRM_END, self._rounds, event["trial_id"], event["seed"])
