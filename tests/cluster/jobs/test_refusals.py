"""Launches refused before anything is sent: wrong addresses and paths of this machine; tokens."""

from __future__ import annotations

import http.server
import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from sweep.cluster.connect import find_token
from sweep.cluster.jobs.job import Job
from sweep.cluster.jobs.submit import check_ended, check_travels
from sweep.config.load import load_config
from sweep.errors import ClusterError
from sweep.ledger.folder import SweepFolder
from tests.harness.command import Command, assert_refused
from tests.harness.nodes import free_ports
from tests.ledger.test_contract import written

LAUNCH = ("launch", "closed-form", "--out", "/shared/tiny", "--address")


class Silent(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *arguments: object) -> None: ...


@pytest.fixture
def web_page() -> Iterator[str]:
    """An HTTP server that is not a Ray dashboard."""
    server = http.server.HTTPServer(("127.0.0.1", 0), Silent)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_an_address_where_nobody_listens(cli: Command) -> None:
    [port] = free_ports(1)
    done = cli(*LAUNCH, f"http://127.0.0.1:{port}")
    assert_refused(
        done, 5, f"127.0.0.1:{port}", "refused", "is the cluster running", "ssh -N -L 8265"
    )


def test_a_job_that_ray_lost_sight_of_is_not_begun_again_while_its_driver_runs(
    tmp_path: Path,
) -> None:
    folder, reason = SweepFolder(tmp_path), "Unexpected error occurred: the call timed out"
    job = Job("sweep-x", "x", str(tmp_path), {}, "FAILED", reason, 0.0, None)
    assert job.is_out_of_sight and not job.is_live
    written(folder)
    check_ended(job, job.place)
    with folder.open(create=False):
        with pytest.raises(ClusterError, match=f"timed out.*pid {os.getpid()} on .*: nothing was"):
            check_ended(job, job.place)
        check_ended(job, str(tmp_path / "elsewhere"))
    check_ended(job, job.place)


def test_an_address_of_something_else(cli: Command, web_page: str) -> None:
    assert_refused(cli(*LAUNCH, web_page), 5, "dashboard", "http://HOST:8265")


HEAD = ("--address", "http://head:8265")
NO_DATA = ("imdb", "--out", "/shared/x", *HEAD)
NO_TRAVEL = ("does not travel", "absolute path")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        # malformed addresses
        ((*LAUNCH, "ray://head:10001"), ("http://HOST:8265", "ray://head:10001")),
        ((*LAUNCH, "http://head:port"), ("http://HOST:8265", "http://head:port")),
        ((*LAUNCH, "http://"), ("http://HOST:8265",)),
        # the address of the Jobs API, given to a driver
        (("run", "closed-form", *HEAD), ("sweep launch", "HOST:PORT")),
        # results and data on this machine, and unusable addresses
        (("launch", "closed-form", *HEAD), ("'results/closed-form'", "absolute path", "s3://")),
        (("launch", *NO_DATA, "model=./bert"), ("model", *NO_TRAVEL)),
        (("launch", *NO_DATA, "task.dataset.train=x.csv"), ("task.dataset.train", *NO_TRAVEL)),
        (("launch", *NO_DATA, "search.warm_start=[old]"), ("search.warm_start", *NO_TRAVEL)),
        (("launch", "closed-form", *HEAD, "--out", "ftp://bucket/x"), ("ftp://bucket/x",)),
        (("launch", "closed-form", *HEAD, "--out", "s3://bucket/x*"), ("s3://bucket/x*",)),
    ],
)
def test_invalid_launches_are_refused_before_anything_is_sent(
    cli: Command, tmp_path: Path, arguments: tuple[str, ...], words: tuple[str, ...]
) -> None:
    assert_refused(cli(*arguments), 2, *words)
    assert list(tmp_path.iterdir()) == []


def test_paths_that_every_node_sees_are_accepted() -> None:
    check_travels(load_config("imdb", ["model=/shared/bert", "search.warm_start=[s3://b/x]"]), "/x")
    check_travels(load_config("imdb"), "s3://bucket/imdb")


def test_a_token_is_found_where_ray_looks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("RAY_AUTH_MODE", "RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert find_token() is None
    file = tmp_path / ".ray" / "auth_token"
    file.parent.mkdir()
    file.write_text("own\n")
    assert (found := find_token()) is not None and found.text == "own"
    (tmp_path / "given").write_text("given")
    monkeypatch.setenv("RAY_AUTH_TOKEN_PATH", str(tmp_path / "given"))
    assert (found := find_token()) is not None and found.text == "given"
    monkeypatch.setenv("RAY_AUTH_TOKEN", "env")
    assert (found := find_token()) is not None and found == find_token()
    assert (found.text, found.source) == ("env", "RAY_AUTH_TOKEN")
    monkeypatch.setenv("RAY_AUTH_MODE", "disabled")
    assert find_token() is None


@pytest.mark.parametrize(
    ("status", "code", "ends"),
    [("SUCCEEDED", 0, 0), ("STOPPED", None, 143), ("FAILED", 3, 3), ("FAILED", 143, 143)],
)
def test_a_job_ends_as_its_driver_did(status: str, code: int | None, ends: int) -> None:
    assert _job(status, code).exit_code() == ends


@pytest.mark.parametrize(
    ("code", "said"), [(-9, "signal 9"), (137, "signal 9"), (127, "--python"), (None, "no disk")]
)
def test_a_lost_driver_is_an_error_with_its_cause(code: int | None, said: str) -> None:
    with pytest.raises(Exception, match=said) as error:
        _job("FAILED", code).exit_code()
    assert getattr(error.value, "exit_code", None) == 5


def _job(status: str, code: int | None) -> Job:
    told = {"submission_id": "sweep-x", "status": status, "metadata": {"prunesweep": "x"}}
    return Job.of({**told, "message": "some\nno disk", "driver_exit_code": code})
