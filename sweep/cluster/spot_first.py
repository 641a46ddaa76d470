"""A scorer of node types for Ray's autoscaler (v1): spot first, on demand while spot has none.

Ray keeps a record of the node types that the cloud refused within the last half hour, but its own
scorer (ray 2.60) does not look at it, and asks for the same type again for ever. Ray's hook for
another one is the variable ``RAY_AUTOSCALER_UTILIZATION_SCORER`` of the head's `ray start`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

Resources = Mapping[str, float]


def score(
    node_resources: Resources,
    resources: Sequence[Resources],
    node_type: str,
    *,
    node_availability_summary: Any,
) -> tuple[object, ...] | None:
    """How well a node of ``node_type`` serves the bundles ``resources``: the highest is launched.

    Ray's own score, with types that the cloud refused of late behind all but the waste of a GPU
    node on work for CPUs. None where no bundle fits. Between types that do equally well Ray takes
    the name that is last in the alphabet.
    """
    from ray.autoscaler._private import resource_demand_scheduler as ray_scheduler

    plain = ray_scheduler._resource_based_utilization_scorer(
        node_resources, resources, node_availability_summary=node_availability_summary
    )
    if plain is None:
        return None
    spares_gpus, *rest = plain
    known = node_availability_summary.node_availabilities.get(node_type)
    return (spares_gpus, known is None or known.is_available, *rest)
