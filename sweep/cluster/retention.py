"""Which checkpoints are needed, as folds over the ledger, and the deletion of the others.

Applying an event deletes nothing. ``tidy`` deletes, after the applied events are synced to disk:
otherwise a power cut could remove the record for which a checkpoint had been deleted.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path

from sweep.ledger.checkpoint import Deleter, Deletion, name_of
from sweep.ledger.events import EndEvent, RecordEvent
from sweep.ledger.fold import Fold
from sweep.ledger.record import front_values
from sweep.ledger.store import Store, store_at
from sweep.pareto import Front
from sweep.search.jobs import retraining_name

Point = tuple[str, int]  # trial id, epoch


class Retention(Fold):
    """The checkpoints of a search: it keeps a running trial's newest one, and those of the front.

    Neither resume nor export needs any other. Workers write the checkpoints under ``root``.
    """

    def __init__(self, root: Store | Path, objectives: Mapping[str, str]) -> None:
        self.root, self.objectives = root, dict(objectives)
        self._deleter = Deleter(root)
        self.front: Front[Point] = Front(objectives.values())
        """The points on the front so far."""
        self._newest: dict[str, int] = {}  # epoch recorded last, of trials that have not ended
        self._untidy: set[str] = set()

    def on_record(self, event: RecordEvent) -> None:
        point = (event["trial_id"], event["epoch"])
        self._newest[event["trial_id"]] = event["epoch"]
        self._untidy.add(event["trial_id"])
        if (values := front_values(event, self.objectives)) is not None:
            self._untidy.update(trial_id for trial_id, _ in self.front.add(point, values) or ())

    def on_end(self, event: EndEvent) -> None:
        self._newest.pop(event["trial_id"], None)
        self._untidy.add(event["trial_id"])

    def tidy(self) -> None:
        """Delete the checkpoints that are not needed according to the applied events."""
        if not self._untidy:
            return
        on_front: dict[str, set[str]] = defaultdict(set)
        for trial_id, epoch in self.front.items:
            on_front[trial_id].add(name_of(epoch))
        newest = {trial_id: name_of(epoch) for trial_id, epoch in self._newest.items()}
        self._deleter.delete(
            [Deletion(id_, newest.get(id_), frozenset(on_front[id_])) for id_ in self._untidy]
        )
        self._untidy.clear()

    def close(self) -> None:
        """Wait a limited time for deletions in an object store."""
        self._deleter.close()


class RetrainingRetention(Fold):
    """The checkpoints of a confirmation under ``root``: keeps those of unfinished retrainings."""

    def __init__(self, root: Store | Path) -> None:
        self.root = store_at(root)
        self._ended: set[str] = set()

    def on_confirm_end(self, event: EndEvent) -> None:
        self._ended.add(retraining_name(event["trial_id"], event["seed"]))

    def tidy(self) -> None:
        """Delete the checkpoints of the retrainings that have ended."""
        while self._ended:
            (self.root / self._ended.pop()).remove_tree()

    def close(self) -> None:
        """Delete all remaining checkpoints, at the end of the round."""
        self.root.remove_tree()
