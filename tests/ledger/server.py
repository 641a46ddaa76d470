"""A local S3 server (moto) in its own process."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest

s3fs = pytest.importorskip("s3fs")

BUCKET = "bucket"


@dataclass
class Server:
    """``environment``: the variables with which a process can reach the server."""

    url: str
    process: subprocess.Popen[bytes]

    @property
    def environment(self) -> dict[str, str]:
        return {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_ACCESS_KEY_ID": "testing",
            "AWS_SECRET_ACCESS_KEY": "testing",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def ask(self, method: str, path: str, body: bytes | None = None) -> bytes:
        plain = {"Content-Type": "text/plain"}
        request = urllib.request.Request(f"{self.url}{path}", body, plain, method=method)
        with urllib.request.urlopen(request, timeout=10) as answer:
            content: bytes = answer.read()
            return content

    def demand_keys(self, after: int = 0) -> None:
        """Reject all requests from now on: they need known keys, and the server knows none."""
        self.ask("POST", "/moto-api/reset-auth", json.dumps(after).encode())


@contextmanager
def s3_server() -> Iterator[Server]:
    """Run a server with one bucket during the block."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "INITIAL_NO_AUTH_ACTION_COUNT": "inf"},
    )
    server = Server(f"http://127.0.0.1:{port}", process)
    # fsspec caches connections, which may lead to an earlier server.
    s3fs.S3FileSystem.clear_instance_cache()
    try:
        _wait(server)
        server.ask("PUT", f"/{BUCKET}")
        yield server
    finally:
        process.kill()
        process.wait()


def _wait(server: Server) -> None:
    deadline = time.monotonic() + 60
    while True:
        try:
            server.ask("GET", "/moto-api/")
            return
        except (urllib.error.URLError, OSError):
            assert server.process.poll() is None and time.monotonic() < deadline
            time.sleep(0.05)
