"""The same sweep on 1, 2 and 4 machines with one CPU each: parallel efficiency.

An epoch is a fixed sleep, so that nodes on one machine do not compete for its cores, and only the
overhead of prunesweep and Ray adds time. Seconds are from the start of the first trial to the end
of the last, by the ledger; the later start of other machines' workers is included, the driver's own
start is not. Efficiency on N machines is the seconds on one machine / (N x the seconds on N). Last
line: `efficiency_4=0.xx`.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from tests.faults.verdict import of_kind, read_events
from tests.harness.nodes import Cluster, cluster

EPOCHS = 2


def config(trials: int, seconds: float) -> dict[str, Any]:
    """Return a config with trials of equal length, the default sampler, and no early stopping."""
    return {
        "name": "scaling",
        "task": {"dataset": "closed-form", "seconds_per_epoch": seconds},
        "space": {
            "sparsity": {"low": 0.3, "high": 0.95},
            "method": ["l1-norm", "random"],
            "finetune_epochs": EPOCHS,
            "learning_rate": {"low": 2e-4, "high": 2e-3, "log": True},
        },
        "search": {"trials": trials, "scheduler": "fifo"},
    }


def run(nodes: Cluster, work: Path, trials: int, seconds: float) -> float:
    """Run a sweep on the current cluster and return its seconds."""
    count = len(nodes.nodes) - 1
    file, folder = work / "scaling.yaml", work / f"on-{count}"
    file.write_text(json.dumps(config(trials, seconds)))
    code = "from sweep.cli.main import main; main()"
    command = [sys.executable, "-c", code, "run", str(file), "--out", str(folder)]
    command += ["--address", nodes.address]
    done = subprocess.run(command, env=nodes.environment, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"the sweep failed:\n{done.stderr[-4000:]}")
    events = read_events(folder)
    assert {event["count"] for event in of_kind(events, "workers")} == {count}
    ends = of_kind(events, "end")
    assert len(ends) == trials and {event["status"] for event in ends} == {"completed"}
    return float(ends[-1]["time"] - of_kind(events, "start")[0]["time"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trials", type=int, default=32)
    parser.add_argument(
        "--seconds", type=float, default=2.0, help="seconds per epoch; a trial has two epochs"
    )
    given = parser.parse_args()
    os.environ.pop("RAY_ADDRESS", None)
    ideal = given.trials * EPOCHS * given.seconds
    print(f"{given.trials} trials of {EPOCHS} epochs of {given.seconds:g} s: {ideal:g} s of work")
    print("nodes  seconds  share of work  efficiency")
    found: dict[int, float] = {}
    with tempfile.TemporaryDirectory(prefix="prunesweep-") as work, cluster(1) as nodes:
        for count in (1, 2, 4):
            while len(nodes.nodes) <= count:
                nodes.add().wait()
            found[count] = run(nodes, Path(work), given.trials, given.seconds)
            efficiency = found[1] / (count * found[count])
            share = ideal / (count * found[count])
            print(f"{count:5}  {found[count]:7.1f}  {share:13.3f}  {efficiency:10.3f}", flush=True)
    print(f"efficiency_4={found[1] / (4 * found[4]):.2f}")


if __name__ == "__main__":
    main()
