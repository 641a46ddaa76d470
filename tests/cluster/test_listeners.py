"""What a person sees while a sweep runs."""

from __future__ import annotations

import io
import logging
import statistics
from typing import Any

import pytest

from sweep.cluster.listeners import Progress, View
from sweep.ledger.events import Event
from tests.analysis.ledgers import big_sweep, small_sweep

OBJECTIVES = {"accuracy": "max", "sparsity": "max"}


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def shown(stream: io.StringIO, trials: int, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr("sweep.cluster.listeners.REDRAW_SECONDS", -1.0)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "120")
    view = View(Progress(OBJECTIVES, trials), stream)
    builder = small_sweep() if trials == 4 else big_sweep(trials)
    with view.shown():
        view.take({"event": "workers", "count": 2})
        for event in builder.events:
            view.take(event)
            view.refresh()
    return stream.getvalue()


def on_terminal(log: pytest.LogCaptureFixture) -> list[str]:
    """The messages that a terminal shows."""
    return [r.getMessage() for r in log.records if getattr(r, "terminal", True)]


def test_without_a_terminal_a_line_a_finished_trial(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    assert shown(io.StringIO(), 4, monkeypatch) == ""
    lines = on_terminal(caplog)
    assert [line.split()[:3] for line in lines] == [
        ["1/4", "t00000", "completed"],
        ["2/4", "t00001", "stopped"],
        ["3/4", "t00002", "failed"],
    ]
    assert "the loss is not finite" in lines[2]


def test_on_a_terminal_trials_counts_and_the_front(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    text = shown(Terminal(), 4, monkeypatch)
    assert "3/4 trials (1 completed, 1 stopped, 1 failed)" in text
    assert "epochs 4 spent, 2 saved" in text
    assert "t00003" in text and "running" in text and "1/3" in text
    assert "front so far" in text
    assert on_terminal(caplog) == []
    assert len(caplog.messages) == 3, "the log has every end all the same"


def test_time_left_is_a_range_once_trials_have_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    text = shown(Terminal(), 40, monkeypatch)
    assert " to " in text and " left" in text


def test_a_loss_is_in_the_log_alone(caplog: pytest.LogCaptureFixture) -> None:
    lost = {"event": "lost", "trial_id": "t00000", "attempt": 2, "reason": "killed"}
    view = View(Progress(OBJECTIVES, 4), io.StringIO())
    view.take(lost)
    assert caplog.messages == [], "of an earlier session"
    with view.shown():
        view.take(lost)
    assert caplog.messages == ["t00000: attempt 2 lost its worker (killed)"]
    assert on_terminal(caplog) == []


def test_trials_of_another_dense_model_are_told_once(caplog: pytest.LogCaptureFixture) -> None:
    view = View(Progress(OBJECTIVES, 4), io.StringIO())
    for event in small_sweep().events:
        view.take(event)
    assert caplog.messages == []
    records = [event for event in small_sweep().events if event["event"] == "record"]
    for event in records:
        view.take({**event, "baseline_accuracy": event["baseline_accuracy"] - 0.1})
    [message] = on_terminal(caplog)
    assert message.startswith("warning: to the worker of t0000")


def test_trials_of_an_earlier_session_are_not_told_again(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    view = View(Progress(OBJECTIVES, 4), io.StringIO())
    events = small_sweep().events
    for event in [*events[:2], {"event": "workers", "count": 2}, *events[2:]]:
        view.take(event)
    assert caplog.messages == []
    assert view.progress.ended.total() == 3


# Where a sweep stands, counted from its events by hand.


def trial(trial_id: str, epochs: int = 4) -> Event:
    return {"event": "trial", "trial_id": trial_id, "params": {"finetune_epochs": epochs}}


def start(trial_id: str) -> Event:
    return {"event": "start", "trial_id": trial_id, "attempt": 1}


def record(trial_id: str, epoch: int, **more: Any) -> Event:
    figures = {"accuracy": 0.5, "sparsity": 0.5, "seconds": 1.0 * epoch, "partial": False}
    return {"event": "record", "trial_id": trial_id, "epoch": epoch, **figures, **more}


def end(trial_id: str, status: str, error: str | None = None) -> Event:
    return {"event": "end", "trial_id": trial_id, "status": status, "error": error}


def after(*events: Event, planned: int = 10) -> Progress:
    progress = Progress(OBJECTIVES, planned)
    for event in events:
        progress.apply(event)
    return progress


def test_a_trial_goes_from_waiting_to_its_end() -> None:
    progress = after(*(trial(name) for name in "abc"), start("b"), end("c", "completed"))
    seen = [[row.status for row in progress.rows.values()]]
    for event in (start("a"), record("a", 0), end("b", "stopped"), end("a", "failed", "diverged")):
        progress.apply(event)
        seen.append([row.status for row in progress.rows.values()])
    assert seen == [
        ["waiting", "running", "completed"],
        ["running", "running", "completed"],
        ["running", "running", "completed"],
        ["running", "stopped", "completed"],
        ["failed", "stopped", "completed"],
    ]
    assert progress.ended == {"completed": 1, "stopped": 1, "failed": 1}
    assert (progress.rows["a"].error, progress.rows["a"].epoch) == ("diverged", 0)


def test_epochs_spent_and_saved() -> None:
    """Only a stopped trial saves any: a failed one has broken off, a running one may go on."""
    progress = after(
        *(trial(name) for name in "abcd"),
        *(start(name) for name in "abcd"),
        *(record("a", epoch) for epoch in range(5)),
        end("a", "completed"),
        *(record("b", epoch) for epoch in range(2)),
        end("b", "stopped"),
        record("c", 0),
        end("c", "failed", "x"),
        *(record("d", epoch) for epoch in range(3)),
    )
    assert progress.epochs_spent == 4 + 1 + 0 + 2
    assert progress.epochs_saved == 3
    assert progress.rows["b"].epoch == 1


def test_a_trial_without_a_record_has_no_epoch() -> None:
    progress = after(trial("a"), start("a"), end("a", "stopped"))
    assert progress.rows["a"].epoch is None
    assert (progress.epochs_spent, progress.epochs_saved) == (0, 4)


def points(progress: Progress) -> list[tuple[str, int]]:
    return [(event["trial_id"], event["epoch"]) for event in progress.front.items]


def test_the_front_so_far() -> None:
    progress = after(trial("a"), trial("b"))
    stories = [
        (record("a", 0, accuracy=0.6, sparsity=0.8), [("a", 0)]),
        (record("a", 1, accuracy=0.7, sparsity=0.8), [("a", 1)]),
        (record("b", 0, accuracy=0.9, sparsity=0.2), [("a", 1), ("b", 0)]),
        (record("b", 1, accuracy=0.9, sparsity=0.2), [("a", 1), ("b", 0)]),  # equal: the first
        (record("b", 2, accuracy=0.1, sparsity=0.1), [("a", 1), ("b", 0)]),
        (record("b", 3, accuracy=1.0, sparsity=1.0, partial=True), [("a", 1), ("b", 0)]),
        (record("b", 4, accuracy=None), [("a", 1), ("b", 0)]),
    ]
    for event, expected in stories:
        progress.apply(event)
        assert sorted(points(progress)) == expected
    assert progress.rows["b"].record is stories[-1][0]


def test_the_time_left_is_a_range_from_what_ended_trials_took() -> None:
    progress = after(*(trial(str(i)) for i in range(6)), {"event": "workers", "count": 2})
    took = [10.0, 20.0, 60.0, 30.0]
    for i, seconds in enumerate(took):
        assert (progress.seconds_left() is None) == (i < 3)
        progress.apply(record(str(i), 1, seconds=seconds))
        progress.apply(end(str(i), "stopped" if i % 2 else "completed"))
    low, _, high = statistics.quantiles(took, n=4)
    assert progress.seconds_left() == pytest.approx((low * 6 / 2, high * 6 / 2))


@pytest.mark.parametrize(
    ("status", "planned", "left"),
    [("failed", 10, None), ("completed", 3, (0, 0))],  # none sets the pace; nothing is left
)
def test_the_time_left_where_there_is_no_range(
    status: str, planned: int, left: tuple[float, float] | None
) -> None:
    events = [e for i in "abc" for e in (trial(i), record(i, 1, seconds=5.0), end(i, status, "x"))]
    assert after(*events, planned=planned).seconds_left() == left


def test_what_else_it_learns() -> None:
    progress = after(
        {"event": "sweep", "version": 1},
        {"event": "baseline", "accuracy": 0.8},
        {"event": "workers", "count": 3},
        {"event": "resume", "trials": 20},
        {"event": "something new"},
    )
    assert (progress.workers, progress.planned) == (3, 20)
    assert after({"event": "resume", "trials": None}).planned == 10
    assert after({"event": "resume", "trials": 4}).planned == 10
