"""Which checkpoints stay: the newest of a running trial, and those of points on the front."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

from sweep.ledger.checkpoint import Order, broom_for, name_of
from sweep.ledger.file import Event
from sweep.ledger.store import Place
from sweep.pareto import Front

Point = tuple[str, int]  # trial id, epoch


class Retention:
    """A fold over the ledger that knows which checkpoints neither resume nor export needs.

    Taking an event deletes nothing. :meth:`tidy` does, once what was taken is on the disk: a
    checkpoint must not go on the word of a record that a power cut then takes back.
    """

    def __init__(self, root: Place, objectives: Mapping[str, str]) -> None:
        self.root, self.objectives = root, dict(objectives)
        self._broom = broom_for(root)
        self._front: Front[Point] = Front(objectives.values())
        self._newest: dict[str, int] = {}  # epoch recorded last, of trials that have not ended
        self._untidy: set[str] = set()

    @property
    def front(self) -> list[Point]:
        """The points on the front so far."""
        return self._front.items

    def take(self, event: Event) -> None:
        """Learn of a record or an end."""
        if event["event"] == "record":
            self._record(event)
        elif event["event"] == "end":
            self._newest.pop(event["trial_id"], None)
            self._untidy.add(event["trial_id"])

    def _record(self, event: Event) -> None:
        point = (event["trial_id"], event["epoch"])
        self._newest[event["trial_id"]] = event["epoch"]
        self._untidy.add(event["trial_id"])
        values = [event.get(name) for name in self.objectives]
        numbers = [float(value) for value in values if value is not None]
        if not event["partial"] and len(numbers) == len(values):
            self._untidy.update(trial_id for trial_id, _ in self._front.add(point, numbers) or ())

    @property
    def is_tidy(self) -> bool:
        """Whether nothing waits for :meth:`tidy`."""
        return not self._untidy

    def tidy(self) -> None:
        """Delete what is not needed any more, as far as the events taken say."""
        on_front: dict[str, set[str]] = defaultdict(set)
        for trial_id, epoch in self._front.items:
            on_front[trial_id].add(name_of(epoch))
        self._broom.sweep([self._order(trial_id, on_front[trial_id]) for trial_id in self._untidy])
        self._untidy.clear()

    def close(self) -> None:
        """Wait, not for long, until what is to be deleted in a store is."""
        self._broom.close()

    def _order(self, trial_id: str, on_front: set[str]) -> Order:
        epoch = self._newest.get(trial_id)
        newest = None if epoch is None else name_of(epoch)
        return Order(trial_id, newest, frozenset(on_front))
