"""Which checkpoints are kept after each event of random sweeps."""

from __future__ import annotations

import shutil
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given
from hypothesis import strategies as st

from sweep.cluster.retention import Point, Retention
from sweep.ledger.checkpoint import epoch_folder
from sweep.ledger.events import Event

OBJECTIVES = {"accuracy": "max", "size_bytes": "min"}


def record(
    trial: str, epoch: int, accuracy: float | None, size: int, partial: bool = False
) -> Event:
    figures = {"partial": partial, "accuracy": accuracy, "size_bytes": size}
    return {"event": "record", "trial_id": trial, "epoch": epoch, **figures}


def end(trial: str) -> Event:
    return {"event": "end", "trial_id": trial, "status": "completed"}


def write(root: Path, trial: str, epoch: int) -> Path:
    """Write the checkpoint that a worker saves before it reports an epoch; epoch 0 has none."""
    folder = epoch_folder(root, trial, epoch)
    if epoch > 0:
        folder.mkdir(parents=True)
        for name in ("model", "masks", "optimizer"):
            (folder / f"{name}.safetensors").write_text(name)
    return folder


def there(root: Path) -> set[Point]:
    return {
        (folder.parent.name, int(folder.name.removeprefix("epoch-")))
        for folder in root.glob("*/epoch-*")
    }


def beats(one: Event, other: Event) -> bool:
    better = one["accuracy"] > other["accuracy"] or one["size_bytes"] < other["size_bytes"]
    no_worse = one["accuracy"] >= other["accuracy"] and one["size_bytes"] <= other["size_bytes"]
    return better and no_worse


def front(records: list[Event]) -> set[Point]:
    """The front, found by comparing all pairs; of equal points it has the first."""
    candidates = [r for r in records if not r["partial"] and r["accuracy"] is not None]
    return {
        (r["trial_id"], r["epoch"])
        for i, r in enumerate(candidates)
        if not any(beats(other, r) for other in candidates)
        and not any(
            (o["accuracy"], o["size_bytes"]) == (r["accuracy"], r["size_bytes"])
            for o in candidates[:i]
        )
    }


# Which of three trials goes on, and what it reports; few values, so that ties are common. The last
# two say whether the trial ends with it, and whether there is time to tidy after it.
reports = st.tuples(
    st.sampled_from("abc"),
    st.sampled_from([0.0, 0.25, 0.5, 0.75, None]),
    st.integers(0, 3),
    st.booleans(),
    st.booleans(),
    st.booleans(),
)


def assert_tidy(keeper: Retention, root: Path, events: list[Event]) -> None:
    """The disk has the checkpoints that the events so far need, and the front follows from them."""
    records = [event for event in events if event["event"] == "record"]
    ended = {event["trial_id"] for event in events if event["event"] == "end"}
    newest = {r["trial_id"]: r["epoch"] for r in records if r["trial_id"] not in ended}
    wanted = front(records) | set(newest.items())
    assert there(root) == {point for point in wanted if point[1] > 0}
    assert set(keeper.front.items) == front(records)
    for name, at in there(root):
        moments = epoch_folder(root, name, at) / "optimizer.safetensors"
        assert moments.exists() == (name not in ended)


@given(st.lists(reports, max_size=25))
def test_the_newest_checkpoint_of_a_running_trial_and_the_front_are_kept(
    story: list[tuple[str, float | None, int, bool, bool, bool]],
) -> None:
    """Neither applying an event nor replaying all events in a resumed driver deletes anything."""
    with TemporaryDirectory() as temporary:
        root = Path(temporary)
        keeper = Retention(root, OBJECTIVES)
        events: list[Event] = []
        epochs: dict[str, int] = {}
        for trial, accuracy, size, partial, over, tidies in story:
            if end(trial) in events:
                continue
            epochs[trial] = epochs.get(trial, -1) + 1
            write(root, trial, epochs[trial])
            before = there(root)
            new = [record(trial, epochs[trial], accuracy, size, partial), end(trial)][: 1 + over]
            for event in new:
                keeper.apply(event)
            events += new
            assert there(root) == before
            if tidies:
                keeper.tidy()
                assert_tidy(keeper, root, events)
        keeper.tidy()
        again = Retention(root, OBJECTIVES)
        for event in events:
            again.apply(event)
        again.tidy()
        assert_tidy(again, root, events)


def test_the_checkpoint_of_an_unreported_epoch_is_deleted_at_the_end(tmp_path: Path) -> None:
    keeper = Retention(tmp_path, OBJECTIVES)
    for epoch, accuracy in ((1, 0.9), (2, 0.5)):
        write(tmp_path, "a", epoch)
        keeper.apply(record("a", epoch, accuracy, 1))
    write(tmp_path, "a", 3)  # the worker was stopped before its report
    (tmp_path / "a" / ".epoch-0004.half").mkdir()
    keeper.apply(end("a"))
    keeper.tidy()
    assert {path.name for path in (tmp_path / "a").iterdir()} == {"epoch-0001"}


def test_a_folder_that_was_removed_already_is_no_error(tmp_path: Path) -> None:
    keeper = Retention(tmp_path, OBJECTIVES)
    write(tmp_path, "a", 1)
    keeper.apply(record("a", 1, 0.5, 1))
    shutil.rmtree(tmp_path / "a")
    for trial in ("a", "b"):  # b has no checkpoint
        keeper.apply(end(trial))
    keeper.tidy()
    assert set(keeper.front.items) == {("a", 1)}
