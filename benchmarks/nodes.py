"""A Ray cluster of several nodes on this machine: one process a node, to be killed or told to go.

Each node is `ray start --block` under an address of its own (127.0.0.2, 127.0.0.3, ...), so that to
Ray they are machines, with a cache of its own, so that to us they are. The head has no CPUs: it
runs drivers and no trials.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from sweep.driver.cluster import ENVIRONMENT

COMMAND = "from ray.scripts.scripts import main; main()"
UP = "Ray runtime started."
STARTS = 120.0
"""Seconds within which a node has to be up, on a machine that has other things to do."""

DRAINS = 20.0
"""Seconds that a node told to go gives its workers to end what they do."""


class Node:
    """A node of a cluster: the process group of one `ray start --block`."""

    def __init__(self, log: Path, environment: dict[str, str], *arguments: object) -> None:
        self.log, self.cache = log, Path(environment["PRUNESWEEP_CACHE"])
        with log.open("w") as out:
            self._process = subprocess.Popen(
                [sys.executable, "-c", COMMAND, "start", "--block", *map(str, arguments)],
                stdout=out,
                stderr=subprocess.STDOUT,
                env=environment,
                start_new_session=True,
            )

    def kill(self) -> None:
        """As a machine that loses its power: all its processes, at once."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def terminate(self) -> None:
        """As a cloud that takes a spot machine back: told to go, it drains first."""
        self._process.send_signal(signal.SIGTERM)

    def wait(self) -> Node:
        """Itself, once it is up. Raises TimeoutError, with what it said, if it does not come up."""
        deadline = time.monotonic() + STARTS
        while self.is_running and time.monotonic() < deadline:
            if UP in self.log.read_text():
                return self
            time.sleep(0.1)
        raise TimeoutError(f"a node did not start: {self.log.read_text()[-2000:]}")

    @property
    def is_running(self) -> bool:
        """Whether its process has not ended."""
        return self._process.poll() is None


class Cluster:
    """A head without CPUs, and the nodes that are added to it. Use :func:`cluster`."""

    def __init__(self, root: Path, environment: Mapping[str, str]) -> None:
        self.root = root
        self.environment = {
            **os.environ,
            **ENVIRONMENT,
            "RAY_AUTH_MODE": "token",
            "RAY_AUTH_TOKEN": secrets.token_hex(32),
            "RAY_worker_niceness": "0",
            "RAY_GRACEFUL_SHUTDOWN_DRAIN_TIMEOUT_S": str(DRAINS),
            "RAY_raylet_start_wait_time_s": str(int(STARTS)),  # a float crashes Ray
            "OMP_NUM_THREADS": "1",
            "PYTHONUNBUFFERED": "1",
            "PYTHONPATH": os.pathsep.join(p for p in sys.path if p),
            **environment,
        }
        self.environment.pop("RAY_ADDRESS", None)
        self.nodes: list[Node] = []
        self.ip, self.port = own_ip(), free_port()
        self.address = f"{self.ip}:{self.port}"

    def start_head(self, *head: object) -> None:
        """Start the head; nothing can join before it is up."""
        common = ("--head", "--port", self.port, "--num-cpus", 0, "--include-dashboard", "false")
        common += ("--temp-dir", self.root / "ray")
        self._start(self.ip, *common, "--ray-client-server-port", free_port(), *head).wait()

    def add(self, cpus: int = 1) -> Node:
        """One more node, which is up within seconds: :meth:`Node.wait` waits for it.

        One after the other: of nodes of one session that start at once, some never come up.
        """
        ip = f"127.0.0.{len(self.nodes) + 1}"
        return self._start(ip, "--address", self.address, "--num-cpus", cpus)

    def _start(self, ip: str, *arguments: object) -> Node:
        ports = ("--min-worker-port", 0, "--max-worker-port", 0)
        quiet = ("--disable-usage-stats", "--object-store-memory", 100 * 1024**2)
        log, cache = (self.root / f"{len(self.nodes)}{end}" for end in (".log", "-cache"))
        environment = {**self.environment, "PRUNESWEEP_CACHE": str(cache)}
        node = Node(log, environment, "--node-ip-address", ip, *ports, *quiet, *arguments)
        self.nodes.append(node)
        return node

    def close(self) -> None:
        """End all nodes, the head last."""
        for node in reversed(self.nodes):
            node.kill()


@contextmanager
def cluster(
    *cpus: int,
    head: Sequence[object] = (),
    before: Callable[[Cluster], None] = lambda found: None,
    **environment: str,
) -> Iterator[Cluster]:
    """A cluster with a node for each number of CPUs, for the time of the block.

    ``head`` are options more of the head's `ray start`; ``before`` is called before that, when the
    address is known.
    """
    root = Path(tempfile.mkdtemp(prefix="nodes-"))  # short: sockets lie below it
    found = Cluster(root, environment)
    try:
        before(found)
        found.start_head(*head)
        for count in cpus:
            found.add(count).wait()
        yield found
    finally:
        found.close()
        shutil.rmtree(root, ignore_errors=True)


def own_ip() -> str:
    """This machine's address towards the world, which Ray takes loopback ones for, in a head's."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one, contextlib.suppress(OSError):
        one.connect(("198.51.100.1", 53))  # nothing is sent
        return str(one.getsockname()[0])
    return socket.gethostbyname(socket.gethostname())


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])
