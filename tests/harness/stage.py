"""A real conductor, search and ledger, with made-up workers: sweeps without Ray, in a moment."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

from sweep.cluster.conductor import Conductor
from sweep.cluster.retention import Retention
from sweep.config import SweepConfig
from sweep.ledger.file import Clock, Event, Ledger, read_events
from sweep.search.replay import Search
from tests.harness.sweeps import CONFIG

EXAMPLES = 400


class Stage:
    """A conductor on a ledger in ``folder``, and one worker that knows all results beforehand."""

    def __init__(self, folder: Path, clock: Clock = time.time, **search: Any) -> None:
        folder.mkdir(exist_ok=True)
        plain = {**CONFIG, "search": {**CONFIG["search"], **search}}
        self.config = SweepConfig.model_validate(plain)
        self.path = folder / "ledger.jsonl"
        self.ledger = Ledger.open(self.path, create=not self.path.exists(), clock=clock)
        self.heard: list[Event] = []
        self.conductor = Conductor(
            Search(self.config),
            self.ledger,
            self.config.objectives,
            Retention(folder / "checkpoints", self.config.objectives),
            self.config.search.max_failures,
            self.heard.append,
        )
        self.conductor.replay(self.ledger.events)

    @property
    def events(self) -> list[Event]:
        return read_events(self.path)

    def take(self) -> dict[str, Any]:
        """The next assignment, started."""
        assignment = self.conductor.next()
        assert assignment is not None
        self.conductor.started(assignment)
        return assignment

    def report(self, assignment: dict[str, Any], epoch: int, **changes: Any) -> bool:
        """A record of a trial; True if the trial is over."""
        result = {"record": json.dumps(record(assignment, epoch) | changes), "worker": "host:1"}
        return self.conductor.report(assignment["trial_id"], assignment["attempt"], result)

    def run(self) -> list[Event]:
        """One worker takes trial after trial, to the end."""
        while not self.conductor.finished:
            assignment = self.take()
            epoch = -1 if assignment["after"] is None else assignment["after"]
            while not self.report(assignment, epoch := epoch + 1):
                pass
        self.conductor.note({"event": "finish"})
        self.ledger.close()
        return self.events


def record(assignment: dict[str, Any], epoch: int) -> dict[str, Any]:
    """Closed form: sparsity costs accuracy, less of it with every epoch."""
    sparsity = assignment["params"]["sparsity"]
    accuracy = 0.9 - sparsity * 0.6 ** (epoch + 1) - 0.1 * (assignment["seed"] % 5) / 5
    return {
        "stage": "recovered" if epoch else "pruned",
        "epoch": epoch,
        "partial": False,
        "accuracy": accuracy,
        "examples": EXAMPLES,
        "sparsity": sparsity,
        "seconds": 1.0 + epoch,
    }
