"""Shared settings and fixtures: no network, one thread, a separate cache, a small task and model.

OMP_NUM_THREADS sets another number of threads, and ATEN_CPU_CAPABILITY=default or avx2 selects the
kernels of another processor. The tests must pass with any of them, whatever the order of sums.

`make test` leaves out tests marked `slow`; `make test-all` runs all tests. Both distribute files of
tests over one process per core, so that fixtures of a module are made once. This module imports
torch and Ray only when a test needs them, so that `make check` takes seconds.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import settings

if TYPE_CHECKING:
    from xdist.remote import Producer
    from xdist.scheduler import LoadFileScheduling

    from sweep.compress.dense.bench import Workbench
    from tests.harness.benches import MakeBench
    from tests.harness.command import Command
    from tests.ledger.server import Server

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["HF_DATASETS_OFFLINE"] = "1"
os.environ.setdefault("OMP_NUM_THREADS", "1")  # torch reads it at import

# A background process of a shell ignores SIGINT, but some tests need Ctrl-C to work.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# Use the same examples in every run, without a time limit: the machine may be busy.
settings.register_profile("steady", deadline=None, derandomize=True)
settings.load_profile("steady")


ON_RAY = ("tests/stories/",)
"""Tests that share clusters and sweeps and mostly wait: one process runs all of them."""


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadFileScheduling:
    from xdist.scheduler import LoadFileScheduling

    class Scheduling(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return "on Ray" if nodeid.startswith(ON_RAY) else str(super()._split_scope(nodeid))

    return Scheduling(config, log)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Start with the longest tests if several processes run them, else with the quick ones."""
    if hasattr(config, "workerinput"):
        items.sort(key=lambda item: not item.nodeid.startswith(ON_RAY))


@pytest.fixture(autouse=True, scope="session")
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PRUNESWEEP_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture
def own_registries() -> Iterator[None]:
    """What a test registers is forgotten after it."""
    from sweep.registry import REGISTRIES

    before = {name: registry.added() for name, registry in REGISTRIES.items()}
    yield
    for name, registry in REGISTRIES.items():
        for thing in set(registry.added()) - set(before[name]):
            del registry._things[thing]


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache for this test only."""
    monkeypatch.setenv("PRUNESWEEP_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def cli(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Command:
    """Run the `sweep` command in an empty folder."""
    from tests.harness.command import call

    monkeypatch.chdir(tmp_path)
    return partial(call, capsys)


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """An S3 server that this process and its child processes can reach."""
    pytest.importorskip("moto")
    from tests.ledger.server import s3_server

    with s3_server() as server, pytest.MonkeyPatch.context() as patch:
        for name, value in server.environment.items():
            patch.setenv(name, value)
        yield server


@pytest.fixture(scope="session")
def model_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A BERT with two labels and its tokenizer. Tests must not change it."""
    from tests.harness import tiny

    return tiny.save(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="session")
def data_files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The files of a task, one per split. Tests must not change them."""
    from tests.harness import tiny

    folder = tmp_path_factory.mktemp("data")
    sizes = {"train": 64, "validation": 40, "test": 30}
    parts = tiny.splits(sizes)
    return {name: tiny.write(folder / f"{name}.jsonl", part) for name, part in parts.items()}


@pytest.fixture(scope="session")
def make_bench(model_folder: Path, data_files: dict[str, str]) -> MakeBench:
    """Make benches of the small task, with another model, other files or other config sections."""
    from sweep.compress.dense.bench import Workbench
    from tests.harness import tiny

    def make(
        model: Path | None = model_folder, files: Any = data_files, **sections: Any
    ) -> Workbench:
        return Workbench(tiny.make_config(model, files, **sections), "cpu")

    return make


@pytest.fixture(scope="session")
def bench(model_folder: Path, data_files: dict[str, str]) -> Workbench:
    """A workbench on the CPU, shared by trials as in a worker: each trial resets its model."""
    from sweep.compress.dense.bench import Workbench
    from tests.harness import tiny

    return Workbench(tiny.make_config(model_folder, data_files), "cpu")
