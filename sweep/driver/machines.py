"""What Ray says of a cluster's machines: which are there, which are on their way out, which may be.

Ray has no public interface for the second and the third; what is private here is read only, and a
release without it makes the answer poorer (no autoscaler, nothing drained), never wrong.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

ASK_SECONDS = 10.0


def present() -> list[Mapping[str, float]]:
    """The resources of each node that is alive and not about to go."""
    import ray

    going = draining()
    nodes = [node for node in ray.nodes() if node["Alive"] and node["NodeID"] not in going]
    return [node["Resources"] for node in nodes]


def is_empty() -> bool:
    """Whether no node has a CPU: those that work have not joined yet."""
    return not any(resources.get("CPU") for resources in present())


def draining() -> set[str]:
    """The ids of nodes that have been told to go, and still run what they ran."""
    with contextlib.suppress(Exception):
        from ray._private.state import state

        return set(state.get_draining_nodes())
    return set()


def is_going(node_id: str) -> bool:
    """Whether a node is drained, or has been: told to go, not lost."""
    import ray

    if node_id in draining():
        return True
    reasons = [node.get("DeathReason") for node in ray.nodes() if node["NodeID"] == node_id]
    return any(reason in DRAINED for reason in reasons)


DRAINED = (3, 4)


def autoscaler_config() -> dict[str, Any] | None:
    """The config of the cluster's autoscaler, None where there is none, or none that says so.

    Ray 2.60 keeps it in a file on the head, which `ray start --autoscaling-config` names.
    """
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy as At

    here = ray.get_runtime_context()
    head = _head_id()
    if head is None or head == here.get_node_id():
        return read_autoscaler_file(here.gcs_address)
    ask = ray.remote(num_cpus=0, max_retries=0)(read_autoscaler_file)
    future = ask.options(scheduling_strategy=At(head, soft=False)).remote(here.gcs_address)
    with contextlib.suppress(Exception):
        found: dict[str, Any] | None = ray.get(future, timeout=ASK_SECONDS)
        return found
    return None


def _head_id() -> str | None:
    import ray

    nodes = ray.nodes()
    heads = [n["NodeID"] for n in nodes if n["Alive"] and HEAD in n["Resources"]]
    return heads[0] if heads else None


HEAD = "node:__internal_head__"


def read_autoscaler_file(gcs_address: str) -> dict[str, Any] | None:
    """On the head: the file that the autoscaler of the cluster at this address was started with."""
    port = gcs_address.rpartition(":")[2]
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError, UnicodeDecodeError, yaml.YAMLError):
            options = dict(
                part.split("=", 1) for part in file.read_text().split("\0") if "=" in part
            )
            path = options.get("--autoscaling-config")
            if path and options.get("--gcs-address", "").rpartition(":")[2] == port:
                found = yaml.safe_load(Path(path).expanduser().read_text())
                return found if isinstance(found, dict) else None
    return None
