"""Autoscaling under `max_concurrent: auto`: a cluster grows from no worker, and shrinks again.

It uses Ray's own autoscaler with a provider of simulated nodes: each is a raylet on this machine.
The sweep (a formula whose epochs sleep) starts on a cluster without workers. The last line is
`grew=0->N->0` with the seconds of each change.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.faults.verdict import of_kind, read_events
from tests.harness.nodes import Cluster, cluster

PROVIDER = "ray.autoscaler._private.fake_multi_node.node_provider.FakeMultiNodeProvider"
HEAD = "ray.head.default"
PATIENCE = 180.0


def autoscaler(most: int, address: str, idle_seconds: float) -> dict[str, Any]:
    """Return the config of an autoscaler of up to ``most`` machines with one CPU each.

    An external provider has no defaults, so every key must be set.
    """
    commands = ("initialization", "setup", "head_setup", "worker_setup")
    return {
        "cluster_name": "autoscaling",
        "max_workers": most,
        "upscaling_speed": 100.0,
        "idle_timeout_minutes": idle_seconds / 60,
        "docker": {},
        "provider": {
            "type": "external",
            "module": PROVIDER,
            "gcs_address": address,
            "use_node_id_as_ip": True,
            "launch_multiple": True,
            "disable_node_updaters": True,
            "disable_launch_config_check": True,
        },
        "auth": {},
        "head_node_type": HEAD,
        "available_node_types": {
            HEAD: {"resources": {"CPU": 0}, "node_config": {}, "max_workers": 0},
            "one": {"resources": {"CPU": 1}, "node_config": {}, "max_workers": most},
        },
        "file_mounts": {},
        "cluster_synced_files": [],
        "file_mounts_sync_continuously": False,
        "rsync_exclude": [],
        "rsync_filter": [],
        **{f"{name}_commands": [] for name in commands},
        "head_start_ray_commands": [],
        "worker_start_ray_commands": [],
    }


ENVIRONMENT = {
    "RAY_FAKE_CLUSTER": "1",
    "RAY_enable_autoscaler_v2": "0",
    "AUTOSCALER_UPDATE_INTERVAL_S": "1",
}


def count(nodes: Cluster) -> int:
    """Return the current number of CPUs of the cluster, from the source of `ray status`."""
    code = (
        "import ray, os; from ray._raylet import GcsClient;"
        "from ray.autoscaler.v2.sdk import get_cluster_resource_state as state;"
        f"found = state(GcsClient(address={nodes.address!r}));"
        "alive = [n for n in found.node_states if n.status in (1, 2)];"
        "print(int(sum(n.total_resources.get('CPU', 0) for n in alive)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env=nodes.environment, capture_output=True, text=True
    )
    return int(done.stdout.split()[-1]) if done.returncode == 0 else -1


def wait_for(find: Callable[[], bool], what: str) -> float:
    """Return the seconds until ``find`` is true."""
    started = time.monotonic()
    while not find():
        if time.monotonic() - started > PATIENCE:
            sys.exit(f"waited {PATIENCE} s in vain: {what}")
        time.sleep(0.5)
    return time.monotonic() - started


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--most", type=int, default=3, help="maximum number of machines")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="prunesweep-") as work:
        print(measure(Path(work), given.most))


def measure(work: Path, most: int) -> str:
    """Run the sweep and return the result as one line."""
    file = work / "autoscaler.yaml"
    with cluster(head=("--autoscaling-config", file), before=write(file, most), **ENVIRONMENT) as c:
        before = count(c)
        folder, process = start(c, work, trials=2 * most)
        try:
            grown = wait_for(lambda: workers(folder) >= most, f"{most} workers")
            asked = workers(folder)
            code = process.wait(PATIENCE)
        finally:
            process.kill()
            process.wait()
        if code:
            sys.exit(f"the sweep failed:\n{(work / 'log').read_text()[-4000:]}")
        shrunk = wait_for(lambda: count(c) == 0, "no machine left")
    return f"grew={before}->{asked}->0 in {grown:.0f} s and {shrunk:.0f} s"


def write(file: Path, most: int) -> Callable[[Cluster], None]:
    """Return a function that writes the autoscaler's config once the cluster's address is known."""

    def fill(nodes: Cluster) -> None:
        file.write_text(json.dumps(autoscaler(most, nodes.address, idle_seconds=6.0)))

    return fill


def start(nodes: Cluster, work: Path, trials: int) -> tuple[Path, subprocess.Popen[bytes]]:
    """Start a sweep with `max_concurrent: auto`."""
    config = {
        "name": "autoscaling",
        "task": {"dataset": "closed-form", "seconds_per_epoch": 4.0},
        "space": {"sparsity": {"low": 0.3, "high": 0.95}, "finetune_epochs": 2},
        "search": {"trials": trials, "scheduler": "fifo"},
    }
    file, folder = work / "sweep.yaml", work / "sweep"
    file.write_text(json.dumps(config))
    code = "from sweep.cli.main import main; main()"
    command = [sys.executable, "-c", code, "run", file, "--out", folder]
    command += ["--address", nodes.address]
    with (work / "log").open("w") as log:
        process = subprocess.Popen(command, env=nodes.environment, stdout=log, stderr=log)
    return folder, process


def workers(folder: Path) -> int:
    """Return how many distinct workers have sent records."""
    try:
        events = read_events(folder)
    except Exception:
        return 0
    return len({event["worker"] for event in of_kind(events, "record")})


if __name__ == "__main__":
    main()
