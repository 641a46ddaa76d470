"""A plain Ray Tune run with our scheduler that is interrupted as by Ctrl-C, and restored.

Then the example of a Tuner, since Ray takes seconds to start.

    python -m tests.harness.tuner FOLDER

Each result that the scheduler was asked about is a line of FOLDER/seen.jsonl, in their order.
"""

from __future__ import annotations

import json
import os
import runpy
import signal
import sys
import tempfile
from pathlib import Path
from typing import Any

import ray
from ray import tune

from sweep.cluster.scheduler import MoashaScheduler

EPOCHS, TRIALS, INTERRUPTED = 3, 6, 3
OBJECTIVES = {"f1": "max", "sparsity": "max"}
REDUCTION_FACTOR, MARGIN = 2.0, 1.0


def figures(number: int, epoch: int) -> dict[str, Any]:
    """Later trials are worse, and every trial improves."""
    value = 0.9 - 0.05 * number + 0.01 * epoch
    return {"epoch": epoch, "f1": value, "f1_se": 0.005, "sparsity": 0.5}


def train(config: dict[str, Any]) -> None:
    """Reports once per epoch, and continues from the epoch of its checkpoint."""
    start, checkpoint = 0, tune.get_checkpoint()
    if checkpoint is not None:
        with checkpoint.as_directory() as folder:
            start = int(Path(folder, "epoch").read_text()) + 1
    for epoch in range(start, EPOCHS + 1):
        with tempfile.TemporaryDirectory() as folder:
            Path(folder, "epoch").write_text(str(epoch))
            kept = tune.Checkpoint.from_directory(folder)
            tune.report(figures(config["number"], epoch), checkpoint=kept)


class Watch(tune.Callback):
    """Writes each result down, and interrupts the run once."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def on_trial_result(
        self, iteration: int, trials: Any, trial: Any, result: Any, **info: Any
    ) -> None:
        number, marker = trial.config["number"], self.folder / "interrupted"
        with (self.folder / "seen.jsonl").open("a") as file:
            print(json.dumps([number, result["epoch"], marker.exists()]), file=file)
        if number == INTERRUPTED and not marker.exists():
            marker.touch()
            os.kill(os.getpid(), signal.SIGINT)


if __name__ == "__main__":
    root = Path(sys.argv[1])
    ray.init(num_cpus=1, include_dashboard=False, log_to_driver=False)
    scheduler = MoashaScheduler(
        OBJECTIVES,
        EPOCHS,
        time_attr="epoch",
        grace_period=0,
        reduction_factor=REDUCTION_FACTOR,
        margin=MARGIN,
    )
    tuner = tune.Tuner(
        train,
        param_space={"number": tune.grid_search(list(range(TRIALS)))},
        tune_config=tune.TuneConfig(
            scheduler=scheduler, max_concurrent_trials=1, reuse_actors=True
        ),
        run_config=tune.RunConfig(
            name="run", storage_path=str(root), verbose=0, callbacks=[Watch(root)]
        ),
    )
    tuner.fit()
    tune.Tuner.restore(str(root / "run"), trainable=train).fit()
    example = Path(__file__).parents[2] / "examples" / "ray_tuner.py"
    runpy.run_path(str(example), run_name="__main__")
