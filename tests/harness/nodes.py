"""A Ray cluster of several nodes on this machine; each is a `ray start` process, ended by its pid.

Each node has its own address (127.0.0.2, 127.0.0.3, ...), its own folder for Ray's files and its
own cache, so that Ray and prunesweep see several machines. The head has no CPUs: it runs drivers
and no trials. All nodes require a token.

Nodes must not share Ray's folder. Ray's agent on each node unpacks the package of a job into it,
and first deletes an older copy. In a shared folder, a node that joins would delete the source tree
under the workers of the other nodes, and a trial that starts there at that moment can fail.
"""

from __future__ import annotations

import os
import secrets
import socket
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from sweep.cluster.connect import ENVIRONMENT, Token
from sweep.cluster.jobs.api import JobsApi
from sweep.errors import ClusterError
from tests.harness.node import DRAINS, STARTS, Node

ROOT = Path(__file__).parents[2]

PATIENCE = {
    "RAY_raylet_start_wait_time_s": str(int(STARTS)),  # a float crashes Ray
    "RAY_agent_register_timeout_ms": "180000",
    "RAY_worker_register_timeout_seconds": "180",
}
"""Ray's timeouts, increased for a busy machine."""


class Cluster:
    """A head without CPUs and the nodes that were added to it. Use :func:`cluster`.

    Drivers connect to ``address``, and the Jobs API is at ``url``; both need ``environment``.
    """

    def __init__(self, root: Path, environment: Mapping[str, str]) -> None:
        self.root, self.token = root, secrets.token_hex(32)
        self.ip = own_ip()
        self.port, self.dashboard = free_ports(2)
        self.address, self.url = f"{self.ip}:{self.port}", f"http://127.0.0.1:{self.dashboard}"
        self.nodes: list[Node] = []
        self.environment = {
            **{name: value for name, value in os.environ.items() if name != "RAY_ADDRESS"},
            **ENVIRONMENT,
            **PATIENCE,
            "RAY_AUTH_MODE": "token",
            "RAY_AUTH_TOKEN": self.token,
            "RAY_worker_niceness": "0",
            "RAY_GRACEFUL_SHUTDOWN_DRAIN_TIMEOUT_S": str(DRAINS),
            "OMP_NUM_THREADS": "1",
            "PYTHONUNBUFFERED": "1",
            "PYTHONPATH": str(ROOT),
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",  # jobs call `python`
            **environment,
        }

    @property
    def workers(self) -> list[Node]:
        """The running nodes without the head, oldest first."""
        return [node for node in self.nodes[1:] if node.is_running]

    def start_head(self, *options: object, jobs: bool) -> None:
        """Start the head, with or without the Jobs API, and wait until nodes can join."""
        own = ("--head", "--port", self.port, "--num-cpus", 0)
        web = ("--dashboard-host", "127.0.0.1", "--dashboard-port", self.dashboard)
        shown = (*web, "--include-dashboard", str(jobs).lower())
        client = ("--ray-client-server-port", *free_ports(1))
        self._start(self.ip, {}, None, *own, *shown, *client, *options).wait()
        if jobs:
            self._wait_for_jobs_api()

    def add(
        self, cpus: int = 1, prepare: Callable[[], None] | None = None, **environment: str
    ) -> Node:
        """Start one more node; :meth:`Node.wait` waits until it is up.

        ``prepare`` runs in its process first. Start nodes one after the other: two nodes of a
        session that start at once use the same socket, and one of them never comes up.
        """
        self.nodes[-1].wait()
        ip = f"127.0.0.{len(self.nodes) + 1}"
        return self._start(ip, environment, prepare, "--address", self.address, "--num-cpus", cpus)

    def close(self) -> None:
        """End all nodes, the head last."""
        for node in reversed(self.nodes):
            node.kill()

    def _start(
        self,
        ip: str,
        environment: Mapping[str, str],
        prepare: Callable[[], None] | None,
        *options: object,
    ) -> Node:
        log, cache, ray = (self.root / f"{len(self.nodes)}{end}" for end in (".log", "-cache", ""))
        common = ("--object-store-memory", 100 * 1024**2, "--include-log-monitor", "false")
        common += ("--num-gpus", 0, "--dashboard-agent-listen-port", *free_ports(1))
        common += ("--min-worker-port", 0, "--max-worker-port", 0, "--temp-dir", ray)
        whole = {**self.environment, "PRUNESWEEP_CACHE": str(cache), **environment}
        node = Node(log, whole, ip, *common, *options, prepare=prepare)
        self.nodes.append(node)
        return node

    def _wait_for_jobs_api(self) -> None:
        api = JobsApi(self.url, Token(self.token, "the cluster"))
        deadline = time.monotonic() + STARTS
        while True:
            try:
                api.jobs()
                return
            except ClusterError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.1)


@contextmanager
def cluster(
    *cpus: int,
    jobs: bool = False,
    head: Sequence[object] = (),
    before: Callable[[Cluster], None] = lambda found: None,
    **environment: str,
) -> Iterator[Cluster]:
    """Run a cluster during the block, with one node per number of CPUs.

    ``jobs`` starts the dashboard with the Jobs API. ``head`` has further options for the head's
    `ray start`; ``before`` is called before it, when the address is known.
    """
    # A short name, because paths of sockets have at most 107 bytes.
    with tempfile.TemporaryDirectory(prefix="psn-", ignore_cleanup_errors=True) as root:
        found = Cluster(Path(root), environment)
        try:
            before(found)
            found.start_head(*head, jobs=jobs)
            for count in cpus:
                found.add(count).wait()
            yield found
        finally:
            found.close()


def own_ip() -> str:
    """Return this machine's external address; Ray replaces a head's loopback address by it."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one, suppress(OSError):
        one.connect(("198.51.100.1", 53))  # nothing is sent
        return str(one.getsockname()[0])
    return socket.gethostbyname(socket.gethostname())


def free_ports(count: int) -> list[int]:
    """Return ports that are currently free."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for one in sockets:
            one.bind(("", 0))
        return [int(one.getsockname()[1]) for one in sockets]
    finally:
        for one in sockets:
            one.close()
