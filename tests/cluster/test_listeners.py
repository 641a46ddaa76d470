"""What a person sees while a sweep runs."""

from __future__ import annotations

import io

import pytest

from sweep.cluster.listeners import Progress, View
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
    with view:
        view.take({"event": "workers", "count": 2})
        for event in builder.events:
            view.take(event)
            view.refresh()
    return stream.getvalue()


def test_without_a_terminal_a_line_a_finished_trial(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = shown(io.StringIO(), 4, monkeypatch).splitlines()
    assert len(lines) == 3
    assert [line.split()[:3] for line in lines] == [
        ["1/4", "t00000", "completed"],
        ["2/4", "t00001", "stopped"],
        ["3/4", "t00002", "failed"],
    ]
    assert "the loss is not finite" in lines[2]


def test_on_a_terminal_trials_counts_and_the_front(monkeypatch: pytest.MonkeyPatch) -> None:
    text = shown(Terminal(), 4, monkeypatch)
    assert "3/4 trials (1 completed, 1 stopped, 1 failed)" in text
    assert "epochs 4 spent, 2 saved" in text
    assert "t00003" in text and "running" in text and "1/3" in text
    assert "front so far" in text


def test_time_left_is_a_range_once_trials_have_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    text = shown(Terminal(), 40, monkeypatch)
    assert " to " in text and " left" in text


def test_trials_of_another_dense_model_are_told_once() -> None:
    stream = io.StringIO()
    view = View(Progress(OBJECTIVES, 4), stream)
    for event in small_sweep().events:
        view.take(event)
    assert stream.getvalue() == ""
    records = [event for event in small_sweep().events if event["event"] == "record"]
    for event in records:
        view.take({**event, "baseline_accuracy": event["baseline_accuracy"] - 0.1})
    assert stream.getvalue().count("warning: to the worker of t0000") == 1


def test_trials_of_an_earlier_session_are_not_told_again() -> None:
    stream = io.StringIO()
    view = View(Progress(OBJECTIVES, 4), stream)
    events = small_sweep().events
    for event in [*events[:2], {"event": "workers", "count": 2}, *events[2:]]:
        view.take(event)
    assert stream.getvalue() == ""
    assert view.progress.done == 3
