"""After a power cut at any moment, the ledger still has every event that had consequences."""

from __future__ import annotations

import random
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given, settings
from hypothesis import strategies as st

from sweep.cluster.retention import Retention
from sweep.ledger.events import Event
from sweep.ledger.read import read_events
from tests.harness.disk import disk_under
from tests.harness.stage import Crew, Stage
from tests.harness.sweeps import assert_each_once, of_kind
from tests.ledger.test_sync import advised

TRIALS, WORKERS = 4, 2
# A worker does a step or is lost, the ledger is synced, or the driver deletes checkpoints.
happenings = st.lists(
    st.tuples(
        st.sampled_from(["step"] * 6 + ["tidy"] * 2 + ["lose", "sync"]),
        st.integers(0, WORKERS - 1),
    ),
    min_size=4,
    max_size=30,
)


def live(crew: Crew, story: list[tuple[str, int]]) -> None:
    for what, worker in story:
        if what == "sync":
            crew.stage.ledger.sync()
        elif what == "tidy":
            crew.stage.conductor.tidy()
        else:
            getattr(crew, what)(worker)


def assert_nothing_seen_is_missing(crew: Crew, survivors: list[Event]) -> None:
    """Every assignment and every deletion follows from events that are still in the ledger."""
    trials = {event["trial_id"]: event for event in of_kind(survivors, "trial")}
    records = {(event["trial_id"], event["epoch"]) for event in of_kind(survivors, "record")}
    for assignment in crew.handed:
        trial = trials[assignment["trial_id"]]
        assert (trial["params"], trial["seed"]) == (assignment["params"], assignment["seed"])
        after = assignment["after"]
        assert after is None or (assignment["trial_id"], after) in records
    ended = {event["trial_id"] for event in of_kind(survivors, "end")}
    keeper = Retention(crew.root, crew.stage.config.objectives)
    for event in survivors:
        keeper.apply(event)
    newest = {(t, max(e for name, e in records if name == t)) for t, _ in records if t not in ended}
    there = {(f.parent.name, int(f.name.removeprefix("epoch-"))) for f in crew.root.glob("*/*")}
    front = keeper.front.items
    needed = {(trial_id, epoch) for trial_id, epoch in newest | set(front) if epoch > 0}
    assert needed <= there


@settings(deadline=None, max_examples=30)
@given(happenings, happenings, st.randoms(use_true_random=False))
def test_after_a_power_cut_the_sweep_continues_consistently(
    story: list[tuple[str, int]], later: list[tuple[str, int]], chance: random.Random
) -> None:
    with TemporaryDirectory() as temporary:
        folder = Path(temporary) / "sweep"
        path = folder / "ledger.jsonl"
        for happened in (story, later):
            with disk_under(path, is_idle=True) as disk:
                crew = Crew(Stage(folder, trials=TRIALS, max_failures=99))
                crew.stage.conductor.note({"event": "workers", "count": WORKERS})
                live(crew, happened)
                left = disk.cut_power(chance)
                crew.stage.ledger.close()
            path.write_bytes(left)
            advised(path)
            assert_nothing_seen_is_missing(crew, read_events(path))
        events = Crew(Stage(folder, trials=TRIALS, max_failures=99)).finish()
        assert_each_once(events, TRIALS)
        for trial in of_kind(events, "trial"):
            name = trial["trial_id"]
            epochs = [e["epoch"] for e in of_kind(events, "record") if e["trial_id"] == name]
            assert epochs == list(range(len(epochs))), "no record is left out"
