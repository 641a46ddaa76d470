"""Which checkpoints stay: the newest of a running trial, and those of points on the front."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from analysis.pareto import nondominated
from sweep.ledger import Event

Point = tuple[str, int]  # trial id, epoch


class Retention:
    """A fold over the ledger that deletes checkpoints which neither resume nor export needs."""

    def __init__(self, root: Path, objectives: Mapping[str, str]) -> None:
        self.root, self.objectives = root, dict(objectives)
        self.front: dict[Point, list[float]] = {}
        self._kept: set[Point] = set()
        self._running: dict[str, int] = {}

    def take(self, event: Event) -> None:
        """Learn of a record or an end, and clean up behind it."""
        if event["event"] == "record":
            self._record(event)
            self._drop_superseded()
        elif event["event"] == "end":
            self._running.pop(event["trial_id"], None)
            self._drop_superseded()
            self._finish(event["trial_id"])

    def _record(self, event: Event) -> None:
        point = (event["trial_id"], event["epoch"])
        self._running[event["trial_id"]] = event["epoch"]
        self._kept.add(point)
        values = [event.get(name) for name in self.objectives]
        if event["partial"] or any(value is None for value in values):
            return
        pool = {**self.front, point: [float(value) for value in values if value is not None]}
        mask = nondominated(
            np.array(list(pool.values())), list(self.objectives.values()), keep_duplicates=False
        )
        self.front = {key: pool[key] for key, kept in zip(pool, mask, strict=True) if kept}

    def _drop_superseded(self) -> None:
        """Delete what was kept for a front or a running trial that has moved on."""
        wanted = set(self.front) | set(self._running.items())
        for point in self._kept - wanted:
            shutil.rmtree(self._folder(point), ignore_errors=True)
            self._remove_if_empty(point[0])
        self._kept &= wanted

    def _finish(self, trial_id: str) -> None:
        """Leave of an ended trial what export needs: points on the front, without the moments."""
        for folder in (self.root / trial_id).glob("*"):
            if any(self._folder(point) == folder for point in self._kept):
                (folder / "optimizer.safetensors").unlink(missing_ok=True)
            else:  # also what a worker wrote for an epoch that it never came to report
                shutil.rmtree(folder, ignore_errors=True)
        self._remove_if_empty(trial_id)

    def _remove_if_empty(self, trial_id: str) -> None:
        with contextlib.suppress(OSError):  # not there, or not empty
            (self.root / trial_id).rmdir()

    def _folder(self, point: Point) -> Path:
        return self.root / point[0] / f"epoch-{point[1]:04d}"
