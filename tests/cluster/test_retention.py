"""Which checkpoints stay, after every event of sweeps drawn at random."""

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


def record(trial: str, epoch: int, accuracy: float, size: int, partial: bool = False) -> Event:
    return {
        "event": "record",
        "trial_id": trial,
        "epoch": epoch,
        "partial": partial,
        "accuracy": accuracy,
        "size_bytes": size,
    }


def end(trial: str) -> Event:
    return {"event": "end", "trial_id": trial, "status": "completed"}


def write(root: Path, trial: str, epoch: int) -> Path:
    """What a worker writes before it reports an epoch: nothing for epoch 0."""
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
    """Pair by pair; of equal points the first stands for all."""
    candidates = [r for r in records if not r["partial"]]
    return {
        (r["trial_id"], r["epoch"])
        for i, r in enumerate(candidates)
        if not any(beats(other, r) for other in candidates)
        and not any(
            (o["accuracy"], o["size_bytes"]) == (r["accuracy"], r["size_bytes"])
            for o in candidates[:i]
        )
    }


# Which of three trials goes on, and what it reports; few values, so that ties are common.
# The last says whether there is time to tidy after it.
reports = st.tuples(
    st.sampled_from("abc"),
    st.integers(0, 3),
    st.integers(0, 3),
    st.booleans(),
    st.booleans(),
    st.booleans(),
)


@given(st.lists(reports, max_size=25))
def test_the_newest_of_a_running_trial_and_the_front_stay(
    story: list[tuple[str, int, int, bool, bool, bool]],
) -> None:
    with TemporaryDirectory() as temporary:
        root = Path(temporary)
        keeper = Retention(root, OBJECTIVES)
        records: list[Event] = []
        running: dict[str, int] = {}
        ended: set[str] = set()
        for trial, accuracy, size, partial, over, tidies in story:
            if trial in ended:
                continue
            epoch = running.get(trial, -1) + 1
            write(root, trial, epoch)
            records.append(record(trial, epoch, accuracy / 4, size, partial))
            running[trial] = epoch
            keeper.apply(records[-1])
            if over:
                keeper.apply(end(trial))
                ended.add(trial)
                del running[trial]
            if not tidies:
                continue
            keeper.tidy()
            assert keeper.is_tidy
            wanted = front(records) | set(running.items())
            assert there(root) == {point for point in wanted if point[1] > 0}
            assert set(keeper.front) == front(records)
            for name, at in there(root):
                moments = epoch_folder(root, name, at) / "optimizer.safetensors"
                assert moments.exists() == (name not in ended)


def test_what_a_worker_left_of_an_unreported_epoch_goes_with_the_end(tmp_path: Path) -> None:
    keeper = Retention(tmp_path, OBJECTIVES)
    for epoch, accuracy in ((1, 0.9), (2, 0.5)):
        write(tmp_path, "a", epoch)
        keeper.apply(record("a", epoch, accuracy, 1))
    write(tmp_path, "a", 3)  # stopped before it was reported
    (tmp_path / "a" / ".epoch-0004.half").mkdir()
    keeper.apply(end("a"))
    keeper.tidy()
    assert {path.name for path in (tmp_path / "a").iterdir()} == {"epoch-0001"}


def test_a_record_without_an_objective_is_no_candidate(tmp_path: Path) -> None:
    keeper = Retention(tmp_path, OBJECTIVES)
    write(tmp_path, "a", 1)
    keeper.apply({**record("a", 1, 0.9, 1), "accuracy": None})
    keeper.tidy()
    assert keeper.front == []
    assert there(tmp_path) == {("a", 1)}  # the trial is running
    keeper.apply(end("a"))
    keeper.tidy()
    assert there(tmp_path) == set()


def test_a_replay_of_the_ledger_changes_nothing_on_disk(tmp_path: Path) -> None:
    """A resumed driver reads all events again, of folders that are gone in part."""
    events: list[Event] = []
    keeper = Retention(tmp_path, OBJECTIVES)
    figures = [("a", 1, 0.5, 3), ("b", 1, 0.6, 2), ("a", 2, 0.9, 3), ("b", 2, 0.1, 9)]
    for trial, epoch, accuracy, size in figures:
        write(tmp_path, trial, epoch)
        events.append(record(trial, epoch, accuracy, size))
        keeper.apply(events[-1])
    events.append(end("a"))
    keeper.apply(events[-1])
    keeper.tidy()
    before = there(tmp_path)
    assert before == {("a", 2), ("b", 1), ("b", 2)}
    again = Retention(tmp_path, OBJECTIVES)
    for event in events:
        again.apply(event)
    again.tidy()
    assert there(tmp_path) == before
    assert set(again.front) == set(keeper.front)


def test_a_trial_without_checkpoints_can_end(tmp_path: Path) -> None:
    keeper = Retention(tmp_path, OBJECTIVES)
    keeper.apply(record("a", 0, 0.5, 1))
    keeper.apply(end("a"))
    keeper.apply(end("b"))
    keeper.tidy()
    assert there(tmp_path) == set()
    assert set(keeper.front) == {("a", 0)}


def test_a_folder_that_someone_removed_is_not_missed(tmp_path: Path) -> None:
    keeper = Retention(tmp_path, OBJECTIVES)
    write(tmp_path, "a", 1)
    keeper.apply(record("a", 1, 0.5, 1))
    shutil.rmtree(tmp_path / "a")
    keeper.apply(end("a"))
    keeper.tidy()
    assert set(keeper.front) == {("a", 1)}


def test_taking_an_event_deletes_nothing(tmp_path: Path) -> None:
    keeper = Retention(tmp_path, OBJECTIVES)
    for epoch in (1, 2, 3):
        write(tmp_path, "a", epoch)
        keeper.apply(record("a", epoch, 0.5, 1))
    keeper.apply(end("a"))
    assert len(there(tmp_path)) == 3 and not keeper.is_tidy
    keeper.tidy()
    assert there(tmp_path) == {("a", 1)} and keeper.is_tidy
