"""A real conductor and ledger with simulated workers: fast, and without Ray."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from sweep.cluster.conductor import Conductor, Report
from sweep.cluster.retention import Retention, RetrainingRetention
from sweep.cluster.worker import records
from sweep.compress.tasks.closed_form import ClosedForm
from sweep.config import SweepConfig
from sweep.errors import SweepError
from sweep.ledger.events import Event, Point
from sweep.ledger.file import Ledger
from sweep.ledger.read import read_events
from sweep.search.replay import Search
from sweep.search.rounds import Confirmation
from tests.harness.sweeps import CONFIG, of_kind
from tests.ledger.test_contract import FIRST

EXAMPLES = 400
TIMELESS = {"seconds": 1.0, "train_seconds": 1.0, "eval_seconds": 0.0}


class Cast:
    """A conductor on a ledger in ``folder``, and workers whose results are given."""

    prefix = ""

    def __init__(
        self, folder: Path, work: Any, ledger: Ledger, keeper: Any, max_failures: int
    ) -> None:
        self.path, self.ledger, self.work, self.keeper = ledger.path, ledger, work, keeper
        self.heard: list[Event] = []
        self.conductor = Conductor(work, ledger, keeper, max_failures, self.heard.append)

    @property
    def events(self) -> list[Event]:
        return read_events(self.path)

    def of_kind(self, kind: str) -> list[Event]:
        """The events so far of a kind of job event: "start", "record", "lost" or "end"."""
        return of_kind(self.events, self.prefix + kind)

    def take(self) -> dict[str, Any]:
        """Take and start the next assignment."""
        assignment = self.conductor.next()
        assert assignment is not None
        self.conductor.started(assignment)
        return assignment

    def take_again(self, name: str) -> dict[str, Any]:
        """Take and start assignments up to the next one of this job, and return that."""
        while (assignment := self.take())["trial_id"] != name:
            pass
        return assignment

    def report(self, assignment: dict[str, Any], epoch: int, **changes: Any) -> bool:
        """Report the figures of an epoch; True if the job is over."""
        figures = record(assignment, epoch) | changes
        return self.say(assignment, Report(figures, worker="host:1"))

    def fail(self, assignment: dict[str, Any], error: SweepError) -> bool:
        """Report an error instead of figures; True if the job is over."""
        return self.say(assignment, Report(error=error))

    def say(self, assignment: dict[str, Any], report: Report) -> bool:
        return self.conductor.report(assignment["trial_id"], assignment["attempt"], report)

    def lose(self, assignment: dict[str, Any], reason: str = "killed", gone: bool = False) -> None:
        """Lose the worker; ``gone``: its machine was preempted."""
        self.conductor.lost(assignment["trial_id"], assignment["attempt"], reason, gone)

    def epochs(self, assignment: dict[str, Any]) -> Iterable[int]:
        """The epochs that are still to be reported, in order."""
        raise NotImplementedError

    def finish(self) -> None:
        """Write the final event."""
        raise NotImplementedError

    def run(self) -> list[Event]:
        """Let one worker run all jobs, and return the events."""
        while not self.conductor.finished:
            assignment = self.take()
            assert any(self.report(assignment, epoch) for epoch in self.epochs(assignment))
        self.finish()
        self.ledger.close()
        return self.events


class Stage(Cast):
    """A search."""

    def __init__(self, folder: Path, config: SweepConfig | None = None, **search: Any) -> None:
        folder.mkdir(exist_ok=True)
        plain = {**CONFIG, "search": {**CONFIG["search"], **search}}
        self.config = config or SweepConfig.model_validate(plain)
        path = folder / "ledger.jsonl"
        ledger = Ledger.open(path, create=not path.exists())
        if not ledger.events:
            ledger.append(FIRST)
        self.search = Search(self.config)
        keeper = Retention(folder / "checkpoints", self.config.objectives)
        super().__init__(folder, self.search, ledger, keeper, self.config.search.max_failures)
        self.conductor.replay(self.ledger.events)
        self.conductor.begin()

    def epochs(self, assignment: dict[str, Any]) -> Iterable[int]:
        after = assignment["after"]
        return range(0 if after is None else after + 1, assignment["params"]["finetune_epochs"] + 1)

    def finish(self) -> None:
        self.conductor.note({"event": "finish", "reason": None})


class Crew:
    """Runs the real worker code with checkpoints on a closed-form task, worker by worker.

    ``arrive`` functions change a report on its way to the driver.
    """

    def __init__(
        self, stage: Stage, arrive: Callable[[Report], Report] = lambda report: report
    ) -> None:
        self.stage, self.arrive = stage, arrive
        self.root = stage.path.parent / "checkpoints"
        self.handed: list[dict[str, Any]] = []
        self.busy: dict[int, tuple[dict[str, Any], Iterator[dict[str, Any]]]] = {}

    def step(self, worker: int = 0) -> None:
        """Make the next record of the worker's trial, or give it a trial if it has none."""
        if worker not in self.busy:
            if (assignment := self.stage.conductor.next()) is not None:
                self.stage.conductor.started(assignment)
                self.handed.append(assignment)
                bench = ClosedForm(self.stage.config)
                self.busy[worker] = (assignment, records(bench, self.root, assignment))
            return
        assignment, coming = self.busy[worker]
        report = Report(next(coming) | TIMELESS, worker=f"here:{worker}")
        if self.stage.say(assignment, self.arrive(report)):
            del self.busy[worker]

    def lose(self, worker: int) -> None:
        if worker in self.busy:
            assignment, _ = self.busy.pop(worker)
            self.stage.lose(assignment)

    def finish(self, leave: Callable[[Event], bool] = lambda event: False) -> list[Event]:
        """Let one worker finish the sweep, and return its events.

        The driver ends early, after the first event for which ``leave`` is true.
        """
        while self.busy or not self.stage.conductor.finished:
            self.step()
            if any(map(leave, self.stage.heard)):
                break
        else:
            self.stage.finish()
        self.stage.ledger.close()
        return self.stage.events


POINTS: list[Point] = [
    {"trial_id": "t0", "epoch": 1, "why": "front"},
    {"trial_id": "t0", "epoch": 3, "why": "front"},
    {"trial_id": "t1", "epoch": 0, "why": "runner-up"},
]


class Scene(Cast):
    """A confirmation of :data:`POINTS`: a finished search and a round of retrainings."""

    prefix = "confirm_"

    def __init__(self, folder: Path, seeds: int = 2, max_failures: int = 1) -> None:
        folder.mkdir(exist_ok=True)
        path = folder / "ledger.jsonl"
        if not path.exists():
            self._search(path)
        ledger = Ledger.open(path, create=False)
        self.root = folder / "checkpoints"
        self.confirmation = Confirmation()
        for event in ledger.events:
            self.confirmation.apply(event)
        begun = self.confirmation.next_round(POINTS, seeds, 7)
        keeper = RetrainingRetention(self.root)
        super().__init__(folder, self.confirmation, ledger, keeper, max_failures)
        self.conductor.begin(*([begun] if begun else []))

    def _search(self, path: Path) -> None:
        with Ledger.open(path, create=True) as ledger:
            ledger.append(FIRST)
            for number in range(2):
                params = {"sparsity": 0.5 + number / 10}
                trial = {"event": "trial", "trial_id": f"t{number}", "seed": number}
                own = {"number": number, "params": params, "sampler_attrs": {}}
                ledger.append({**trial, **own})
            ledger.append({"event": "finish", "reason": None})

    def epochs(self, assignment: dict[str, Any]) -> Iterable[int]:
        return list(assignment["wanted"])

    def finish(self) -> None:
        if event := self.confirmation.finish_event():
            self.conductor.note(event)
        self.keeper.close()


def record(assignment: dict[str, Any], epoch: int) -> dict[str, Any]:
    """Return a closed-form record: sparsity reduces accuracy, and epochs restore some of it."""
    sparsity = assignment["params"]["sparsity"]
    accuracy = 0.9 - sparsity * 0.6 ** (epoch + 1) - 0.1 * (assignment["seed"] % 5) / 5
    return {
        "stage": "recovered" if epoch else "pruned",
        "epoch": epoch,
        "partial": False,
        "accuracy": accuracy,
        "validation_accuracy": accuracy,
        "loss": 1.0 - accuracy,
        "examples": EXAMPLES,
        "sparsity": sparsity,
        "seconds": 1.0 + epoch,
    }
