"""How many trials run at a time: as many as fit now, or could once the cluster has grown."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from typing import Any

from sweep.cluster import machines
from sweep.config import ResourcesConfig, SweepConfig
from sweep.errors import UsageError

REFRESH_SECONDS = 5.0
JOIN_SECONDS = 15.0
"""How long a cluster without a single CPU is given for its first node to join."""

CLOSE = 1e-6
"""Ray counts resources in ten-thousandths: three shares of 0.3333 are one GPU."""

Resources = Mapping[str, float]


def fits(resources: Resources, want: ResourcesConfig) -> int:
    """How many trials one node holds.

    A share of a GPU is of one GPU: two GPUs hold two trials of 0.6, not three.
    """
    room = int(resources.get("CPU", 0) / want.cpu + CLOSE)
    gpus = resources.get("GPU", 0)
    if 0 < want.gpu < 1:
        return min(room, int(gpus) * int(1 / want.gpu + CLOSE))
    return min(room, int(gpus / want.gpu + CLOSE)) if want.gpu else room


def read_autoscaler(config: Mapping[str, Any], want: ResourcesConfig) -> int:
    """How many trials fit at most, by an autoscaler's config (as in `cluster.yaml`).

    A node type without ``resources`` (they are found out when its first node is up) counts nothing.
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
    """How many trials may be out at a time; asks Ray again every few seconds.

    Nodes that join later are used, those that are lost or drained are not counted on. With
    ``max_concurrent: auto`` that is all that the cluster has room for or, if more, what its
    autoscaler could make room for: waiting trials are what it grows by. A number is a bound on
    that. On Kubernetes, where the autoscaler does not say how far it goes, a number stands as it
    is.
    """

    def __init__(self, config: SweepConfig, could_be: int | None = None) -> None:
        """Raises :class:`~sweep.errors.UsageError` where the cluster has no room for one trial."""
        self.want, self.asked = config.resources, config.search.max_concurrent
        self._could_be = self._ask_autoscaler() if could_be is None else could_be
        self._read = 0.0
        self.present = 0
        """The trials that fit at present, as of the last look; no more than may be out."""
        self._limit = 0
        self._look()
        self._wait_for_the_first_node()
        if self._limit < 1:
            raise UsageError(_no_room(self.want))

    @property
    def limit(self) -> int:
        """How many trials may be out, at least 1."""
        if time.monotonic() - self._read > REFRESH_SECONDS:
            self._look()
        return max(1, self._limit)

    @property
    def spans_machines(self) -> bool:
        """Whether trials are on several machines, or may come to be."""
        there = [node for node in machines.present() if fits(node, self.want)]
        return len(there) != 1 or self._could_be > self.present

    def _look(self) -> None:
        self._read = time.monotonic()
        there = sum(fits(node, self.want) for node in machines.present())  # on one of them, whole
        most = max(there, self._could_be)
        if self.asked != "auto":
            most = int(self.asked) if _is_kuberay() else min(int(self.asked), most)
        self._limit, self.present = most, min(there, most)

    def _ask_autoscaler(self) -> int:
        config = machines.autoscaler_config()
        return read_autoscaler(config, self.want) if config else 0

    def _wait_for_the_first_node(self) -> None:
        """Machines join one after the other: the head may be up before any that has a CPU."""
        deadline = time.monotonic() + JOIN_SECONDS
        while not self._limit and time.monotonic() < deadline:
            if any(node.get("CPU") for node in machines.present()):
                return
            time.sleep(0.5)
            self._look()


def _is_kuberay() -> bool:
    """Whether this process is in a pod of KubeRay's."""
    return "RAY_CLUSTER_NAME" in os.environ and "KUBERNETES_SERVICE_HOST" in os.environ


def _no_room(want: ResourcesConfig) -> str:
    nodes = [node for node in machines.present() if node.get("CPU") or node.get("GPU")]
    largest = max((node.get("CPU", 0), node.get("GPU", 0)) for node in nodes) if nodes else (0, 0)
    text = (
        f"resources: a trial asks for {want.cpu:g} CPU and {want.gpu:g} GPU on one machine; "
        f"the cluster has {sum(n.get('CPU', 0) for n in nodes):g} and "
        f"{sum(n.get('GPU', 0) for n in nodes):g}"
    )
    if len(nodes) > 1:
        text += f" on {len(nodes)} machines, the largest {largest[0]:g} and {largest[1]:g}"
    return text
