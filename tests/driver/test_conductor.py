"""The conductor with made-up workers: every answer it gives, without Ray and in a moment."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from sweep.config import SweepConfig
from sweep.driver.abort import Abort
from sweep.driver.conductor import Conductor
from sweep.driver.retention import Retention
from sweep.errors import StorageError, SweepError, UsageError
from sweep.ledger import Event, Ledger, read_events
from sweep.search.state import Search
from tests.driver.sweeps import CONFIG, assert_each_once, of_kind, story

EXAMPLES = 400


class Stage:
    """A conductor on a ledger in ``folder``, and one worker that knows all results beforehand."""

    def __init__(self, folder: Path, **search: Any) -> None:
        folder.mkdir(exist_ok=True)
        plain = {**CONFIG, "search": {**CONFIG["search"], **search}}
        self.config = SweepConfig.model_validate(plain)
        self.path = folder / "ledger.jsonl"
        self.ledger = Ledger.open(self.path, create=not self.path.exists())
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


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path / "sweep")


def test_trials_are_handed_out_in_order_and_written_down_first(stage: Stage) -> None:
    first, second = stage.take(), stage.take()
    assert (first["trial_id"], second["trial_id"]) == ("t00000", "t00001")
    assert first["after"] is None and first["attempt"] == 1
    assert [event["event"] for event in stage.events] == ["trial", "start"] * 2
    assert stage.heard == stage.events


def test_a_whole_sweep_ends_and_is_told_once(stage: Stage) -> None:
    events = stage.run()
    assert_each_once(events, trials=10)
    assert stage.conductor.next() is None and stage.conductor.finished


@pytest.mark.parametrize("share", [i / 10 for i in range(10)])
def test_cut_anywhere_and_replayed_it_goes_on_the_same(
    stage: Stage, tmp_path: Path, share: float
) -> None:
    whole = stage.run()
    lines = stage.path.read_bytes().splitlines(keepends=True)
    (tmp_path / "again").mkdir()
    cut = max(1, int(share * len(lines)))
    (tmp_path / "again" / "ledger.jsonl").write_bytes(b"".join(lines[:cut]))
    again = Stage(tmp_path / "again").run()
    assert story(again) == story(whole)
    assert again[:cut] == whole[:cut]


def test_the_same_record_twice_is_written_once(stage: Stage) -> None:
    trial = stage.take()
    stage.report(trial, 0)
    count = len(stage.events)
    assert stage.report(trial, 0, accuracy=0.5) is False
    assert len(stage.events) == count


def test_a_lost_trial_comes_first_and_goes_on_from_its_last_epoch(stage: Stage) -> None:
    lost, other = stage.take(), stage.take()
    stage.report(lost, 0)
    stage.conductor.lost(lost["trial_id"], lost["attempt"], "killed")
    again = stage.take()
    assert (again["trial_id"], again["attempt"], again["after"]) == (lost["trial_id"], 2, 0)
    assert again["params"] == lost["params"] and again["seed"] == lost["seed"]
    assert other["trial_id"] == "t00001"


def test_a_worker_thought_dead_has_no_say(stage: Stage) -> None:
    ghost = stage.take()
    stage.conductor.lost(ghost["trial_id"], ghost["attempt"], "silent")
    stage.take()
    before = stage.events
    assert stage.report(ghost, 0) is True
    assert stage.events == before


def test_a_trial_that_loses_worker_after_worker_fails(tmp_path: Path) -> None:
    stage = Stage(tmp_path / "sweep", max_failures=1)
    for _ in range(2):
        trial = stage.take()
        stage.conductor.lost(trial["trial_id"], trial["attempt"], "out of memory")
    end = stage.events[-1]
    assert (end["event"], end["status"]) == ("end", "failed")
    assert "lost 2 times" in end["error"] and "out of memory" in end["error"]
    assert stage.take()["trial_id"] == "t00001"


def test_an_error_ends_its_trial_and_no_other(stage: Stage) -> None:
    trial = stage.take()
    over = stage.conductor.report(trial["trial_id"], 1, {"error": "diverged: loss is nan"})
    assert over is True
    assert of_kind(stage.events, "end")[0]["error"] == "diverged: loss is nan"
    assert len(of_kind(stage.run(), "end")) == 10


@pytest.mark.parametrize(
    ("changes", "reason"),
    [({"accuracy": None}, "'accuracy'"), ({"loss": float("nan")}, "loss")],
)
def test_a_record_that_cannot_be_compared_fails_its_trial(
    stage: Stage, changes: dict[str, Any], reason: str
) -> None:
    assert stage.report(stage.take(), 0, **changes) is True
    end = stage.events[-1]
    assert end["status"] == "failed" and reason in end["error"]
    assert of_kind(stage.events, "record") == []


@pytest.mark.parametrize("kind", [StorageError, UsageError])
def test_what_would_fail_every_trial_ends_the_sweep_not_the_trial(
    stage: Stage, kind: type[SweepError]
) -> None:
    trial = stage.take()
    name = {StorageError: "storage_error", UsageError: "usage_error"}[kind]
    with pytest.raises(Abort) as abort:
        stage.conductor.report(trial["trial_id"], 1, {name: "no space left"})
    assert isinstance(abort.value.error, kind)
    assert of_kind(stage.events, "end") == []


def test_only_what_resume_and_export_need_keeps_its_checkpoint(stage: Stage) -> None:
    root = stage.path.parent / "checkpoints"
    trial = stage.take()
    while trial["params"]["finetune_epochs"] < 2:
        trial = stage.take()
    for epoch in (1, 2):
        folder = root / trial["trial_id"] / f"epoch-{epoch:04d}"
        folder.mkdir(parents=True)
        (folder / "optimizer.safetensors").touch()
        stage.report(trial, epoch - 1, accuracy=0.1)
    stage.report(trial, 2, accuracy=0.9)  # as sparse, and better: the only point of the front
    folders = sorted(path.name for path in (root / trial["trial_id"]).iterdir())
    assert folders == ["epoch-0002"]


def test_an_unfinished_trial_is_first_after_a_crash(stage: Stage) -> None:
    trial = stage.take()
    stage.report(trial, 0)
    stage.ledger.close()
    again = Stage(stage.path.parent).take()
    assert again == trial | {"attempt": 2, "after": 0}
