"""Spot machines: drain a machine when its cloud announces its end, and replace it on demand.

A cloud announces that it takes a spot machine back (two minutes ahead on AWS, half a minute on
Google Cloud). Ray does not read that notice, so the machine would seem to have failed. The files of
the cluster launcher start ``python -m sweep.cluster.spot ADDRESS`` on every worker, which drains
the machine's Ray node when the notice comes. Ray starts nothing new on a draining node, and a
worker lost with it counts as preempted, which uses none of its trial's retries.

:func:`score` runs on the head: spot machines come first, and on-demand machines while the cloud has
no spot machines. Ray records which node types the cloud refused within the last half hour, but its
own scorer (ray 2.60) ignores the record and requests the same type again without end. The variable
``RAY_AUTOSCALER_UTILIZATION_SCORER`` of the head's `ray start` names another scorer.
"""

from __future__ import annotations

import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any

from sweep.cluster import machines

AWS = "http://169.254.169.254/latest"
GOOGLE = "http://metadata.google.internal/computeMetadata/v1/instance/preempted"


def main() -> None:
    """Wait for the notice, then drain this machine's node."""
    wait_for_notice((aws_notice, google_notice))
    drained = machines.drain(sys.argv[1], "spot notice")
    print("the cloud takes this machine back; Ray drains its node:", drained, flush=True)


def wait_for_notice(notices: Sequence[Callable[[], bool]], pause: float = 5.0) -> None:
    """Return when one of the clouds has given notice; ask every ``pause`` seconds.

    A notice raises OSError on a machine of another cloud.
    """
    while True:
        for notice in notices:
            with suppress(OSError):
                if notice():
                    return
        time.sleep(pause)


def aws_notice(root: str = AWS) -> bool:
    """AWS: the page ``spot/instance-action`` exists after the notice."""
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
    """Google Cloud: the page ``instance/preempted`` is TRUE after the notice."""
    return _ask(url, {"Metadata-Flavor": "Google"}).strip() == "TRUE"


def _ask(url: str, headers: Mapping[str, str], method: str = "GET") -> str:
    request = urllib.request.Request(url, headers=dict(headers), method=method)
    with urllib.request.urlopen(request, timeout=2) as answer:
        text: bytes = answer.read()
    return text.decode()


def score(
    node_resources: Mapping[str, float],
    resources: Sequence[Mapping[str, float]],
    node_type: str,
    *,
    node_availability_summary: Any,
) -> tuple[object, ...] | None:
    """The score of ``node_type`` for the bundles ``resources``: Ray launches the highest score.

    It is Ray's own score, with one element inserted: a type that the cloud refused lately comes
    after the others, except that no GPU node is used for work on CPUs. It is None if no bundle
    fits. If scores are equal, Ray takes the type whose name is last in the alphabet.
    """
    plain = machines.autoscaler_scorer()(
        node_resources, resources, node_availability_summary=node_availability_summary
    )
    if plain is None:
        return None
    spares_gpus, *rest = plain
    known = node_availability_summary.node_availabilities.get(node_type)
    return (spares_gpus, known is None or known.is_available, *rest)


if __name__ == "__main__":
    main()
