"""The driver's answers in a confirmation, with made-up workers: without Ray and in a moment."""

from __future__ import annotations

import json
import math
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from sweep.cluster.confirmer import Confirmer
from sweep.cluster.interrupts import Abort
from sweep.errors import StorageError, UsageError
from sweep.ledger.file import Event, Ledger, read_events
from sweep.search.rounds import Confirmation
from sweep.search.to_confirm import Point
from tests.harness.sweeps import of_kind

POINTS = [Point("t0", 1, "front"), Point("t0", 3, "front"), Point("t1", 0, "runner-up")]
BY_CHANCE = ("time", "attempt")


class Scene:
    """A confirmer on a ledger in ``folder``, and workers that know all results beforehand."""

    def __init__(self, folder: Path, seeds: int = 2, points: list[Point] = POINTS) -> None:
        folder.mkdir(exist_ok=True)
        self.path, self.root = folder / "ledger.jsonl", folder / "checkpoints"
        if not self.path.exists():
            self._search()
        self.ledger = Ledger.open(self.path, create=False)
        self.heard: list[Event] = []
        self.confirmation = Confirmation()
        for event in self.ledger.events:
            self.confirmation.apply(event)
        begun = self.confirmation.next_round(points, seeds, 7)
        self.confirmer = Confirmer(self.confirmation, self.ledger, self.root, 1, self.heard.append)
        self.confirmer.begin(*([begun] if begun else []))

    def _search(self) -> None:
        with Ledger.open(self.path, create=True) as ledger:
            for number in range(2):
                params = {"sparsity": 0.5 + number / 10}
                trial = {"event": "trial", "trial_id": f"t{number}", "seed": number}
                ledger.append({**trial, "params": params})
            ledger.append({"event": "finish"})

    @property
    def events(self) -> list[Event]:
        return read_events(self.path)

    def take(self) -> dict[str, Any]:
        """The next assignment, started."""
        assignment = self.confirmer.next()
        assert assignment is not None
        self.confirmer.started(assignment)
        return assignment

    def report(self, assignment: dict[str, Any], epoch: int, **changes: Any) -> bool:
        """A record of a job; True if the job is over."""
        fields = {"epoch": epoch, "accuracy": 0.8 + epoch / 100, "seconds": 1.0}
        fields |= {"validation_accuracy": 0.9, "correct_bits": "oA==", **changes}
        result = {"record": json.dumps(fields), "worker": "host:1"}
        return self.confirmer.report(assignment["trial_id"], assignment["attempt"], result)

    def run(self) -> list[Event]:
        """One worker takes job after job, to the end."""
        while not self.confirmer.finished:
            assignment = self.take()
            over = [self.report(assignment, epoch) for epoch in assignment["wanted"]]
            assert over == [False] * (len(over) - 1) + [True]
        self.confirmer.finish()
        self.ledger.close()
        return self.events


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path / "sweep")


def story(events: list[Event]) -> list[Event]:
    return [{k: v for k, v in event.items() if k not in BY_CHANCE} for event in events]


def assert_each_once(events: list[Event], seeds: int = 2) -> None:
    found = Counter(
        (e["trial_id"], e["epoch"], e["seed"]) for e in of_kind(events, "confirm_record")
    )
    assert set(found.values()) == {1} and len(found) == len(POINTS) * seeds
    ends = Counter((e["trial_id"], e["seed"]) for e in of_kind(events, "confirm_end"))
    assert set(ends.values()) == {1} and len(ends) == 2 * seeds
    assert events[-1]["event"] == "confirm_finish"


def test_a_retraining_serves_all_wanted_epochs_of_a_trial(scene: Scene) -> None:
    first = scene.take()
    assert first["wanted"] == [1, 3] and first["attempt"] == 1
    assert first["params"] == {"sparsity": 0.5}
    [begun] = of_kind(scene.events, "confirm")
    assert first["seed"] == begun["seeds"][0]
    assert not scene.report(first, 1) and scene.report(first, 3)
    [one, other] = of_kind(scene.events, "confirm_record")
    assert (one["trial_id"], one["epoch"], one["seed"]) == ("t0", 1, first["seed"])
    assert one["split"] == "test" and one["correct_bits"] == "oA==" and one["worker"] == "host:1"
    assert other["validation_accuracy"] == 0.9
    [end] = of_kind(scene.events, "confirm_end")
    assert (end["trial_id"], end["status"], end["error"]) == ("t0", "completed", None)
    assert "correct_bits" not in of_kind(scene.heard, "confirm_record")[0]


def test_a_whole_round_ends_and_is_told_once(scene: Scene) -> None:
    events = scene.run()
    assert_each_once(events)
    assert scene.confirmer.next() is None and scene.confirmer.finished


def test_cut_anywhere_it_goes_on_the_same(scene: Scene, tmp_path: Path) -> None:
    whole = scene.run()
    lines = scene.path.read_bytes().splitlines(keepends=True)
    for cut in range(3, len(lines)):
        for torn in (b"", lines[cut][: len(lines[cut]) // 2]):
            folder = tmp_path / f"again-{cut}-{len(torn)}"
            folder.mkdir()
            (folder / "ledger.jsonl").write_bytes(b"".join(lines[:cut]) + torn)
            again = Scene(folder).run()
            assert again[:cut] == whole[:cut]
            assert_each_once(again)
            starts = [event for event in story(again) if event["event"] != "confirm_start"]
            assert starts == [e for e in story(whole) if e["event"] != "confirm_start"]


def test_a_lost_job_is_tried_again_for_what_it_had_not_found(scene: Scene) -> None:
    first = scene.take()
    scene.report(first, 1)
    scene.confirmer.lost(first["trial_id"], 1, "killed")
    waiting = [scene.take() for _ in range(4)]
    again = waiting[-1]
    assert again["trial_id"] == first["trial_id"]
    assert (again["wanted"], again["attempt"]) == ([3], 2)
    [lost] = of_kind(scene.events, "confirm_lost")
    assert (lost["trial_id"], lost["attempt"], lost["reason"]) == ("t0", 1, "killed")


def test_a_loss_said_twice_is_one_loss(scene: Scene) -> None:
    first = scene.take()
    for _ in range(2):
        scene.confirmer.lost(first["trial_id"], 1, "killed")
    waiting = [scene.take() for _ in range(4)]
    names = [assignment["trial_id"] for assignment in waiting]
    assert len(set(names)) == 4 and first["trial_id"] in names
    scene.confirmer.lost(first["trial_id"], 1, "killed")
    assert len(of_kind(scene.events, "confirm_lost")) == 1


def test_a_machine_taken_away_does_not_count_against_its_job(scene: Scene) -> None:
    name = scene.take()["trial_id"]
    for attempt in range(1, 6):
        scene.confirmer.lost(name, attempt, "told to go", True)
        while scene.take()["trial_id"] != name:
            pass
    assert of_kind(scene.events, "confirm_end") == []


def test_a_late_report_of_a_worker_thought_dead_is_refused(scene: Scene) -> None:
    first = scene.take()
    scene.confirmer.lost(first["trial_id"], 1, "killed")
    before = scene.events
    for epoch in (1, 3):
        assert scene.report(first, epoch) is True
    [*_, again] = [scene.take() for _ in range(4)]
    assert scene.report(first, 1) is True
    assert of_kind(scene.events, "confirm_record") == of_kind(before, "confirm_record") == []
    assert not scene.report(again, 1) and not scene.report(again, 1)  # said twice, written once
    assert len(of_kind(scene.events, "confirm_record")) == 1


def test_a_job_that_loses_too_many_workers_fails_alone(scene: Scene) -> None:
    name = scene.take()["trial_id"]
    scene.confirmer.lost(name, 1, "killed")
    jobs = [scene.take() for _ in range(4)]
    scene.confirmer.lost(name, 2, "killed again")
    for job in jobs[:-1]:
        for epoch in job["wanted"]:
            scene.report(job, epoch)
    assert scene.confirmer.finished
    scene.confirmer.finish()
    [failed] = [e for e in of_kind(scene.events, "confirm_end") if e["status"] == "failed"]
    assert "lost 2 times; last: killed again" in failed["error"]
    assert len(scene.confirmation.failed) == 1
    scene.ledger.close()
    again = Scene(scene.path.parent)
    assert again.confirmer.finished and again.confirmer.next() is None


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"accuracy": math.nan}, "accuracy of epoch 1 is nan"),
        ({"loss": math.inf}, "loss of epoch 1 is inf"),
        ({"validation_accuracy": None}, "'validation_accuracy' of epoch 1 is missing"),
    ],
)
def test_figures_that_cannot_be_fail_the_job(
    scene: Scene, changes: dict[str, Any], word: str
) -> None:
    assert scene.report(scene.take(), 1, **changes) is True
    [end] = of_kind(scene.events, "confirm_end")
    assert end["status"] == "failed" and word in end["error"]


def test_what_no_job_can_go_on_with_ends_the_confirmation(scene: Scene) -> None:
    job = scene.take()
    for kind, error in (("storage_error", StorageError), ("usage_error", UsageError)):
        with pytest.raises(Abort) as left:
            scene.confirmer.report(job["trial_id"], 1, {kind: "the disk is full"})
        assert isinstance(left.value.error, error)
    assert scene.confirmer.report(job["trial_id"], 1, {"error": "diverged"}) is True


def test_checkpoints_go_with_their_job_and_the_rest_with_the_round(scene: Scene) -> None:
    job, other = scene.take(), scene.take()
    for name in (job["trial_id"], other["trial_id"]):
        (scene.root / name / "epoch-0001").mkdir(parents=True)
    for epoch in job["wanted"]:
        scene.report(job, epoch)
    scene.ledger.sync()
    scene.confirmer.tidy()
    assert [path.name for path in scene.root.iterdir()] == [other["trial_id"]]
    for epoch in other["wanted"]:
        scene.report(other, epoch)
    scene.run()
    assert not scene.root.exists()
