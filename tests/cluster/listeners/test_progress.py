"""The progress of a sweep, compared with counts by hand."""

from __future__ import annotations

import statistics
from typing import Any

import pytest

from sweep.cluster.listeners.terminal import Progress
from sweep.ledger.events import Event
from tests.analysis.ledgers import CONFIG, LedgerBuilder


def trial(trial_id: str, epochs: int = 4) -> Event:
    return {"event": "trial", "trial_id": trial_id, "params": {"finetune_epochs": epochs}}


def start(trial_id: str) -> Event:
    return {"event": "start", "trial_id": trial_id, "attempt": 1}


def record(trial_id: str, epoch: int, **more: Any) -> Event:
    figures = {"accuracy": 0.5, "sparsity": 0.5, "seconds": 1.0 * epoch, "partial": False}
    return {"event": "record", "trial_id": trial_id, "epoch": epoch, **figures, **more}


def end(trial_id: str, status: str, error: str | None = None) -> Event:
    return {"event": "end", "trial_id": trial_id, "status": status, "error": error}


def begun(planned: int = 10, **fields: Any) -> Event:
    """The first event of a sweep of so many trials."""
    [head] = LedgerBuilder(**fields).search(trials=planned).events
    return head


def after(*events: Event, planned: int = 10) -> Progress:
    return Progress().replay([begun(planned), *events])


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


def test_workers_and_trials_of_a_session_are_taken_in() -> None:
    progress = after(
        {"event": "baseline", "accuracy": 0.8},
        {"event": "workers", "count": 3},
        {"event": "resume", "trials": 20},
        {"event": "something new"},
    )
    assert (progress.workers, progress.planned) == (3, 20)
    assert after({"event": "resume", "trials": None}).planned == 10
    assert after({"event": "resume", "trials": 4}).planned == 10


def test_the_first_event_gives_the_objectives_and_the_metric() -> None:
    facts = {"direction": "min", "unit": "", "worst": None, "chance": None}
    named = {"metric": "perplexity", "metrics": {"perplexity": facts}}
    progress = Progress().replay([begun(directions={"perplexity": "min"}, **named)])
    assert (progress.metric.name, progress.metric.direction) == ("perplexity", "min")
    for value, best in ((9.0, 9.0), (8.0, 8.0), (8.5, 8.0)):
        progress.replay([trial("a"), record("a", 1, perplexity=value)])
        assert [event["perplexity"] for event in progress.front.items] == [best]


def test_a_grid_has_one_trial_per_point() -> None:
    space = {**CONFIG["space"], "sparsity": [0.5, 0.6, 0.7], "learning_rate": 1e-4}
    config = {**CONFIG, "space": space | {"finetune_epochs": 1}, "search": {"sampler": "grid"}}
    assert Progress().replay([begun(config=config)]).planned == 3 * 2 * 2
