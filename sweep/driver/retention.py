"""Which checkpoints stay: the newest of a running trial, and those of points on the front."""

from __future__ import annotations

import contextlib
import shutil
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path

from sweep.driver.front import Front
from sweep.ledger import Event

Point = tuple[str, int]  # trial id, epoch


class Retention:
    """A fold over the ledger that knows which checkpoints neither resume nor export needs.

    Taking an event deletes nothing. :meth:`tidy` does, once what was taken is on the disk: a
    checkpoint must not go on the word of a record that a power cut then takes back.
    """

    def __init__(self, root: Path, objectives: Mapping[str, str]) -> None:
        self.root, self.objectives = root, dict(objectives)
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
            self._untidy.update(trial_id for trial_id, _ in self._front.add(point, numbers))

    @property
    def is_tidy(self) -> bool:
        """Whether nothing waits for :meth:`tidy`."""
        return not self._untidy

    def tidy(self) -> None:
        """Delete what is not needed any more, as far as the events taken say."""
        on_front = defaultdict(set)
        for trial_id, epoch in self._front.items:
            on_front[trial_id].add(_name(epoch))
        for trial_id in self._untidy:
            if trial_id in self._newest:
                self._thin_out(trial_id, on_front[trial_id])
            else:
                self._finish(trial_id, on_front[trial_id])
        self._untidy.clear()

    def _thin_out(self, trial_id: str, on_front: set[str]) -> None:
        """Of a running trial, drop what it has moved on from."""
        newest = _name(self._newest[trial_id])
        for folder in (self.root / trial_id).glob("epoch-*"):
            if folder.name < newest and folder.name not in on_front:
                shutil.rmtree(folder, ignore_errors=True)

    def _finish(self, trial_id: str, on_front: set[str]) -> None:
        """Leave of an ended trial what export needs: points on the front, without the moments."""
        with contextlib.suppress(FileNotFoundError):
            for folder in (self.root / trial_id).iterdir():
                if folder.name in on_front:
                    (folder / "optimizer.safetensors").unlink(missing_ok=True)
                else:  # also what a worker wrote for an epoch that it never came to report
                    shutil.rmtree(folder, ignore_errors=True)
        with contextlib.suppress(OSError):  # not there, or not empty
            (self.root / trial_id).rmdir()


def _name(epoch: int) -> str:
    """A checkpoint's folder; names sort as epochs do."""
    return f"epoch-{epoch:04d}"
