"""The client of `benchmarks.machines.agent`, and replacements for ssh, rsync and srun on PATH.

They support only what the benchmarks need: ``ssh [-L PORT:localhost:PORT] [OPTIONS] USER@IP
COMMAND...``, ``rsync --rsh X [OPTIONS] SOURCE USER@IP:TARGET`` (upload) and ``srun [OPTIONS]
COMMAND...`` (on every machine of ``MACHINES``).
"""

from __future__ import annotations

import io
import itertools
import json
import os
import shlex
import socket
import socketserver
import sys
import tarfile
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import IO, Any

from benchmarks.machines.agent import FRAME, PORT, relay

WITH_VALUE = {"-o", "-i", "-L", "-p", "--rsh", "--exclude", "--filter"}


def call(
    ip: str,
    command: str,
    given: bytes = b"",
    variables: Mapping[str, str] | None = None,
    out: IO[bytes] = sys.stdout.buffer,
) -> int:
    """Run a command on a machine, with live output; return its exit code. OSError: no machine."""
    with socket.create_connection((ip, PORT), timeout=10) as connection:
        connection.settimeout(None)
        asked = {"command": command, "size": len(given), "variables": dict(variables or {})}
        connection.sendall(json.dumps(asked).encode() + b"\n" + given)
        stream = connection.makefile("rb")
        while head := stream.read(FRAME.size):
            kind, size = FRAME.unpack(head)
            data = stream.read(size)
            if kind == b"X":
                return int(data)
            out.write(data)
            out.flush()
    return 255


def ask(ip: str, command: str) -> tuple[int, str]:
    """Run a command on a machine; return its exit code and output."""
    said = io.BytesIO()
    return call(ip, command, out=said), said.getvalue().decode(errors="replace")


def has_ray(ip: str) -> bool:
    """Whether a Ray process runs on the machine (pgrep compares at most 15 letters of a name)."""
    return ask(ip, "pgrep 'raylet|gcs_serv'")[0] == 0


def ssh(arguments: Sequence[str]) -> int:
    """Run the words after the host as one line of shell, as ssh does."""
    words, at = split(arguments)
    ip = words[0].rpartition("@")[2]
    for option, value in itertools.pairwise(arguments[:at]):
        if option == "-L":
            near, _, far = value.split(":")
            tunnel(int(near), ip, int(far))
    return call(ip, " ".join(words[1:]))


class Tunnel(socketserver.BaseRequestHandler):
    """One connection to the local end; ``ip`` and ``port`` are the remote end."""

    def __init__(self, *given: Any, ip: str, port: int) -> None:
        self.ip, self.port = ip, port
        super().__init__(*given)

    def handle(self) -> None:
        with socket.create_connection((self.ip, PORT), timeout=10) as far:
            far.settimeout(None)
            far.sendall(json.dumps({"connect": self.port}).encode() + b"\n")
            if far.recv(1):
                relay(self.request, far)


def tunnel(near: int, ip: str, port: int) -> None:
    """Forward the local port ``near`` to a port on a machine's loopback until this process ends."""
    handler = partial(Tunnel, ip=ip, port=port)
    server = socketserver.ThreadingTCPServer(("127.0.0.1", near), handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()


def rsync(arguments: Sequence[str]) -> int:
    """Copy a file, or the content of a folder, to another machine, without ``__pycache__``."""
    (source, target), _ = split(arguments)
    host, _, path = target.partition(":")
    ip, file = host.rpartition("@")[2], Path(source)
    name = "." if file.is_dir() else Path(path).name
    folder = path if file.is_dir() else str(Path(path).parent)
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        tar.add(source, name, filter=lambda item: None if "__pycache__" in item.name else item)
    folder = folder.replace("~", "$HOME", 1)
    unpack = f'mkdir -p "{folder}" && tar -x --no-same-owner -C "{folder}"'
    return call(ip, unpack, packed.getvalue())


def srun(arguments: Sequence[str]) -> int:
    """Run on all machines at once with this environment; return the highest exit code."""
    _, at = split(arguments)
    command = f"cd {shlex.quote(str(Path.cwd()))}; exec {shlex.join(arguments[at:])}"
    ips = os.environ["MACHINES"].split()
    with ThreadPoolExecutor(len(ips)) as pool:
        return max(pool.map(lambda ip: call(ip, command, variables=dict(os.environ)), ips))


def split(arguments: Sequence[str]) -> tuple[list[str], int]:
    """Return the arguments without options, and the index of the first of them."""
    at = 0
    while at < len(arguments) and arguments[at].startswith("-"):
        at += 2 if arguments[at] in WITH_VALUE else 1
    return list(arguments[at:]), at


if __name__ == "__main__":
    sys.exit({"ssh": ssh, "rsync": rsync, "srun": srun}[sys.argv[1]](sys.argv[2:]))
