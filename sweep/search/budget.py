"""The budget of a sweep and how much of it is spent: a fold over its events.

Epochs are recorded finetune epochs. Seconds are wall time, from the beginning of each session (the
"sweep" event, a "resume") to its last event. The time between sessions, however they ended, and the
time of a confirmation do not count. A plateau is reached when, over the last K ended trials, the
hypervolume of the front has grown by less than ``gain`` as a share of it. There is no plateau while
nothing is better than the reference point.

A spent budget stays spent, whatever the trials that still run add.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping

from sweep.config import SweepConfig
from sweep.ledger.events import RESUME, SWEEP, ReadEvent, RecordEvent, is_of_confirm
from sweep.ledger.record import front_values
from sweep.pareto import Front, hypervolume


class Budget:
    """A fold over all events (:meth:`clock`), and over accepted records and ends."""

    def __init__(self, config: SweepConfig) -> None:
        self._limits = config.search.budget
        self._objectives = dict(config.objectives)
        self._front: Front[None] = Front(self._objectives.values())
        self._reference: Mapping[str, float] = config.search.reference
        plateau = self._limits.plateau
        self._volumes: deque[float] = deque(maxlen=plateau.trials + 1 if plateau else 0)
        """The hypervolume of the front after each ended trial."""
        self._epochs: dict[str, int] = {}
        self.seconds = 0.0
        """Wall time of all sessions, up to the last event."""
        self._last: float | None = None
        self.spent: str | None = None
        """The limit that is reached, in words; None while none is."""

    @property
    def epochs(self) -> int:
        """Finetune epochs recorded."""
        return sum(self._epochs.values())

    def clock(self, event: ReadEvent) -> None:
        """An event of any kind: the time passes."""
        if is_of_confirm(event):
            return
        time = event.get("time")
        if isinstance(time, int | float):
            if self._last is not None and event["event"] not in (SWEEP, RESUME):
                self.seconds += max(0.0, time - self._last)
            self._last = time
        self._reference = event.get("reference_point", self._reference)
        self._look()

    def record(self, event: RecordEvent) -> None:
        """An accepted record."""
        self._epochs[event["trial_id"]] = max(
            event["epoch"], self._epochs.get(event["trial_id"], 0)
        )
        values = front_values(event, self._objectives)
        if self._limits.plateau and values is not None:
            self._front.add(None, values)
        self._look()

    def end(self) -> None:
        """A trial has ended."""
        if self._limits.plateau and self._objectives.keys() <= self._reference.keys():
            reference = [self._reference[name] for name in self._objectives]
            ways = list(self._objectives.values())
            self._volumes.append(hypervolume(self._front.points, reference, ways))
        self._look()

    def _look(self) -> None:
        limits, trials = self._limits, len(self._volumes) - 1
        if self.spent is not None:
            return
        if limits.epochs is not None and self.epochs >= limits.epochs:
            self.spent = f"search.budget.epochs: {self.epochs} of {limits.epochs} are trained"
        elif limits.seconds is not None and self.seconds >= limits.seconds:
            self.spent = f"search.budget.seconds: {self.seconds:.0f} of {limits.seconds:g} are over"
        elif limits.plateau and trials == limits.plateau.trials:
            first, last, gain = self._volumes[0], self._volumes[-1], limits.plateau.gain
            if last - first < gain * first:
                self.spent = (
                    f"search.budget.plateau: over {trials} trials the hypervolume grew "
                    f"from {first:.6g} to {last:.6g}, by less than {gain:g} of it"
                )
