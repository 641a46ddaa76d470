"""The counts of the fault matrix include every missing and every duplicated event."""

from __future__ import annotations

import pytest

from tests.faults.verdict import Event, duplicated, judge, lost, of_kind, story
from tests.harness.stage import Stage

TRIALS = 10


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> list[Event]:
    """The events of a sweep without faults."""
    return Stage(tmp_path_factory.mktemp("whole") / "sweep").run()


def test_an_undisturbed_sweep_has_lost_nothing(whole: list[Event]) -> None:
    assert lost(whole, whole[:-1], TRIALS) == duplicated(whole) == 0
    assert of_kind(whole, "decision"), "without decisions there is little to compare"


def test_each_missing_record_is_counted(whole: list[Event]) -> None:
    """This includes the last record of a completed trial."""
    ends = {event["trial_id"]: event["status"] for event in of_kind(whole, "end")}
    last = {event["trial_id"]: event["epoch"] for event in of_kind(whole, "record")}
    for record in of_kind(whole, "record"):
        is_last_of_stopped = (
            ends[record["trial_id"]] == "stopped" and last[record["trial_id"]] == record["epoch"]
        )
        if not is_last_of_stopped:  # then the comparison of events finds it
            assert lost([event for event in whole if event is not record], (), TRIALS) == 1


def test_missing_or_changed_trials_and_lines_are_counted(whole: list[Event]) -> None:
    end = of_kind(whole, "end")[2]
    assert lost([event for event in whole if event is not end], (), TRIALS) == 1
    assert lost(whole, (), TRIALS + 1) == 1
    changed = [*whole[:5], {**whole[5], "time": 0.0}, *whole[6:]]
    assert lost(changed, whole[:8], TRIALS) == 3
    assert lost(whole[:7], whole[:8], 0) >= 1


@pytest.mark.parametrize("kind", ["trial", "record", "decision", "end"])
def test_duplicated_events_are_counted(whole: list[Event], kind: str) -> None:
    again = of_kind(whole, kind)[1]
    assert duplicated([*whole, again]) == 1
    assert duplicated([*whole, {**again, "time": 9e9, "attempt": 2}, again]) == 2


def test_compared_events_leave_workers_and_times_out(whole: list[Event]) -> None:
    retold = [{**event, "time": 0.0} for event in whole]
    retold.insert(4, {"event": "resume", "time": 0.0})
    assert story(retold) == story(whole)
    index = retold.index(of_kind(retold, "record")[3])
    retold[index] = {**retold[index], "accuracy": 0.123}
    assert story(retold) != story(whole)


def test_a_case_passes_only_if_every_check_passes(whole: list[Event]) -> None:
    def verdict(events: list[Event], wrong: str = "") -> bool:
        how = {"before": whole[:9], "trials": TRIALS, "expected": whole, "wrong": wrong}
        return judge("f", "n", events, **how).is_well

    assert verdict(whole)
    assert not verdict(whole, "exit code 1, not 0")
    assert not verdict(whole[:-1]), "it did not finish"
    assert not verdict([*whole[:-1], of_kind(whole, "record")[0], whole[-1]])
    assert not verdict([event for event in whole if event is not of_kind(whole, "record")[0]])
