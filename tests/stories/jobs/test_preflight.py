"""Errors before the first trial: tokens, addresses, and a node that differs from the others."""

from __future__ import annotations

import ctypes
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

import sweep
from sweep.cluster.connect import connection_error
from tests.faults.verdict import Done
from tests.harness.launched import HANGS, SHARED, write_config
from tests.harness.nodes import Cluster, free_ports
from tests.harness.sweeps import Whole

pytestmark = pytest.mark.slow

NOBODY = 65534
CAP_DAC_OVERRIDE = 1
PR_CAPBSET_DROP = 24
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can take rights from a node")


@pytest.fixture(scope="module")
def shared() -> Iterator[Path]:
    """A folder with two folders of another user, a and b, which only root can write to."""
    with TemporaryDirectory(**SHARED) as root:
        for name in ("a", "b"):
            (Path(root) / name).mkdir(mode=0o755)
            if os.geteuid() == 0:
                os.chown(Path(root) / name, NOBODY, NOBODY)
        yield Path(root)


@pytest.fixture(scope="module")
def odd(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a node with another prunesweep, which cannot write to the shared folder."""
    tree = tmp_path_factory.mktemp("other")
    for package in ("sweep", "analysis"):
        shutil.copytree(Path(sweep.__file__).parent.parent / package, tree / package)
    (tree / "sweep" / "__init__.py").write_text('__version__ = "0.0.9"\n')
    node = cluster.add(prepare=_lose_rights, PYTHONPATH=str(tree)).wait()
    yield node.address
    node.kill()


def _lose_rights() -> None:
    """Drop root's right to write everywhere, for this process and its children."""
    if os.geteuid() == 0:
        ctypes.CDLL(None).prctl(PR_CAPBSET_DROP, CAP_DAC_OVERRIDE, 0, 0, 0)


@pytest.fixture(scope="module")
def told(
    cluster: Cluster, odd: str, shared: Path, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Done]:
    """The result of each command; they run at the same time."""
    root = tmp_path_factory.mktemp("told")
    config = write_config(root / "tiny.yaml", 4, task={"dataset": "closed-form"})
    files = root / "files.yaml"
    files.write_text(json.dumps({"name": "files", "model": "/no/model", "task": {"dataset": {
        "train": "/no/train.csv", "validation": str(config)}}}))  # fmt: skip
    good, bad = {"RAY_AUTH_TOKEN": cluster.token}, {"RAY_AUTH_TOKEN": "wrong"}
    own, at, jobs = root / "results", ("--address", cluster.address), ("--address", cluster.url)
    commands = {
        "odd": (good, "run", config, "--out", shared / "a", *at),
        "files": (good, "run", files, "--out", own / "files", *at),
        "wrong": (bad, "run", config, "--out", own / "wrong", *at),
        "none": ({}, "run", config, "--out", own / "none", *at),
        "off": ({**good, "RAY_AUTH_MODE": "disabled"}, "run", config, "--out", own / "off", *at),
        "web": (good, "run", config, "--out", own / "web", "--address", cluster.url[7:]),
        "nobody": (good, "run", config, "--out", own / "no", "--address",
                   f"127.0.0.1:{free_ports(1)[0]}"),
        "launched": (good, "launch", config, "name=odd", "--out", shared / "b", *jobs),
        "launched wrong": (bad, "launch", config, "--out", own / "wrong", *jobs),
        "launched none": ({}, "launch", config, "--out", own / "none", *jobs),
    }  # fmt: skip
    running = [
        Whole(root, root / name, *given, env=env) for name, (env, *given) in commands.items()
    ]
    return {name: one.end(HANGS) for name, one in zip(commands, running, strict=True)}


@as_root
def test_a_node_with_another_version_is_refused(
    told: dict[str, Done], odd: str, shared: Path
) -> None:
    version = f"node {odd}: has prunesweep 0.0.9"
    storage = f"node {odd}: cannot write to {shared / 'a'}: Permission denied"
    driver = f"the driver has {sweep.__version__}"
    assert told["odd"].wrong(5, "error: 2 problems", version, driver, storage) == ""


@as_root
def test_storage_that_one_node_cannot_write_is_refused(
    told: dict[str, Done], odd: str, shared: Path
) -> None:
    """A launched sweep has its own source, so storage is its only problem."""
    storage = f"error: node {odd}: cannot write to {shared / 'b'}: Permission denied"
    assert told["launched"].wrong(6, storage) == ""


def test_files_that_no_node_sees_are_refused(told: dict[str, Done]) -> None:
    """The third problem is the version of the odd node."""
    words = ("does not see model, /no/model", "does not see task.dataset.train, /no/train.csv")
    assert told["files"].wrong(5, "error: 3 problems", "nodes ", *words) == ""


def test_a_missing_or_wrong_token_is_refused(told: dict[str, Done]) -> None:
    """Ray prints its own warning before the message; it cannot be turned off."""
    how = "set RAY_AUTH_TOKEN to the cluster's token"
    assert told["wrong"].wrong(5, f"refused the token from RAY_AUTH_TOKEN: {how}") == ""
    assert told["none"].wrong(5, f"demands a token, and none was found: {how}") == ""
    assert told["launched wrong"].wrong(5, "error: ", "refused the token from RAY_AUTH_TOKEN") == ""
    assert told["launched none"].wrong(5, "error: ", "demands a token", "~/.ray/auth_token") == ""
    assert told["off"].wrong(5, "none was found (RAY_AUTH_MODE is disabled)") == ""


def test_addresses_without_a_ray_head_are_refused(told: dict[str, Done]) -> None:
    assert told["web"].wrong(5, "is not a Ray head") == ""
    assert told["nobody"].wrong(5, "error: nothing answers", "Connection refused") == ""


def test_a_refused_sweep_leaves_nothing_behind(told: dict[str, Done], shared: Path) -> None:
    assert told and [path for path in shared.rglob("*") if path.is_file()] == []


def test_rays_message_about_versions_is_kept_whole() -> None:
    text = "Version mismatch: The cluster was started with:\n    Ray: 2.5\n    Python: 3.9\n"
    text += "This process on node x was started with:\n    Ray: 2.60\n    Python: 3.11\n"
    found = connection_error(RuntimeError(text))
    assert "Ray: 2.5 Python: 3.9" in found and "Ray: 2.60 Python: 3.11" in found
    assert connection_error(RuntimeError("one\ntwo")) == "one"
