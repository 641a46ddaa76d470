"""The conductor with made-up workers: every answer it gives, without Ray and in a moment."""

from __future__ import annotations

import errno
from pathlib import Path
from typing import Any

import pytest

from sweep.cluster.interrupts import Abort
from sweep.errors import StorageError, SweepError, UsageError
from sweep.ledger.record import DETAILS
from tests.harness.disk import disk_under, idle_thread
from tests.harness.stage import Stage
from tests.harness.sweeps import assert_each_once, of_kind, story


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


def test_what_only_readers_want_is_in_the_file_and_not_in_memory(stage: Stage) -> None:
    trial = stage.take()
    stage.report(trial, 0, correct_bits="oA==", zeros_per_weight=[1, 2])
    [record] = of_kind(stage.events, "record")
    assert (record["correct_bits"], record["zeros_per_weight"]) == ("oA==", [1, 2])
    stage.ledger.close()
    for some in (stage, Stage(stage.path.parent)):  # as it came, and replayed
        [kept] = some.conductor.search.trials["t00000"].records.values()
        assert kept == {k: v for k, v in record.items() if k not in DETAILS}
        assert of_kind(some.heard, "record") == [kept]


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


@pytest.mark.parametrize("moment", ["lost", "handed out", "begun again"])
@pytest.mark.parametrize("epoch", [0, 1])
def test_a_late_report_is_refused_at_each_stage_of_its_trials_return(
    stage: Stage, moment: str, epoch: int
) -> None:
    first = stage.take()
    stage.report(first, 0)
    stage.conductor.lost(first["trial_id"], first["attempt"], "killed")
    if moment != "lost":
        again = stage.conductor.next()
        assert again is not None
        if moment == "begun again":
            stage.conductor.started(again)
    before = stage.events
    assert stage.report(first, epoch, accuracy=0.99) is True
    assert stage.conductor.report(first["trial_id"], first["attempt"], {"error": "late"}) is True
    assert stage.events == before


def test_a_loss_said_twice_is_one_loss(stage: Stage) -> None:
    """Else the trial is in the queue twice, and begins again after its end."""
    first = stage.take()
    stage.report(first, 0)
    for _ in range(2):
        stage.conductor.lost(first["trial_id"], first["attempt"], "killed")
    again, other = stage.take(), stage.take()
    assert (again["trial_id"], other["trial_id"]) == ("t00000", "t00001")
    assert len(of_kind(stage.events, "lost")) == 1
    stage.conductor.lost(first["trial_id"], first["attempt"], "killed")
    assert len(of_kind(stage.events, "lost")) == 1
    stage.report(again, 1)
    assert [event["attempt"] for event in of_kind(stage.events, "record")] == [1, 2]


def test_a_trial_that_ended_does_not_begin(stage: Stage) -> None:
    trial = stage.take()
    assert stage.conductor.report(trial["trial_id"], trial["attempt"], {"error": "broken"})
    before = stage.events
    stage.conductor.started(trial | {"attempt": 2})
    assert stage.events == before


def test_a_worker_lost_before_it_began_takes_its_attempt_number_along(stage: Stage) -> None:
    first = stage.conductor.next()
    assert first is not None
    stage.conductor.lost(first["trial_id"], first["attempt"], "killed")
    again = stage.take()
    assert (again["trial_id"], again["attempt"]) == (first["trial_id"], first["attempt"] + 1)
    stage.report(first, 0, accuracy=0.99)
    stage.report(again, 0)
    assert [event["attempt"] for event in of_kind(stage.events, "record")] == [again["attempt"]]


def test_a_crash_after_the_last_loss_does_not_give_the_trial_another_try(tmp_path: Path) -> None:
    stage = Stage(tmp_path / "sweep", max_failures=0)
    first = stage.take()
    stage.conductor.lost(first["trial_id"], first["attempt"], "killed")
    stage.ledger.close()
    whole = stage.events
    lines = stage.path.read_bytes().splitlines(keepends=True)
    stage.path.write_bytes(b"".join(lines[:-1]))  # less its end
    again = Stage(stage.path.parent, max_failures=0)
    assert story(again.events) == story(whole)
    assert again.take()["trial_id"] != first["trial_id"]


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
    stage.ledger.sync()
    stage.conductor.tidy()
    folders = sorted(path.name for path in (root / trial["trial_id"]).iterdir())
    assert folders == ["epoch-0002"]


def test_an_unfinished_trial_is_first_after_a_crash(stage: Stage) -> None:
    trial = stage.take()
    stage.report(trial, 0)
    stage.ledger.close()
    again = Stage(stage.path.parent).take()
    assert again == trial | {"attempt": 2, "after": 0}


def test_a_trial_is_handed_out_when_all_that_it_follows_from_is_on_the_disk(
    tmp_path: Path,
) -> None:
    path = tmp_path / "sweep" / "ledger.jsonl"
    with disk_under(path) as disk, idle_thread():
        stage = Stage(path.parent)
        trial = stage.take()
        assert f'"{trial["trial_id"]}"'.encode() in path.read_bytes()[: disk.safe]
        stage.report(trial, 0)
        assert disk.safe < path.stat().st_size, "a trial that goes on waits for no disk"
        stage.conductor.next()
        assert disk.safe == path.stat().st_size
        stage.conductor.note({"event": "finish"})
        assert disk.safe == path.stat().st_size
        stage.ledger.close()


def test_no_checkpoint_goes_on_the_word_of_a_record_that_may_yet_be_lost(tmp_path: Path) -> None:
    path = tmp_path / "sweep" / "ledger.jsonl"
    with disk_under(path), idle_thread():
        stage = Stage(path.parent)
        trial = stage.take()
        old = path.parent / "checkpoints" / trial["trial_id"] / "epoch-0001"
        old.mkdir(parents=True)
        for epoch, accuracy in ((0, 0.1), (1, 0.1), (2, 0.9)):
            stage.report(trial, epoch, accuracy=accuracy)
        stage.conductor.tidy()
        assert old.exists()
        stage.ledger.sync()
        stage.conductor.tidy()
        assert not old.exists()
        stage.ledger.close()


@pytest.mark.parametrize("question", ["next", "report", "tidy", "note"])
def test_a_ledger_that_cannot_be_synced_stops_the_sweep(tmp_path: Path, question: str) -> None:
    path = tmp_path / "sweep" / "ledger.jsonl"
    with disk_under(path) as disk, idle_thread():
        stage = Stage(path.parent)
        trial = stage.take()
        stage.ledger.sync()
        disk.error = OSError(errno.EIO, "input/output error")
        stage.report(trial, 0)
        stage.ledger._sync()  # the thread's turn
        ask = {
            "next": stage.conductor.next,
            "report": lambda: stage.report(trial, 1),
            "tidy": stage.conductor.tidy,
            "note": lambda: stage.conductor.note({"event": "finish"}),
        }
        with pytest.raises(Abort, match="input/output error"):
            ask[question]()
        stage.ledger.close()
        assert of_kind(stage.events, "record") == []


def test_a_machine_taken_away_does_not_count_against_its_trial(tmp_path: Path) -> None:
    stage = Stage(tmp_path / "sweep", max_failures=0)
    for _ in range(3):
        trial = stage.take()
        stage.conductor.lost(trial["trial_id"], trial["attempt"], "told to go", True)
    assert of_kind(stage.events, "end") == []
    again = stage.take()
    assert (again["trial_id"], again["attempt"]) == (trial["trial_id"], 4)
    stage.conductor.lost(again["trial_id"], again["attempt"], "killed")
    assert stage.events[-1]["error"] == "its worker was lost 1 times; last: killed"
