"""Simulated machines: namespaces on a network bridge that end with the process that made them."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.machines.client import ask

ROOT = Path(__file__).parents[2]
NETWORK = "10.77.0"
HERE = f"{NETWORK}.254"
INSIDE = "--inside"
ISOLATED = (
    "unshare",
    "--net",
    "--pid",
    "--mount",
    "--uts",
    "--fork",
    "--kill-child",
    "--mount-proc",
)


def possible() -> str:
    """Return why machines cannot be simulated here; empty if they can."""
    if missing := [name for name in ("unshare", "ip") if not shutil.which(name)]:
        return f"simulated machines need {', '.join(missing)}"
    for path in (ROOT, Path(sys.prefix)):
        if path.resolve().is_relative_to("/tmp"):
            return f"simulated machines have their own /tmp, but {path} is in this machine's /tmp"
    tried = subprocess.run([*ISOLATED, "true"], capture_output=True, text=True)
    return f"simulated machines need root: {tried.stderr.strip()}" if tried.returncode else ""


def isolate(module: str) -> None:
    """Run ``python -m module --inside`` in its own namespaces, and exit with its exit code.

    Its changes of the network are not visible outside, and all its processes end with it.
    """
    if why := possible():
        sys.exit(why)
    command = [*ISOLATED, sys.executable, "-m", module, INSIDE, *sys.argv[1:]]
    sys.exit(subprocess.run(command, cwd=ROOT).returncode)


@contextmanager
def machines(count: int) -> Iterator[tuple[list[str], Path]]:
    """Simulate ``count`` machines; yield their addresses and a folder that all of them share.

    ``folder/bin`` holds ssh, rsync and srun; ``folder/homes/IP`` a machine's home.
    """
    folder = Path(tempfile.mkdtemp(prefix="machines-", dir="/var/tmp"))
    _commands(folder / "bin")
    ips = [f"{NETWORK}.{10 + number}" for number in range(count)]
    _run("ip link set lo up")
    _run("ip link add bridge0 type bridge")
    _run(f"ip addr add {HERE}/24 dev bridge0")
    _run("ip link set bridge0 up")
    started = [_machine(number, ip, folder) for number, ip in enumerate(ips)]
    try:
        for ip in ips:
            _wait_for(ip)
        yield ips, folder
    finally:
        for process in started:
            process.kill()  # --kill-child ends all processes of the machine
            process.wait()
        shutil.rmtree(folder, ignore_errors=True)


def _run(command: str) -> None:
    subprocess.run(command.split(), check=True)


def _machine(number: int, ip: str, folder: Path) -> subprocess.Popen[bytes]:
    home = folder / "homes" / ip
    home.mkdir(parents=True)
    (home / ".profile").write_text(f"export PATH={folder / 'bin'}:$PATH\n")
    (home / ".bashrc").touch()
    boot = (
        f"hostname machine{number}; mount -t tmpfs tmpfs /tmp; ip link set lo up; "
        f"until ip link show eth0 > /dev/null 2>&1; do sleep 0.05; done; "
        f"ip addr add {ip}/24 dev eth0; ip link set eth0 up; ip route add default via {HERE}; "
        f"{sys.executable} -m benchmarks.machines.agent {ip} & wait"  # the shell reaps orphans
    )
    process = subprocess.Popen(
        [*ISOLATED, "bash", "-c", boot],
        cwd=ROOT,
        env={
            "HOME": str(home),
            "PATH": f"{folder / 'bin'}:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            "USER": "root",
            "LANG": "C.UTF-8",
            "PYTHONPATH": str(ROOT),
        },
    )
    first = _child(process.pid)
    _run(f"ip link add veth{number} type veth peer name eth0 netns {first}")
    _run(f"ip link set veth{number} master bridge0")
    _run(f"ip link set veth{number} up")
    return process


def _child(pid: int) -> int:
    """Return the first process of the namespace that ``unshare --fork`` makes."""
    children = Path(f"/proc/{pid}/task/{pid}/children")
    while not (found := children.read_text().split()):
        time.sleep(0.01)
    return int(found[0])


def _wait_for(ip: str, seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while True:
        try:
            assert ask(ip, "true")[0] == 0
            return
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)


def _commands(folder: Path) -> None:
    """Write the replacements for ssh, rsync and srun, which come first on PATH."""
    folder.mkdir(parents=True)
    for name in ("ssh", "rsync", "srun"):
        file = folder / name
        file.write_text(
            f"#!/bin/sh\nPYTHONPATH={ROOT} exec {sys.executable} -m benchmarks.machines.client "
            f'{name} "$@"\n'
        )
        file.chmod(0o755)
