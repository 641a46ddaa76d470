"""Checkpoints, probes, and the messages about stores that cannot be used."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sweep.cluster.retention import Retention
from sweep.errors import StorageError
from sweep.ledger import checkpoint
from sweep.ledger.folder import marked, probe
from sweep.ledger.store_errors import retry
from sweep.ledger.store_objects import ObjectStore
from tests.harness.command import Command, Done, assert_refused
from tests.ledger.server import Server, s3_server, s3fs

THERE = "s3://bucket/x"
OBJECTIVES = {"accuracy": "max", "sparsity": "max"}


def state(epoch: int) -> dict[str, Any]:
    return {
        "epoch": epoch,
        "seconds": 1.5,
        "model": {"w": np.full((2, 2), float(epoch))},
        "masks": {"w": np.array([[True, False], [False, True]])},
        "activations": {},
        "optimizer": {0: {"step": np.array(3.0)}},
    }


def save(root: ObjectStore, epoch: int, trial: str = "t00000") -> ObjectStore:
    folder = checkpoint.epoch_folder(root, trial, epoch)
    checkpoint.save(folder, state(epoch), {"seed": epoch})
    return folder


def epoch_of(root: ObjectStore, most: int = 9999) -> int | None:
    found = checkpoint.latest(root, "t00000", most)
    return None if found is None else int(found[0]["epoch"])


def test_complete_checkpoints_are_loaded_and_damaged_ones_are_skipped(
    sweep: ObjectStore,
) -> None:
    assert epoch_of(sweep) is None
    for epoch in (1, 2, 3, 4, 5):
        loaded = checkpoint.load(save(sweep, epoch))
        assert loaded is not None
        found, note = loaded
        assert (found["epoch"], note["seed"]) == (epoch, epoch)
        assert np.array_equal(found["model"]["w"], state(epoch)["model"]["w"])
        assert np.array_equal(found["masks"]["w"], state(epoch)["masks"]["w"])
        assert found["optimizer"][0]["step"] == 3.0
    (
        checkpoint.epoch_folder(sweep, "t00000", 5) / "trial.json"
    ).remove()  # the upload was interrupted
    (checkpoint.epoch_folder(sweep, "t00000", 4) / "masks.safetensors").remove()
    (checkpoint.epoch_folder(sweep, "t00000", 3) / "model.safetensors").write_bytes(b"other")
    assert epoch_of(sweep) == 2
    assert epoch_of(sweep, most=1) == 1
    save(sweep, 4)
    assert epoch_of(sweep) == 4
    checkpoint.drop_older(sweep, "t00000", 4)
    assert {name.split("/")[1] for name in sweep.names()} == {"epoch-0004", "epoch-0005"}


@pytest.mark.parametrize("trials", [2, 20])
def test_retention_deletes_checkpoints_that_nothing_needs(sweep: ObjectStore, trials: int) -> None:
    retention = Retention(sweep, OBJECTIVES)
    for number in range(trials):
        name = f"t{number:05d}"
        for epoch in (1, 2):
            save(sweep, epoch, name)
            figures = {"accuracy": 0.5 + number + (epoch == 1) / 2, "sparsity": 0.5 - number}
            retention.apply(
                {"event": "record", "trial_id": name, "epoch": epoch, "partial": False, **figures}
            )
        if number:
            retention.apply({"event": "end", "trial_id": name, "status": "completed"})
    save(sweep, 3, "t00001")  # its worker died before it reported the epoch
    retention.tidy()
    retention.close()
    files = ["masks.safetensors", "model.safetensors", "trial.json"]
    running = sorted([*files, "optimizer.safetensors"])
    wanted = {f"t00000/epoch-000{epoch}/{name}" for epoch in (1, 2) for name in running}
    wanted |= {f"t{n:05d}/epoch-0001/{name}" for n in range(1, trials) for name in files}
    assert set(sweep.names()) == wanted


@pytest.mark.slow
def test_a_probe_finds_a_marker_and_leaves_no_files(s3_sweep: ObjectStore, tmp_path: Path) -> None:
    for where in (str(s3_sweep), str(tmp_path)):
        probe(where)
        with marked(where) as mark:
            probe(where, mark)
        with pytest.raises(StorageError, match="is not the same place"):
            probe(where, mark)
    assert s3_sweep.names() == [] and list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_missing_folders_and_buckets_are_reported(server: Server, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for name in ("nowhere", "file"):
        with pytest.raises(StorageError, match=rf"no folder .*{name}; on a cluster it must be"):
            probe(str(tmp_path / name))
    there = "s3://no-such-bucket/sweeps"
    for look in (probe, lambda there: ObjectStore.at(there).names()):
        with pytest.raises(StorageError, match="there is no bucket 'no-such-bucket'"):
            look(there)


Run = Callable[..., Done]


@pytest.fixture
def run_with(cli: Command, monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    """Run a command with these environment variables and no others that begin with AWS_."""

    def call(environment: dict[str, str], *arguments: str) -> Done:
        s3fs.S3FileSystem.clear_instance_cache()  # it reads the environment only once
        for name in [name for name in os.environ if name.startswith("AWS_")]:
            monkeypatch.delenv(name)
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        return cli(*arguments)

    yield call
    s3fs.S3FileSystem.clear_instance_cache()


@pytest.mark.slow
def test_bad_credentials_and_an_unreachable_store_are_reported(run_with: Run) -> None:
    run, status = ("run", "closed-form", "--out", THERE), ("status", THERE)
    with s3_server() as server:
        server.demand_keys()
        for arguments in (run, status):
            done = run_with(server.environment, *arguments)
            assert_refused(done, 6, "the store refused", "check the credentials")
        without = {k: v for k, v in server.environment.items() if "KEY" not in k}
        assert_refused(
            run_with(without, *run), 6, "no credentials were found; set AWS_ACCESS_KEY_ID"
        )
    started = time.monotonic()
    assert_refused(run_with(server.environment, *run), 6, "cannot be reached")
    assert time.monotonic() - started < 30


@pytest.mark.parametrize(
    "arguments",
    [
        ("run", "closed-form", "--out", THERE),
        *(("report", *places) for places in ([THERE], [THERE, THERE])),
        *((command, THERE) for command in ("resume", "status", "front", "confirm")),
        pytest.param(("export", THERE, "--to", "model", "--knee"), marks=pytest.mark.slow),  # torch
        ("run", "closed-form", f"search.warm_start=[{THERE}]", "--out"),
    ],
    ids=lambda arguments: " ".join(arguments)[:20],
)
def test_a_missing_package_is_named_by_every_command(
    arguments: tuple[str, ...], tmp_path: Path, cli: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    """This is bad usage (exit code 2), not a storage problem."""
    from fsspec.registry import _registry

    monkeypatch.setitem(sys.modules, "s3fs", None)
    monkeypatch.delitem(_registry, "s3", raising=False)  # if an earlier test used it
    own = ("folder",) if arguments[-1] == "--out" else ()
    done = cli(*arguments, *own)
    assert_refused(done, 2, "s3:// addresses need s3fs", "pip install 'prunesweep[s3]'")
    assert not list(tmp_path.iterdir())


def test_only_transient_errors_are_retried() -> None:
    from botocore.exceptions import ClientError, EndpointConnectionError

    busy = ClientError({"Error": {"Code": "SlowDown", "Message": "slow down"}}, "PutObject")
    gone = EndpointConnectionError(endpoint_url="http://127.0.0.1:1")
    refused = PermissionError("not you")
    left: list[Exception] = [busy, gone]

    def fail_twice() -> str:
        if left:
            raise left.pop(0)
        return "done"

    assert retry(fail_twice, 30.0) == "done"
    left[:] = [refused, busy]
    with pytest.raises(PermissionError):
        retry(fail_twice, 30.0)
    with pytest.raises(ClientError):
        retry(fail_twice, 0.0)
