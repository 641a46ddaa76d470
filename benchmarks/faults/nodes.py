"""A Ray cluster of several nodes on this machine, each a `ray start` of its own, ended by pid.

The head offers no CPU, as on a real cluster, and serves the Jobs API; workers have a loopback
address each (127.0.0.2, ...). Every node demands a token.
"""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

from sweep.driver.cluster import ENVIRONMENT

STARTS = 180.0
"""Seconds that a node may take to start, on a busy machine."""


PATIENCE = {
    "RAY_raylet_start_wait_time_s": "150",
    "RAY_agent_register_timeout_ms": "180000",
    "RAY_worker_register_timeout_seconds": "180",
}
"""Ray's own limits, for a machine that is busy with other things."""


ROOT = Path(__file__).parents[2]


class Node:
    """One running `ray start --block` and what it started."""

    def __init__(
        self, log: Path, env: Mapping[str, str], prepare: Callable[[], None] | None, *options: str
    ) -> None:
        self.log, self.address = log, ""
        ray = Path(sys.executable).with_name("ray")
        with log.open("w") as out:
            self._process = subprocess.Popen(
                [str(ray), "start", *options, "--block", "--disable-usage-stats"],
                stdout=out,
                stderr=subprocess.STDOUT,
                env=dict(env),
                start_new_session=True,
                preexec_fn=prepare,
            )

    @property
    def is_up(self) -> bool:
        """Whether `ray start` says so; AssertionError if it ended."""
        assert self._process.poll() is None, self.log.read_text()[-3000:]
        return "Ray runtime started" in self.log.read_text()

    def raylet(self) -> psutil.Process:
        """Its raylet."""
        found = psutil.Process(self._process.pid).children()
        return next(process for process in found if process.name() == "raylet")

    def kill(self) -> None:
        """As power is cut: SIGKILL to the raylet and to all that the node runs."""
        everything = self._all()
        for process in sorted(everything, key=lambda one: one.name() != "raylet"):
            with suppress(psutil.NoSuchProcess):
                process.kill()
        self._process.wait()

    def drain(self) -> None:
        """As a spot machine goes: SIGTERM to `ray start`, which drains the node, and its end."""
        everything = self._all()
        self._process.send_signal(signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(30)
        _kill(everything)
        self._process.wait()

    end = kill

    def _all(self) -> list[psutil.Process]:
        with suppress(psutil.NoSuchProcess):
            parent = psutil.Process(self._process.pid)
            return [parent, *parent.children(recursive=True)]
        return []


class Nodes:
    """A head and its workers. ``address`` is for drivers, ``url`` for the Jobs API."""

    def __init__(self, root: Path, token: str) -> None:
        self.root, self.token = root, token
        self.ip = own_address()
        self.port, self.dashboard, agent = free_ports(3)
        self.address, self.url = f"{self.ip}:{self.port}", f"http://127.0.0.1:{self.dashboard}"
        self.env = {
            **{name: value for name, value in os.environ.items() if name != "RAY_ADDRESS"},
            **ENVIRONMENT,
            "RAY_AUTH_MODE": "token",
            "RAY_AUTH_TOKEN": token,
            "RAY_prestart_worker_first_driver": "0",
            "OMP_NUM_THREADS": "1",
            "PYTHONPATH": str(ROOT),
            **PATIENCE,
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        }
        self._count = 1
        self.head = self._node(
            "head", {}, None,
            "--head", f"--node-ip-address={self.ip}", f"--port={self.port}",
            "--num-cpus=0", "--num-gpus=0", "--no-monitor",
            "--dashboard-host=127.0.0.1", f"--dashboard-port={self.dashboard}",
            f"--dashboard-agent-listen-port={agent}", "--include-dashboard=true",
            f"--temp-dir={self.root / 'ray'}",
        )  # fmt: skip
        self.workers: list[Node] = []

    def add(
        self,
        cpus: int = 1,
        env: Mapping[str, str] | None = None,
        prepare: Callable[[], None] | None = None,
    ) -> Node:
        """Start another worker node; ``prepare`` runs in its process before `ray start` does.

        When the nodes before are up: two that start at once take the same socket of the session.
        """
        self.wait()
        self._count += 1
        [agent] = free_ports(1)
        node = self._node(
            f"worker-{self._count}", env or {}, prepare,
            f"--address={self.address}", f"--node-ip-address=127.0.0.{self._count}",
            f"--num-cpus={cpus}", "--num-gpus=0", f"--dashboard-agent-listen-port={agent}",
        )  # fmt: skip
        node.address = f"127.0.0.{self._count}"
        self.workers.append(node)
        return node

    def wait(self) -> None:
        """Until every node has started."""
        wait_for(lambda: all(node.is_up for node in [self.head, *self.workers]), STARTS)

    def remove(self, node: Node, how: Callable[[Node], None] = Node.kill) -> None:
        """End a worker node."""
        how(node)
        self.workers.remove(node)

    def end(self) -> None:
        """End all of it."""
        for node in [*self.workers, self.head]:
            node.end()

    def _node(
        self, name: str, env: Mapping[str, str], prepare: Callable[[], None] | None, *options: str
    ) -> Node:
        log = self.root / f"{name}.log"
        return Node(
            log,
            {**self.env, **env},
            prepare,
            "--object-store-memory=80000000",
            "--include-log-monitor=false",
            *options,
        )

    def answers(self) -> bool:
        """Whether the Jobs API does."""
        head = {"Authorization": f"Bearer {self.token}"}
        request = urllib.request.Request(f"{self.url}/api/jobs/", headers=head)
        with suppress(OSError), urllib.request.urlopen(request, timeout=5) as answer:
            return bool(answer.status == 200)
        return False


@contextmanager
def nodes(workers: int) -> Iterator[Nodes]:
    """A head and ``workers`` nodes of one CPU, for the time of the block."""
    root = Path(tempfile.mkdtemp(prefix="psn-"))  # short: sockets have paths of 107 bytes
    found = Nodes(root, secrets.token_hex(32))
    try:
        for _ in range(workers):
            found.add()
        found.wait()
        wait_for(found.answers, STARTS)
        yield found
    finally:
        found.end()
        shutil.rmtree(root, ignore_errors=True)


def wait_for(find: Callable[[], bool], seconds: float) -> None:
    """Until ``find`` says so; TimeoutError after so many seconds."""
    deadline = time.monotonic() + seconds
    while not find():
        if time.monotonic() > deadline:
            raise TimeoutError(f"nothing in {seconds} s")
        time.sleep(0.1)


def own_address() -> str:
    """An IPv4 address of this machine that is no loopback one, where it has any."""
    found = [a.address for all_of in psutil.net_if_addrs().values() for a in all_of
             if a.family == socket.AF_INET and not a.address.startswith("127.")]  # fmt: skip
    return found[0] if found else "127.0.0.1"


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on now."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for one in sockets:
            one.bind(("", 0))
        return [int(one.getsockname()[1]) for one in sockets]
    finally:
        for one in sockets:
            one.close()


def _kill(processes: list[psutil.Process]) -> None:
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            process.kill()
