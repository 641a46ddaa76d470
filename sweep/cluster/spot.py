"""Spot machines: their notice heard, and other machines asked for while there is none.

Ray itself does not listen for the cloud's notice that a spot machine will go (two minutes ahead on
AWS, half a minute on Google Cloud), so that one which goes would look like one that broke. The
cluster launcher's files start ``python -m sweep.cluster.spot ADDRESS`` on every worker: it has the
machine's Ray node drained as soon as there is notice. On a drained node nothing new begins, and
what was lost with it counts as preempted, which uses up no trial's retries.

:func:`score` is for the head: spot first, on demand while spot has none. Ray keeps a record of the
node types that the cloud refused within the last half hour, but its own scorer (ray 2.60) does not
look at it, and asks for the same type again for ever. Ray's hook for another scorer is the variable
``RAY_AUTOSCALER_UTILIZATION_SCORER`` of the head's `ray start`.
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
PAUSE_SECONDS = 5.0

Notice = Callable[[], bool]
"""Whether this machine has been told to go; OSError where its cloud is another one."""

Resources = Mapping[str, float]


def main() -> None:
    """Wait for the notice, then drain."""
    wait_for_notice((aws_notice, google_notice))
    drained = machines.drain(sys.argv[1], "spot notice")
    print("notice that this machine will go; drained:", drained, flush=True)


def wait_for_notice(notices: tuple[Notice, ...], pause: float = PAUSE_SECONDS) -> None:
    """Return when one of the clouds has given notice; ``pause`` is in seconds."""
    while True:
        for notice in notices:
            with suppress(OSError):
                if notice():
                    return
        time.sleep(pause)


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
    plain = machines.autoscaler_score(node_resources, resources, node_availability_summary)
    if plain is None:
        return None
    spares_gpus, *rest = plain
    known = node_availability_summary.node_availabilities.get(node_type)
    return (spares_gpus, known is None or known.is_available, *rest)


if __name__ == "__main__":
    main()
