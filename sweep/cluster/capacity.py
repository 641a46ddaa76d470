"""How many trials may run at a time: as many as fit now, or as the autoscaler could make fit."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from typing import Any

from sweep.cluster import machines
from sweep.config import SweepConfig
from sweep.config.sections import ResourcesConfig
from sweep.errors import UsageError

REFRESH_SECONDS = 5.0

CLOSE = 1e-6
"""A tolerance, because Ray rounds resources to 0.0001: three shares of 0.3333 are one GPU."""

Resources = Mapping[str, float]


def fits(resources: Resources, want: ResourcesConfig) -> int:
    """How many trials fit on one node.

    A share of a GPU lies on one GPU: two GPUs hold two trials of 0.6, not three.
    """
    room = int(resources.get("CPU", 0) / want.cpu + CLOSE)
    gpus = resources.get("GPU", 0)
    if 0 < want.gpu < 1:
        return min(room, int(gpus) * int(1 / want.gpu + CLOSE))
    return min(room, int(gpus / want.gpu + CLOSE)) if want.gpu else room


def read_autoscaler(config: Mapping[str, Any], want: ResourcesConfig) -> int:
    """How many trials fit on the largest cluster that an autoscaler's config allows.

    The config is written as in `cluster.yaml`. A node type without ``resources`` counts as 0: Ray
    detects them only when the first node of that type is up.
    """
    types = dict(config.get("available_node_types") or {})
    head = types.pop(config.get("head_node_type"), {})
    workers = int(config.get("max_workers", 2))
    trials = fits(head.get("resources") or {}, want)
    kinds = [(fits(kind.get("resources") or {}, want), kind) for kind in types.values()]
    for each, kind in sorted(kinds, key=lambda found: found[0], reverse=True):
        count = min(int(kind.get("max_workers", workers)), workers)
        trials, workers = trials + each * count, workers - count
    return trials


class Capacity:
    """How many trials may run or wait for a worker at a time; it asks Ray every few seconds.

    Nodes that join later are counted, and nodes that are lost or drained are not. With
    ``max_concurrent: auto`` the limit is the number of trials that fit on the cluster, or on the
    largest cluster that its autoscaler could start, because an autoscaler adds nodes only while
    trials wait. A number is an upper bound on that. On Kubernetes the number itself is the limit,
    because the autoscaler there does not tell its maximum.
    """

    def __init__(self, config: SweepConfig) -> None:
        """Raises :class:`~sweep.errors.UsageError` where the cluster has no room for one trial."""
        self.want, self.asked = config.resources, config.search.max_concurrent
        known = machines.autoscaler_config()
        self._could_be = read_autoscaler(known, self.want) if known else 0
        self._read = 0.0
        self.present = 0
        """How many trials fitted when Ray was asked last, at most the limit."""
        self._limit = 0
        self._look()
        self._wait_for_the_first_node()
        if self._limit < 1:
            raise UsageError(_no_room(self.want))

    @property
    def limit(self) -> int:
        """How many trials may run or wait for a worker, at least 1."""
        if time.monotonic() - self._read > REFRESH_SECONDS:
            self._look()
        return max(1, self._limit)

    def _look(self) -> None:
        self._read = time.monotonic()
        there = sum(fits(node, self.want) for node in machines.present())  # on one of them, whole
        most = max(there, self._could_be)
        if self.asked != "auto":
            is_kuberay = {"RAY_CLUSTER_NAME", "KUBERNETES_SERVICE_HOST"} <= os.environ.keys()
            most = int(self.asked) if is_kuberay else min(int(self.asked), most)
        self._limit, self.present = most, min(there, most)

    def _wait_for_the_first_node(self) -> None:
        """Machines join one by one: the head may be up before the first machine with a CPU."""
        deadline = time.monotonic() + 15
        while not self._limit and time.monotonic() < deadline:
            if any(node.get("CPU") for node in machines.present()):
                return
            time.sleep(0.5)
            self._look()


def _no_room(want: ResourcesConfig) -> str:
    nodes = [(node.get("CPU", 0), node.get("GPU", 0)) for node in machines.present()]
    cpus, gpus = max(nodes, default=(0, 0))
    return (
        f"resources: a trial needs {want.cpu:g} CPU and {want.gpu:g} GPU on one machine; "
        f"the largest one on the cluster has {cpus:g} CPU and {gpus:g} GPU"
    )
