"""Ray's Jobs API over HTTP, with time limits and readable error messages."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from http.client import HTTPException
from ipaddress import ip_address
from typing import Any
from urllib.parse import quote, urlsplit

from sweep.cluster.connect import HOW, Token, find_token, refusal
from sweep.errors import ClusterError, UsageError
from sweep.printable import printable

SECONDS = 20
"""How long an answer may take: a submission waits for the head's job agent."""

TUNNEL = (
    "is the cluster running, and is the address correct? From outside the cluster's network, open "
    "a tunnel first (ssh -N -L 8265:localhost:8265 HEAD), and give --address http://127.0.0.1:8265"
)


class JobsApi:
    """The Jobs API at ``url``, the dashboard's address (http://HOST:8265).

    Every method raises :class:`~sweep.errors.ClusterError` if the cluster cannot be reached or
    refuses. The constructor raises :class:`~sweep.errors.UsageError` for a malformed address.
    """

    def __init__(self, url: str, token: Token | None = None) -> None:
        self.url = _checked(url)
        self.token = token or find_token()
        local = _is_loopback(urlsplit(self.url).hostname or "")
        proxies = [urllib.request.ProxyHandler({})] if local else []  # no proxy to this machine
        self._opener = urllib.request.build_opener(*proxies)

    def ray_version(self) -> str:
        """Ray's version on the head. It is the cheapest request, so callers make it first."""
        answer = self._ask("GET", "/api/version")
        if not isinstance(answer, dict) or "ray_version" not in answer:
            raise ClusterError(f"the server at {self.url} is not a Ray dashboard: {TUNNEL}")
        return str(answer["ray_version"])

    def jobs(self) -> list[dict[str, Any]]:
        """All submitted jobs, as the API describes them."""
        answer = self._ask("GET", "/api/jobs/")
        found: list[dict[str, Any]] = answer if isinstance(answer, list) else []
        return [job for job in found if job.get("type") == "SUBMISSION"]

    def job(self, submission_id: str) -> dict[str, Any]:
        """One job, as the API describes it."""
        found: dict[str, Any] = self._ask("GET", _path(submission_id))
        return found

    def logs(self, submission_id: str) -> str:
        """Everything that a job has printed so far."""
        return str(self._ask("GET", f"{_path(submission_id)}/logs").get("logs") or "")

    def submit(self, request: dict[str, Any]) -> bool:
        """Submit a job; False if another job has its submission id."""
        try:
            self._ask("POST", "/api/jobs/", json.dumps(request).encode())
        except ClusterError as error:
            if "already exists" not in str(error):
                raise
            return False
        return True

    def stop(self, submission_id: str) -> None:
        """Send a job SIGTERM; returns at once."""
        self._ask("POST", f"{_path(submission_id)}/stop", b"")

    def upload(self, name: str, data: bytes) -> None:
        """Upload a package."""
        self._ask("PUT", f"/api/packages/gcs/{quote(name)}", data)

    def _ask(self, method: str, where: str, data: bytes | None = None) -> Any:
        """The answer, parsed as JSON; None if it is empty."""
        try:
            with self._opener.open(self._request(method, where, data), timeout=SECONDS) as answer:
                text = answer.read()
            return json.loads(text) if text else None
        except urllib.error.HTTPError as error:
            raise self._refused(error) from None
        except (OSError, HTTPException) as error:
            raise self._silent(error) from None
        except ValueError:
            raise ClusterError(f"the server at {self.url} is not a Ray dashboard") from None

    def _request(self, method: str, where: str, data: bytes | None) -> urllib.request.Request:
        request = urllib.request.Request(self.url + where, data, method=method)
        if data:
            kind = "application/json" if method == "POST" else "application/octet-stream"
            request.add_header("Content-Type", kind)
        if self.token is not None:
            request.add_header("Authorization", f"Bearer {self.token.text}")
        return request

    def _refused(self, error: urllib.error.HTTPError) -> ClusterError:
        if error.code in (401, 403):
            return ClusterError(refusal(self.url, self.token if error.code == 403 else None))
        if error.code == 404:
            return ClusterError(
                f"{self.url} has no {urlsplit(error.url or '').path}: the Jobs API needs "
                "ray[default] on the head, and its address is the dashboard's (http://HOST:8265)"
            )
        lines = error.read().decode(errors="replace").strip().splitlines() or [error.reason]
        said = [line for line in lines if line.strip(" .")]
        return ClusterError(f"the cluster at {self.url} refused: {said[-1].strip()} ({error.code})")

    def _silent(self, error: Exception) -> ClusterError:
        reason = getattr(error, "reason", None) or error
        text = getattr(reason, "strerror", None) or reason or type(error).__name__
        return ClusterError(f"the Jobs API does not answer at {self.url} ({text}): {TUNNEL}")


def _path(submission_id: str) -> str:
    return f"/api/jobs/{quote(submission_id, safe='~')}"


def _checked(url: str) -> str:
    """The address without a slash at its end; ``host:port`` becomes ``http://host:port``."""
    whole = url if "://" in url else f"http://{url}"
    try:
        parts = urlsplit(whole)
        known = parts.scheme in ("http", "https") and parts.hostname and (parts.port or True)
    except ValueError:  # the port is not a number
        known = False
    if known and "@" in parts.netloc:
        raise UsageError(f"--address must have no user and no password; for a token {HOW}")
    if not known:
        raise UsageError(
            "--address must be the address of the dashboard, http://HOST:8265; got "
            + printable(url)
        )
    return whole.rstrip("/")


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False
