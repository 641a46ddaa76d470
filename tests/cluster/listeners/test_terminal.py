"""The log lines and the table of a running sweep."""

from __future__ import annotations

import io
import logging
import sys

import pytest

from sweep.cluster.listeners.terminal import TerminalView
from sweep.printable import printable_streams
from tests.analysis.ledgers import big_sweep, small_sweep


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def shown(stream: io.StringIO, trials: int, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "120")
    view = TerminalView(stream)
    builder = small_sweep() if trials == 4 else big_sweep(trials).search(trials=trials)
    for event in [*builder.events[:2], {"event": "workers", "count": 2}, *builder.events[2:]]:
        view.on_event(event)
        view.tick()
    view.close()
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


def test_a_lost_worker_is_only_in_the_log_file(caplog: pytest.LogCaptureFixture) -> None:
    lost = {"event": "lost", "trial_id": "t00000", "attempt": 2, "reason": "killed"}
    view = TerminalView(io.StringIO())
    view.begin([lost])
    assert caplog.messages == [], "of an earlier session"
    view.on_event(lost)
    assert caplog.messages == ["t00000: attempt 2 lost its worker (killed)"]
    assert on_terminal(caplog) == []


def test_another_dense_model_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    view = TerminalView(io.StringIO())
    view.begin(small_sweep().events)
    assert caplog.messages == []
    records = [event for event in small_sweep().events if event["event"] == "record"]
    for event in records:
        view.on_event({**event, "baseline_accuracy": event["baseline_accuracy"] - 0.1})
    [message] = on_terminal(caplog)
    assert message.startswith("warning: on the worker of t0000")


def test_trials_of_an_earlier_session_are_not_logged_again(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    view = TerminalView(io.StringIO())
    view.begin([*small_sweep().events, {"event": "workers", "count": 2}])
    assert caplog.messages == []
    assert view.progress.ended.total() == 3


def test_a_table_is_drawn_only_while_trials_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """Before that, Ray starts and the dense model is trained, and both print messages."""
    monkeypatch.setenv("TERM", "xterm")
    stream = Terminal()
    view = TerminalView(stream)
    view.begin([*small_sweep().events, {"event": "workers", "count": 2}])
    view.tick()
    assert stream.getvalue() == ""
    view.on_event({"event": "workers", "count": 2})
    view.tick()
    assert "3/4 trials" in stream.getvalue()
    view.close()
    drawn = stream.getvalue()
    view.tick()
    assert stream.getvalue() == drawn


def test_every_text_names_the_primary_metric(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "120")
    facts = {"direction": "max", "unit": "", "worst": -1.0, "chance": 0.0}
    builder = small_sweep().head(
        metric="matthews",
        metrics={"matthews": facts},
        directions={"matthews": "max", "sparsity": "max"},
    )
    stream = Terminal()
    view = TerminalView(stream)
    events = [{**event, "matthews": 0.321, "accuracy": 0.9} for event in builder.events]
    for event in [*events[:2], {"event": "workers", "count": 2}, *events[2:]]:
        view.on_event({**event, "baseline_matthews": 0.5} if event["event"] == "record" else event)
        view.tick()
    view.close()
    told = "\n".join([stream.getvalue(), *caplog.messages])
    assert "matthews 0.3210 sparsity" in told and "has matthews 0.5000, but it had 0.3210" in told
    assert "accuracy" not in told and "0.9000" not in told


def test_what_others_print_while_a_table_is_drawn_is_escaped(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "120")
    stream, before = Terminal(), (sys.stdout, sys.stderr)
    view = TerminalView(stream)
    view.begin(small_sweep().events)
    view.on_event({"event": "workers", "count": 2})
    print("to error \x1b]0;z\x07", file=sys.stderr)
    print("to output \x9b2J")
    view.tick()
    view.close()
    assert (sys.stdout, sys.stderr) == before
    text = stream.getvalue()
    assert r"to error \u001b]0;z\u0007" in text and r"to output \u009b2J" in text
    assert "\x1b]0;" not in text and "\x07" not in text and "\x9b" not in text


def test_a_view_draws_on_the_stream_below_the_printable_one() -> None:
    with printable_streams():
        assert TerminalView().console.file is sys.stderr.unescaped  # type: ignore[attr-defined]
