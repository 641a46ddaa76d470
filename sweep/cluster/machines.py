"""The machines of a Ray cluster: the present ones, the draining ones, and the autoscaler's plans.

Ray has no public interface for draining nodes and the autoscaler's config. If a release lacks a
private name that is used here, the answer is less complete (no autoscaler, no draining node), but
never wrong. The other private names of Ray are here too: the client that asks a head for its id,
the request to drain a node, and the autoscaler's own score.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import yaml

HEAD = "node:__internal_head__"
"""The resource that a cluster's head has, and no other node."""

NAMESPACE = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")
ANNOUNCED = (1, 3, 4)
"""Ray's numbers for reasons of a node's death that were announced to the node: SIGTERM (its workers
did not end in time), preemption, and draining of an idle node. 2 is an unexpected death, 0 unknown.
"""


def present() -> list[Mapping[str, float]]:
    """The resources of each node that is alive and not draining."""
    import ray

    going = draining()
    nodes = [node for node in ray.nodes() if node["Alive"] and node["NodeID"] not in going]
    return [node["Resources"] for node in nodes]


def draining() -> set[str]:
    """The ids of draining nodes: they end soon, still run their workers, and start no new ones."""
    with contextlib.suppress(Exception):
        from ray._private.state import state

        return set(state.get_draining_nodes())
    return set()


def is_drained(node_id: str) -> bool:
    """Whether a node is draining, or died after an announcement: it was not lost unexpectedly."""
    import ray

    if node_id in draining():
        return True
    reasons = [node.get("DeathReason") for node in ray.nodes() if node["NodeID"] == node_id]
    return any(reason in ANNOUNCED for reason in reasons)


def drain(address: str, why: str, seconds: float = 25.0) -> bool:
    """Ask the Ray cluster at ``address`` to drain this machine's node within ``seconds``.

    Returns whether Ray agreed; False also if this machine has no node in that cluster. It needs no
    connection to Ray.
    """
    from ray._private.services import get_node_ip_address
    from ray.core.generated.autoscaler_pb2 import DrainNodeReason

    head, here = head_at(address), get_node_ip_address()
    ours = [
        info.node_id.hex()
        for info in head.get_all_node_info().values()
        if info.node_manager_address == here and info.state == 0  # alive
    ]
    reason = DrainNodeReason.Value("DRAIN_NODE_REASON_PREEMPTION")
    deadline = int((time.time() + seconds) * 1000)
    agreed = [head.drain_node(node, reason, why, deadline)[0] for node in ours]
    return bool(agreed) and all(agreed)


def head_at(address: str) -> Any:
    """A client of the head at ``address``; the constructor asks the head for its cluster's id."""
    from ray._raylet import GcsClient  # type: ignore[attr-defined]

    return GcsClient(address=address)


def autoscaler_config() -> dict[str, Any] | None:
    """The config of the cluster's autoscaler; None if there is none, or its config is not found.

    Ray 2.60 keeps it in a file on the head (`ray start --autoscaling-config`). KubeRay keeps it in
    the RayCluster resource, which the cluster's pods may read.
    """
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy as At

    here = ray.get_runtime_context()
    heads = [node["NodeID"] for node in ray.nodes() if node["Alive"] and HEAD in node["Resources"]]
    if not heads or heads[0] == here.get_node_id():
        return read_autoscaler(here.gcs_address)
    ask = ray.remote(num_cpus=0, max_retries=0)(read_autoscaler)
    future = ask.options(scheduling_strategy=At(heads[0], soft=False)).remote(here.gcs_address)
    with contextlib.suppress(Exception):
        found: dict[str, Any] | None = ray.get(future, timeout=10)
        return found
    return None


def read_autoscaler(gcs_address: str) -> dict[str, Any] | None:
    """Runs on the head: the config of its cluster's autoscaler, if there is one."""
    return _from_kubernetes() or _from_file(gcs_address)


def _from_file(gcs_address: str) -> dict[str, Any] | None:
    port = gcs_address.rpartition(":")[2]
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError, UnicodeDecodeError, yaml.YAMLError):
            parts = file.read_text().split("\0")
            options = dict(part.split("=", 1) for part in parts if "=" in part)
            path = options.get("--autoscaling-config")
            if path and options.get("--gcs-address", "").rpartition(":")[2] == port:
                found = yaml.safe_load(Path(path).expanduser().read_text())
                return found if isinstance(found, dict) else None
    return None


def _from_kubernetes() -> dict[str, Any] | None:
    name = os.environ.get("RAY_CLUSTER_NAME")
    if name is None or not NAMESPACE.exists():
        return None
    with contextlib.suppress(Exception):
        from ray.autoscaler._private.kuberay.node_provider import KubernetesHttpApiClient

        client = KubernetesHttpApiClient(NAMESPACE.read_text().strip())
        return of_ray_cluster(client.get(f"rayclusters/{name}"))
    return None


def of_ray_cluster(resource: dict[str, Any]) -> dict[str, Any] | None:
    """The autoscaler's config in a RayCluster resource; None if autoscaling is off."""
    from ray.autoscaler._private.kuberay import autoscaling_config

    if not resource["spec"].get("enableInTreeAutoscaling"):
        return None
    return dict(autoscaling_config._derive_autoscaling_config_from_ray_cr(resource))


def autoscaler_scorer() -> Callable[..., tuple[object, ...] | None]:
    """The function by which Ray's own autoscaler (v1) scores a node type."""
    from ray.autoscaler._private import resource_demand_scheduler

    scorer: Callable[..., Any] = resource_demand_scheduler._resource_based_utilization_scorer
    return scorer
