"""Real training under a lost worker and a kill -9 is the same training, bit for bit.

All faults, one by one, and without torch: test_faults.py.
"""

from __future__ import annotations

import json
import signal
import time
from pathlib import Path

import pandas as pd
import pytest

from tests.harness import sweeps
from tests.harness.sweeps import DIGITS, assert_each_once, keys, of_kind, story
from tests.stories.conftest import Story, Sweep

pytestmark = pytest.mark.slow


def test_the_workers_of_a_killed_driver_end_with_it(disturbed: Story) -> None:
    assert disturbed.done["killed"].code == -signal.SIGKILL
    deadline = time.monotonic() + 60
    while any(map(sweeps.is_alive, disturbed.orphans)) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not any(map(sweeps.is_alive, disturbed.orphans))


def test_every_trial_is_finished_once_and_nothing_that_the_ledger_held_is_changed(
    disturbed: Story,
) -> None:
    killed, finished = disturbed.events["killed"], disturbed.events["finished"]
    assert disturbed.done["finished"].code == 0, disturbed.done["finished"].err
    assert of_kind(killed, "lost") and finished[: len(killed)] == killed
    assert_each_once(finished, trials=6)


def test_params_records_and_decisions_are_those_of_the_undisturbed_sweep(
    disturbed: Story, trained: Sweep
) -> None:
    assert trained.done.code == 0, trained.done.err
    assert story(disturbed.events["finished"]) == story(trained.events)


def test_the_front_and_its_weights_are_those_of_the_undisturbed_sweep(
    disturbed: Story, trained: Sweep
) -> None:
    front = pd.read_csv(disturbed.folder / "front.csv")
    assert keys(front) == keys(pd.read_csv(trained.folder / "front.csv"))
    assert weights(disturbed.folder) == weights(trained.folder) != {}


def test_a_resumed_sweep_uses_its_first_dense_model(disturbed: Story) -> None:
    """The seconds show it: a second finetuning on this machine would give the same weights."""
    [baseline] = of_kind(disturbed.events["finished"], "baseline")
    [note] = (disturbed.folder.parent / "cache" / "dense").rglob("finetune.json")
    assert json.loads(note.read_text())["train_seconds"] == baseline["train_seconds"]
    assert len(list((disturbed.folder / "dense").iterdir())) == 1
    assert "the dense model has accuracy" not in disturbed.done["finished"].err


@pytest.mark.parametrize("moment", ["Ray starts", "baseline is trained"])
def test_a_signal_before_the_first_event_leaves_no_files(moment: str, tmp_path: Path) -> None:
    baseline = {
        "epochs": 200,
        "learning_rate": 1.1e-3,
    }  # no other test has them, so the cache has no such model
    sections = {**DIGITS, "baseline": baseline}
    config = sweeps.write_config(tmp_path / "tiny.yaml", **sections)
    folder = tmp_path / "new" / "sweep"

    def is_there() -> bool | None:
        said = "preparing data" in process.err
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
        return (said if moment == "baseline is trained" else bool(children.read_text())) or None

    with sweeps.started(folder, tmp_path / "log", "run", config, "--out", folder) as process:
        process.wait_for(is_there)
        process.signal(signal.SIGTERM)
        done = process.end()
    assert done.code == 143, done.err
    assert "nothing was saved" in done.err
    # Ray's handler raises wherever Python is; where that is a callback, Python says so and goes on.
    assert "Traceback" not in done.err or "Exception ignored in" in done.err
    assert not folder.parent.exists()


def weights(folder: Path) -> dict[str, bytes]:
    root = folder / "checkpoints"
    return {
        str(file.relative_to(root)): file.read_bytes() for file in root.rglob("model.safetensors")
    }
