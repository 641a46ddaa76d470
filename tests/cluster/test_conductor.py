"""The answers of a conductor to simulated workers, for a search and for a confirmation."""

from __future__ import annotations

import errno
import math
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sweep.cluster.conductor import Report
from sweep.cluster.interrupts import Abort
from sweep.errors import StorageError, SweepError, TrialError, UsageError
from sweep.ledger.events import Event
from sweep.ledger.record import DETAILS
from tests.harness.disk import disk_under
from tests.harness.stage import POINTS, Cast, Scene, Stage
from tests.harness.sweeps import assert_each_once, of_kind, story

Open = Callable[..., Cast]


@pytest.fixture(params=[Stage, Scene], ids=["search", "confirmation"])
def open_cast(request: pytest.FixtureRequest) -> Open:
    found: Open = request.param
    return found


@pytest.fixture
def cast(open_cast: Open, tmp_path: Path) -> Cast:
    return open_cast(tmp_path / "sweep")


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path / "sweep")


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path / "sweep")


def first(cast: Cast) -> tuple[dict[str, Any], int, int]:
    """An assignment with at least two epochs to report, and its first two epochs."""
    while len(epochs := list(cast.epochs(assignment := cast.take()))) < 2:
        pass
    return assignment, epochs[0], epochs[1]


def test_jobs_are_handed_out_in_order_and_only_after_they_are_written(stage: Stage) -> None:
    first, second = stage.take(), stage.take()
    assert (first["trial_id"], second["trial_id"]) == ("t00000", "t00001")
    assert first["after"] is None and first["attempt"] == 1
    assert [event["event"] for event in stage.events] == ["sweep", *["trial", "start"] * 2]
    assert stage.heard == stage.events[1:]


def test_a_retraining_serves_all_wanted_epochs_of_a_trial(scene: Scene) -> None:
    first = scene.take()
    assert first["wanted"] == [1, 3] and first["attempt"] == 1
    assert first["params"] == {"sparsity": 0.5}
    [begun] = of_kind(scene.events, "confirm")
    assert first["seed"] == begun["seeds"][0]
    assert not scene.report(first, 1) and scene.report(first, 3, validation_accuracy=0.9)
    [one, other] = scene.of_kind("record")
    assert (one["trial_id"], one["epoch"], one["seed"]) == ("t0", 1, first["seed"])
    assert one["split"] == "test" and one["worker"] == "host:1"
    assert other["validation_accuracy"] == 0.9
    [end] = scene.of_kind("end")
    assert (end["trial_id"], end["status"], end["error"]) == ("t0", "completed", None)


def test_a_whole_sweep_ends_and_every_event_is_written_once(cast: Cast) -> None:
    events = cast.run()
    assert cast.conductor.next() is None and cast.conductor.finished
    if not cast.prefix:
        assert_each_once(events, trials=10)
        return
    records, ends = cast.of_kind("record"), cast.of_kind("end")
    found = Counter((e["trial_id"], e["epoch"], e["seed"]) for e in records)
    assert set(found.values()) == {1} and len(found) == len(POINTS) * 2
    assert set(Counter((e["trial_id"], e["seed"]) for e in ends).values()) == {1}
    assert len(ends) == 2 * 2 and events[-1]["event"] == "confirm_finish"


@pytest.mark.parametrize("share", [i / 10 for i in range(10)])
def test_a_sweep_cut_anywhere_and_replayed_continues_as_before(
    cast: Cast, open_cast: Open, tmp_path: Path, share: float
) -> None:
    begun = 1 if cast.events == [] else len(cast.events)
    whole = cast.run()
    lines = cast.path.read_bytes().splitlines(keepends=True)
    cut = begun + int(share * (len(lines) - begun))
    for torn in (b"", lines[cut][: len(lines[cut]) // 2]):
        folder = tmp_path / f"again-{len(torn)}"
        folder.mkdir()
        (folder / "ledger.jsonl").write_bytes(b"".join(lines[:cut]) + torn)
        again = open_cast(folder).run()
        assert told(again) == told(whole)
        assert again[:cut] == whole[:cut]


def told(events: list[Event]) -> list[Event]:
    """The results of a search or a confirmation, without workers and times."""
    own = [event | {"event": event["event"].removeprefix("confirm_")} for event in events]
    return story(own)


def test_details_for_readers_are_in_the_file_and_not_in_memory(cast: Cast, open_cast: Open) -> None:
    assignment, epoch, _ = first(cast)
    cast.report(assignment, epoch, correct_bits="oA==", zeros_per_weight=[1, 2])
    [record] = cast.of_kind("record")
    assert (record["correct_bits"], record["zeros_per_weight"]) == ("oA==", [1, 2])
    kept = {k: v for k, v in record.items() if k not in DETAILS}
    assert of_kind(cast.heard, cast.prefix + "record") == [kept]
    cast.ledger.close()
    again = open_cast(cast.path.parent)
    if isinstance(again, Stage):  # a confirmation is replayed by its own driver, which keeps none
        assert list(again.search.trials["t00000"].records.values()) == [kept]


def test_listeners_do_not_see_replayed_events(cast: Cast, open_cast: Open) -> None:
    assignment, epoch, _ = first(cast)
    cast.report(assignment, epoch)
    before = cast.events
    cast.ledger.close()
    again = open_cast(cast.path.parent)
    again.take_again(assignment["trial_id"])
    assert again.heard == again.events[len(before) :] != []


def test_a_record_that_is_reported_twice_is_written_once(cast: Cast) -> None:
    assignment, epoch, _ = first(cast)
    cast.report(assignment, epoch)
    before = cast.events
    assert cast.report(assignment, epoch, accuracy=0.5) is False
    assert cast.events == before


def test_a_lost_job_is_retried_from_its_first_missing_epoch(cast: Cast) -> None:
    lost, epoch, next_epoch = first(cast)
    cast.report(lost, epoch)
    cast.lose(lost)
    again = cast.take_again(lost["trial_id"])
    assert again["attempt"] == 2
    assert next(iter(cast.epochs(again))) == next_epoch
    assert again["params"] == lost["params"] and again["seed"] == lost["seed"]
    [event] = cast.of_kind("lost")
    assert (event["attempt"], event["reason"], event["preempted"]) == (1, "killed", False)


def test_a_lost_trial_comes_before_a_new_one(stage: Stage) -> None:
    lost, other = stage.take(), stage.take()
    stage.lose(lost)
    assert stage.take()["trial_id"] == lost["trial_id"]
    assert other["trial_id"] == "t00001"


@pytest.mark.parametrize("moment", ["lost", "handed out", "begun again"])
def test_a_late_report_is_refused_at_each_stage_of_the_retry(cast: Cast, moment: str) -> None:
    ghost, epoch, next_epoch = first(cast)
    cast.report(ghost, epoch)
    cast.lose(ghost)
    while moment != "lost":
        again = cast.conductor.next()
        assert again is not None
        if again["trial_id"] == ghost["trial_id"]:
            if moment == "begun again":
                cast.conductor.started(again)
            break
    before = cast.events
    for late in (epoch, next_epoch):
        assert cast.report(ghost, late, accuracy=0.99) is True
    assert cast.fail(ghost, TrialError("late")) is True
    assert cast.fail(ghost, StorageError("late")) is True
    assert cast.events == before


def test_a_loss_that_is_reported_twice_counts_once(cast: Cast) -> None:
    """Otherwise the job would be queued twice, and would start again after its end."""
    lost, epoch, next_epoch = first(cast)
    cast.report(lost, epoch)
    for _ in range(2):
        cast.lose(lost)
    again = cast.take_again(lost["trial_id"])
    cast.lose(lost)
    assert len(cast.of_kind("lost")) == 1
    cast.report(again, next_epoch)
    assert [event["attempt"] for event in cast.of_kind("record")] == [1, 2]
    for _ in range(4):
        if (other := cast.conductor.next()) is not None:
            assert other["trial_id"] != lost["trial_id"]


def test_a_job_that_has_ended_does_not_start_again(cast: Cast) -> None:
    assignment = cast.take()
    assert cast.fail(assignment, TrialError("broken"))
    before = cast.events
    cast.conductor.started(assignment | {"attempt": 2})
    cast.lose(assignment | {"attempt": 2})
    assert cast.events == before


def test_a_worker_lost_before_its_start_uses_up_its_attempt_number(cast: Cast) -> None:
    ghost = cast.conductor.next()
    assert ghost is not None
    cast.lose(ghost)
    again = cast.take_again(ghost["trial_id"])
    assert again["attempt"] == ghost["attempt"] + 1
    epoch = next(iter(cast.epochs(again)))
    cast.report(ghost, epoch, accuracy=0.99)
    cast.report(again, epoch)
    assert [event["attempt"] for event in cast.of_kind("record")] == [again["attempt"]]


def test_a_job_that_loses_too_many_workers_fails_and_no_other_does(
    open_cast: Open, tmp_path: Path
) -> None:
    cast = open_cast(tmp_path / "sweep", max_failures=1)
    name = (assignment := cast.take())["trial_id"]
    cast.lose(assignment)
    cast.lose(cast.take_again(name), "out of memory")
    end = cast.events[-1]
    assert (end["event"], end["status"]) == (cast.prefix + "end", "failed")
    assert end["error"] == "its worker was lost 2 times; last: out of memory"
    if (other := cast.conductor.next()) is not None:
        assert other["trial_id"] != name


def test_a_failed_retraining_is_written_and_not_tried_again(tmp_path: Path) -> None:
    scene = Scene(tmp_path / "sweep", max_failures=0)
    jobs = [scene.take() for _ in range(4)]
    scene.lose(jobs[0])
    for job in jobs[1:]:
        for epoch in job["wanted"]:
            scene.report(job, epoch)
    assert scene.conductor.finished
    scene.finish()
    assert len(scene.confirmation.failed) == 1
    scene.ledger.close()
    again = Scene(scene.path.parent)
    assert again.conductor.finished and again.conductor.next() is None


def test_a_crash_after_the_last_loss_gives_no_further_retry(
    open_cast: Open, tmp_path: Path
) -> None:
    cast = open_cast(tmp_path / "sweep", max_failures=0)
    lost = cast.take()
    cast.lose(lost)
    cast.ledger.close()
    whole = cast.events
    lines = cast.path.read_bytes().splitlines(keepends=True)
    cast.path.write_bytes(b"".join(lines[:-1]))  # without its "end" event
    again = open_cast(cast.path.parent, max_failures=0)
    assert story(again.events) == story(whole)
    assert again.take()["trial_id"] != lost["trial_id"]


def test_the_loss_of_a_drained_machine_does_not_count_against_its_job(
    open_cast: Open, tmp_path: Path
) -> None:
    cast = open_cast(tmp_path / "sweep", max_failures=0)
    name = (assignment := cast.take())["trial_id"]
    for _ in range(3):
        cast.lose(assignment, "told to go", gone=True)
        assignment = cast.take_again(name)
    assert cast.of_kind("end") == []
    assert assignment["attempt"] == 4
    cast.lose(assignment)
    assert cast.events[-1]["error"] == "its worker was lost 1 times; last: killed"


def test_an_unfinished_trial_is_first_after_a_crash(stage: Stage) -> None:
    trial = stage.take()
    stage.report(trial, 0)
    stage.ledger.close()
    assert Stage(stage.path.parent).take() == trial | {"attempt": 2, "after": 0}


def test_an_error_ends_its_job_and_no_other(cast: Cast) -> None:
    assignment = cast.take()
    assert cast.fail(assignment, TrialError("diverged: loss is nan")) is True
    [end] = cast.of_kind("end")
    assert (end["status"], end["error"]) == ("failed", "diverged: loss is nan")
    cast.run()
    assert len(cast.of_kind("end")) == (4 if cast.prefix else 10)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"accuracy": None}, "'accuracy' of epoch {} is missing"),
        ({"accuracy": math.nan}, "accuracy of epoch {} is nan"),
        ({"loss": math.inf}, "loss of epoch {} is inf"),
        ({"loss": np.float32(0.5)}, "record': Object of type float32"),
    ],
)
def test_impossible_figures_fail_their_job(
    cast: Cast, changes: dict[str, Any], reason: str
) -> None:
    assignment, epoch, _ = first(cast)
    assert cast.report(assignment, epoch, **changes) is True
    end = cast.events[-1]
    assert end["status"] == "failed" and reason.format(epoch) in end["error"]
    assert cast.of_kind("record") == []


def test_a_version_that_prunes_other_matrices_cannot_continue_a_sweep(cast: Cast) -> None:
    weights = [["a", 8], ["b", 8]]
    cast.conductor.replay([{"event": "baseline", "prunable_weights": weights}])  # type: ignore
    assignment, epoch, _ = first(cast)
    with pytest.raises(Abort) as left:
        cast.report(assignment, epoch, zeros_per_weight=[4, 4, 4])
    assert "pruned 2 matrices" in str(left.value.error) and cast.of_kind("record") == []
    assert cast.report(assignment, epoch, zeros_per_weight=[4, 4]) in (True, False)
    assert len(cast.of_kind("record")) == 1


def test_a_retraining_needs_a_result_on_validation_too(scene: Scene) -> None:
    assert scene.report(scene.take(), 1, validation_accuracy=None) is True
    assert "'validation_accuracy' of epoch 1 is missing" in scene.events[-1]["error"]


@pytest.mark.parametrize("kind", [StorageError, UsageError])
def test_an_error_that_concerns_all_jobs_ends_the_session_and_no_job(
    cast: Cast, kind: type[SweepError]
) -> None:
    assignment = cast.take()
    with pytest.raises(Abort) as left:
        cast.fail(assignment, kind("no space left"))
    assert isinstance(left.value.error, kind)
    assert cast.of_kind("end") == []
    with pytest.raises(Abort):
        cast.say(assignment, Report())


def test_checkpoints_are_deleted_with_their_retraining_and_the_rest_with_the_round(
    scene: Scene,
) -> None:
    job, other = scene.take(), scene.take()
    for name in (job["trial_id"], other["trial_id"]):
        (scene.root / name / "epoch-0001").mkdir(parents=True)
    for epoch in job["wanted"]:
        scene.report(job, epoch)
    scene.ledger.sync()
    scene.conductor.tidy()
    assert [path.name for path in scene.root.iterdir()] == [other["trial_id"]]
    for epoch in other["wanted"]:
        scene.report(other, epoch)
    scene.run()
    assert not scene.root.exists()


def test_a_job_is_handed_out_after_every_event_it_depends_on_is_synced(
    open_cast: Open, tmp_path: Path
) -> None:
    path = tmp_path / "sweep" / "ledger.jsonl"
    with disk_under(path, is_idle=True) as disk:
        cast = open_cast(path.parent)
        assignment, epoch, _ = first(cast)
        begun = path.read_bytes()[: disk.safe]
        assert f'"{assignment["trial_id"].partition("-")[0]}"'.encode() in begun
        cast.report(assignment, epoch)
        assert disk.safe < path.stat().st_size, "a job that goes on waits for no disk"
        cast.conductor.next()
        assert disk.safe == path.stat().st_size
        cast.conductor.note({"event": "finish", "reason": None})
        assert disk.safe == path.stat().st_size
        cast.ledger.close()


def better_and_better(cast: Cast, assignment: dict[str, Any]) -> None:
    for epoch, accuracy in ((0, 0.1), (1, 0.1), (2, 0.9)):
        cast.report(assignment, epoch, accuracy=accuracy)


def diverges(cast: Cast, assignment: dict[str, Any]) -> None:
    cast.fail(assignment, TrialError("diverged"))


@pytest.mark.parametrize(
    ("open_cast", "happens"),
    [(Stage, better_and_better), (Stage, diverges), (Scene, diverges)],
    indirect=["open_cast"],
)
def test_no_checkpoint_is_deleted_because_of_an_event_that_is_not_synced(
    open_cast: Open, tmp_path: Path, happens: Callable[[Cast, dict[str, Any]], None]
) -> None:
    path = tmp_path / "sweep" / "ledger.jsonl"
    with disk_under(path, is_idle=True):
        cast = open_cast(path.parent)
        assignment = cast.take()
        old = path.parent / "checkpoints" / assignment["trial_id"] / "epoch-0001"
        old.mkdir(parents=True)
        happens(cast, assignment)
        cast.conductor.tidy()
        assert old.exists()
        cast.ledger.sync()
        cast.conductor.tidy()
        assert not old.exists()
        cast.ledger.close()


@pytest.mark.parametrize("question", ["next", "report", "tidy", "note"])
def test_a_ledger_that_cannot_be_synced_stops_the_session(
    open_cast: Open, tmp_path: Path, question: str
) -> None:
    path = tmp_path / "sweep" / "ledger.jsonl"
    with disk_under(path, is_idle=True) as disk:
        cast = open_cast(path.parent)
        assignment, epoch, next_epoch = first(cast)
        cast.ledger.sync()
        disk.error = OSError(errno.EIO, "input/output error")
        cast.report(assignment, epoch)
        with pytest.raises(StorageError):
            cast.ledger.sync()
        ask = {
            "next": cast.conductor.next,
            "report": lambda: cast.report(assignment, next_epoch),
            "tidy": cast.conductor.tidy,
            "note": lambda: cast.conductor.note({"event": "finish", "reason": None}),
        }
        with pytest.raises(Abort, match="input/output error"):
            ask[question]()
        cast.ledger.close()
        assert cast.of_kind("record") == []
