"""Check before the first trial that every node can run one; all nodes are asked at once."""

from __future__ import annotations

import logging
import time
from typing import Any

from sweep.cluster import probe
from sweep.cluster.interrupts import CheckSignals
from sweep.config import SweepConfig
from sweep.config.load import paths_of
from sweep.config.sections import CLOSED_FORM
from sweep.errors import ClusterError, StorageError, SweepError
from sweep.ledger.folder import marked
from sweep.ledger.store_objects import package_of

logger = logging.getLogger(__name__)

SECONDS = 25
"""How long to wait for a node's answer; the sweep then begins without it, with a warning."""


Node = dict[str, Any]


def preflight(config: SweepConfig, place: str, check_signals: CheckSignals) -> None:
    """Check on every node of the connected cluster that a trial can run there.

    A node must have the driver's versions of Ray, Python and prunesweep. It must be able to write
    into ``place`` (the absolute path of a folder, or an address), and ``place`` must be the same
    storage for all nodes. It must see the files that the config names. If Ray says that it has a
    GPU, torch must see one there too. Nodes that join later are not checked.

    Raises :class:`~sweep.errors.StorageError` if the only problem is that results cannot be
    written, and :class:`~sweep.errors.ClusterError` otherwise, with a line for each problem.
    """
    import ray

    alive = [node for node in ray.nodes() if node["Alive"]]
    with marked(place) as mark:
        packages = ["sweep", "ray", "numpy", "pydantic", "safetensors", "yaml"]
        if config.task.dataset != CLOSED_FORM:
            packages += ["torch", "transformers", "datasets", "sklearn"]
        wanted = {
            "place": place,
            "mark": mark,
            "paths": paths_of(config),
            "packages": [*packages, *filter(None, [package_of(place)])],
        }
        found = _ask_all(alive, wanted, config.resources.gpu > 0, check_signals)
    if alive and not found:
        raise ClusterError(
            f"none of the cluster's {len(alive)} nodes started a worker within {SECONDS} s: see "
            "`ray status` and the logs of the raylets on the head"
        )
    for node in alive:
        if node["NodeID"] not in found:
            logger.warning(
                "node %s has not answered within %d s; the sweep begins without checking it",
                node["NodeManagerAddress"],
                SECONDS,
            )
    if problems := _problems(alive, found):
        raise _error(problems)


def _ask_all(
    nodes: list[Node], wanted: dict[str, Any], gpu: bool, check_signals: CheckSignals
) -> dict[str, probe.Findings]:
    """The answers of the nodes by node id. A node that dies meanwhile is left out."""
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy as Affinity

    ray.cloudpickle.register_pickle_by_value(probe)
    # max_calls=1 ends the worker afterwards: the probe makes all GPUs visible, a trial must not.
    task = ray.remote(num_cpus=0, max_retries=0, max_calls=1 if gpu else 0)(probe.look)
    waiting = {}
    for node in nodes:
        here = task.options(scheduling_strategy=Affinity(node["NodeID"], soft=False))
        has_gpu = gpu and node["Resources"].get("GPU", 0) > 0
        waiting[here.remote({**wanted, "gpu": has_gpu})] = node
    found: dict[str, probe.Findings] = {}
    deadline = time.monotonic() + SECONDS
    while waiting and time.monotonic() < deadline:
        check_signals()
        for future in ray.wait(list(waiting), timeout=0.2)[0]:
            node = waiting.pop(future)
            if (findings := _answer(future, node)) is not None:
                found[node["NodeID"]] = findings
    for future in waiting:
        ray.cancel(future)
    return found


def _answer(future: Any, node: Node) -> probe.Findings | None:
    """The findings of a node; None if the node has died, as a spot machine may at any time."""
    import ray

    try:
        found: probe.Findings = ray.get(future)
        return found
    except Exception as error:  # Ray raises many kinds, and the probe itself may fail there
        if node["NodeID"] not in {n["NodeID"] for n in ray.nodes() if n["Alive"]}:
            return None
        last = str(error).strip().splitlines()[-1].strip()
        return {"versions": {}, "problems": [("setup", f"cannot run a task: {last}")]}


def _problems(nodes: list[Node], found: dict[str, probe.Findings]) -> list[probe.Problem]:
    """Each problem once, with the names of the nodes that have it."""
    here = probe.versions()
    where: dict[probe.Problem, list[str]] = {}
    for node in nodes:
        findings = found.get(node["NodeID"], {"versions": {}, "problems": []})
        how = "install the same version on all nodes, or use sweep launch"
        differing = [
            ("setup", f"has {name} {version}, and the driver has {here[name]}: {how}")
            for name, version in findings["versions"].items()
            if version != here[name]
        ]
        for kind, text in [*differing, *findings["problems"]]:
            where.setdefault((kind, text), []).append(node["NodeManagerAddress"])
    return [(kind, f"{_list(names)}: {text}") for (kind, text), names in where.items()]


def _list(names: list[str]) -> str:
    more = f" and {len(names) - 4} more" if len(names) > 4 else ""
    return f"node{'s' if len(names) > 1 else ''} {', '.join(names[:4])}{more}"


def _error(problems: list[probe.Problem]) -> SweepError:
    kind = StorageError if all(kind == "storage" for kind, _ in problems) else ClusterError
    if len(problems) == 1:
        return kind(problems[0][1])
    lines = "\n".join(f"  {text}" for _, text in problems)
    return kind(f"{len(problems)} problems on the cluster's nodes:\n{lines}")
