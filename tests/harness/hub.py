"""A small Hugging Face hub on loopback, for the real clients in a child process.

It serves the folders ``datasets/ID`` and ``models/ID`` below a root, each as a repository with one
revision. ``gated`` has the status (401 or 403) with which it answers requests for an id.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

API = re.compile(
    r"/api/(?P<kind>datasets|models)/(?P<id>[\w.-]+/[\w.-]+)"
    r"(?:/(?P<what>revision|tree|paths-info)/(?P<revision>[^/]+)(?:/(?P<path>.*))?)?$"
)
FILE = re.compile(r"/(?P<data>datasets/)?(?P<id>[\w.-]+/[\w.-]+)/resolve/[^/]+/(?P<path>.+)$")


class Hub:
    """The address of a running hub, its folder, and the requests that it has answered."""

    def __init__(self, root: Path, address: str) -> None:
        self.root, self.address = root, address
        self.gated: dict[str, int] = {}
        self.requests: list[str] = []

    def environment(self, home: Path) -> dict[str, str]:
        """The variables of a process that uses this hub, with its caches in ``home``."""
        left_out = {"HF_HUB_OFFLINE", "HF_DATASETS_OFFLINE", "TRANSFORMERS_OFFLINE", "HF_TOKEN"}
        own = {name: value for name, value in os.environ.items() if name not in left_out}
        more = {"HF_ENDPOINT": self.address, "HF_HOME": str(home), "NO_PROXY": "127.0.0.1"}
        return {**own, **more, "HF_HUB_DISABLE_TELEMETRY": "1", "HF_HUB_DISABLE_XET": "1"}

    def run(self, home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run Python with these arguments and this hub."""
        return subprocess.run(
            [sys.executable, *arguments],
            env={**self.environment(home), "PRUNESWEEP_CACHE": str(home / "sweep")},
            capture_output=True,
            text=True,
            timeout=300,
        )


@contextmanager
def hub(root: Path) -> Iterator[Hub]:
    """Serve the repositories below ``root`` while the block runs."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.hub = Hub(root, f"http://127.0.0.1:{server.server_port}")  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server.hub  # type: ignore[attr-defined]
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    """Answers the requests of `huggingface_hub`."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        hub: Hub = self.server.hub  # type: ignore[attr-defined]
        address = self.path.partition("?")[0]
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        hub.requests.append(f"{self.command} {address}")
        found = API.match(address) or FILE.match(address)
        if found is None:
            return self._answer(404, b"{}")
        kind = "datasets" if "data" in address.split("/")[1] else "models"
        parts = found.groupdict()
        kind = parts.get("kind") or ("datasets" if parts["data"] else "models")
        folder = hub.root / kind / parts["id"]
        if status := hub.gated.get(parts["id"]):
            return self._answer(status, b"{}", {"X-Error-Code": "GatedRepo"})
        if not folder.is_dir():
            return self._answer(401, b"{}", {"X-Error-Code": "RepoNotFound"})
        if "kind" in parts:
            return self._answer(200, json.dumps(_told(folder, parts, body)).encode())
        return self._file(folder, folder / parts["path"])

    do_HEAD = do_GET
    do_POST = do_GET

    def _file(self, folder: Path, file: Path) -> None:
        commit = {"X-Repo-Commit": revision(folder)}
        if not file.is_file():
            return self._answer(404, b"", {**commit, "X-Error-Code": "EntryNotFound"})
        data = file.read_bytes()
        return self._answer(200, data, {**commit, "ETag": f'"{hashlib.sha1(data).hexdigest()}"'})

    def _answer(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *arguments: Any) -> None:
        """Write nothing."""


def revision(folder: Path) -> str:
    """The commit of a repository: a digest of its files."""
    files = sorted(file for file in folder.rglob("*") if file.is_file())
    told = [(str(file.relative_to(folder)), file.read_bytes()) for file in files]
    return hashlib.sha1(repr(told).encode()).hexdigest()


def _told(folder: Path, parts: dict[str, str], body: bytes) -> Any:
    """What the API says about a repository, or about some of its files."""
    files = [file for file in sorted(folder.rglob("*")) if file.is_file()]
    entries = [
        {
            "type": "file",
            "path": str(file.relative_to(folder)),
            "size": file.stat().st_size,
            "oid": hashlib.sha1(file.read_bytes()).hexdigest(),
        }
        for file in files
    ]
    folders = {str(file.parent.relative_to(folder)) for file in files} - {"."}
    entries += [{"type": "directory", "path": path, "size": 0, "oid": ""} for path in folders]
    if parts["what"] == "tree":
        below = parts["path"] or ""
        return [each for each in entries if str(each["path"]).startswith(below)]
    if parts["what"] == "paths-info":
        from urllib.parse import parse_qs

        asked = json.loads(body) if body.startswith(b"{") else parse_qs(body.decode())
        return [each for each in entries if each["path"] in asked["paths"]]
    siblings = [{"rfilename": each["path"]} for each in entries if each["type"] == "file"]
    return {"id": parts["id"], "sha": revision(folder), "siblings": siblings, "private": False}
