"""Drain a spot machine's Ray node as soon as the cloud says that the machine will go.

Ray itself does not listen for the notice (two minutes ahead on AWS, half a minute on Google Cloud),
so that a spot machine which goes would look like one that broke. On a drained node nothing new
begins, and what was lost with it counts as preempted, which uses up no trial's retries. The cluster
launcher's files start this on every worker: ``python -m sweep.cluster.spot ADDRESS``.
"""

from __future__ import annotations

import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from typing import Any

AWS = "http://169.254.169.254/latest"
GOOGLE = "http://metadata.google.internal/computeMetadata/v1/instance/preempted"
PAUSE_SECONDS = 5.0
ALIVE = 0

Notice = Callable[[], bool]
"""Whether this machine has been told to go; OSError where its cloud is another one."""


def aws_notice(root: str = AWS) -> bool:
    """AWS: the page of the instance's last action is there from the notice on."""
    ttl = {"X-aws-ec2-metadata-token-ttl-seconds": "60"}
    token = _ask(f"{root}/api/token", ttl, "PUT")
    try:
        _ask(f"{root}/meta-data/spot/instance-action", {"X-aws-ec2-metadata-token": token})
    except urllib.error.HTTPError as error:
        if error.code == 404:
            return False
        raise
    return True


def google_notice(url: str = GOOGLE) -> bool:
    """Google Cloud: a page that says TRUE from the notice on."""
    return _ask(url, {"Metadata-Flavor": "Google"}).strip() == "TRUE"


def _ask(url: str, headers: Mapping[str, str], method: str = "GET") -> str:
    request = urllib.request.Request(url, headers=dict(headers), method=method)
    with urllib.request.urlopen(request, timeout=2) as answer:
        text: bytes = answer.read()
    return text.decode()


def wait_for_notice(notices: tuple[Notice, ...], pause: float = PAUSE_SECONDS) -> None:
    """Return when one of the clouds has given notice; ``pause`` is in seconds."""
    while not any(_given(notice) for notice in notices):
        time.sleep(pause)


def _given(notice: Notice) -> bool:
    try:
        return notice()
    except OSError:
        return False


def drain(address: str, seconds: float = 25.0) -> bool:
    """Have this machine's node at the Ray cluster ``address`` drained within ``seconds``.

    Whether Ray agreed; False too where this machine has no node there.
    """
    from ray._private.services import get_node_ip_address
    from ray._raylet import GcsClient  # type: ignore[attr-defined]
    from ray.core.generated.autoscaler_pb2 import DrainNodeReason

    gcs = GcsClient(address=address)
    here = get_node_ip_address()
    ours = [
        info.node_id.hex()
        for info in gcs.get_all_node_info().values()
        if info.node_manager_address == here and info.state == ALIVE
    ]
    reason = DrainNodeReason.Value("DRAIN_NODE_REASON_PREEMPTION")
    deadline = int((time.time() + seconds) * 1000)
    agreed = [gcs.drain_node(node, reason, "spot notice", deadline)[0] for node in ours]
    return bool(agreed) and all(agreed)


def main() -> None:
    """Wait for the notice, then drain."""
    wait_for_notice((aws_notice, google_notice))
    print("notice that this machine will go; drained:", drain(sys.argv[1]), flush=True)


if __name__ == "__main__":
    main()


# A scorer of node types for Ray's autoscaler (v1): spot first, on demand while spot has none.
#
# Ray keeps a record of the node types that the cloud refused within the last half hour, but its own
# scorer (ray 2.60) does not look at it, and asks for the same type again for ever. Ray's hook for
# another one is the variable ``RAY_AUTOSCALER_UTILIZATION_SCORER`` of the head's `ray start`.

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
