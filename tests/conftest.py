"""What all tests share: no network, one thread, a cache of their own, one small task and model.

OMP_NUM_THREADS takes another number of threads, and ATEN_CPU_CAPABILITY=default or avx2 the kernels
of another processor: the tests hold with each, as sums may be taken in any order.

`make test` leaves out what is marked `slow`, and `make test-all` has everything. Both deal the
tests out to a process a core, by the file: fixtures of a module are made once. Nothing here imports
torch or Ray before a test needs it, so that `make check` takes seconds.
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
os.environ.setdefault("OMP_NUM_THREADS", "1")  # torch reads it when it is imported

# What a shell runs in the background inherits that Ctrl-C is ignored; some tests are about Ctrl-C.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# The same examples in every run, and no time limit on one: the machine may be busy.
settings.register_profile("steady", deadline=None, derandomize=True)
settings.load_profile("steady")


ON_RAY = ("tests/stories/",)
"""They share clusters and whole sweeps, and wait more than they compute: one process has them."""


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadFileScheduling:
    from xdist.scheduler import LoadFileScheduling

    class Dealt(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return "on Ray" if nodeid.startswith(ON_RAY) else str(super()._split_scope(nodeid))

    return Dealt(config, log)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """What takes longest is dealt first; who runs the tests one by one has the quick ones first."""
    if hasattr(config, "workerinput"):
        items.sort(key=lambda item: not item.nodeid.startswith(ON_RAY))


@pytest.fixture(autouse=True, scope="session")
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PRUNESWEEP_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache for this test alone."""
    monkeypatch.setenv("PRUNESWEEP_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def cli(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Command:
    """The `sweep` command in an empty folder."""
    from tests.harness.command import call

    monkeypatch.chdir(tmp_path)
    return partial(call, capsys)


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """One S3 server, which this process and those that it starts reach, from here on."""
    pytest.importorskip("moto")
    from tests.ledger.server import s3_server

    with s3_server() as server, pytest.MonkeyPatch.context() as patch:
        for name, value in server.environment.items():
            patch.setenv(name, value)
        yield server


@pytest.fixture(scope="session")
def model_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A BERT of two labels and its tokenizer. Not to be changed: copy it first."""
    from tests.harness import tiny

    return tiny.save(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="session")
def data_files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """A task's files, one a split. Not to be changed: copy them first."""
    from tests.harness import tiny

    folder = tmp_path_factory.mktemp("data")
    sizes = {"train": 64, "validation": 40, "test": 30}
    return {
        name: tiny.write(folder / f"{name}.jsonl", tiny.rows(size, seed))
        for seed, (name, size) in enumerate(sizes.items())
    }


@pytest.fixture(scope="session")
def make_bench(model_folder: Path, data_files: dict[str, str]) -> MakeBench:
    """Benches of the small task, or of another model and other files; sections of a config."""
    from sweep.compress.dense.bench import Workbench
    from tests.harness import tiny

    def make(
        model: Path | None = model_folder, files: Any = data_files, **sections: Any
    ) -> Workbench:
        return Workbench(tiny.make_config(model, files, **sections), "cpu")

    return make


@pytest.fixture(scope="session")
def bench(model_folder: Path, data_files: dict[str, str]) -> Workbench:
    """A workbench on the CPU, kept warm as in a worker: each trial resets its model."""
    from sweep.compress.dense.bench import Workbench
    from tests.harness import tiny

    return Workbench(tiny.make_config(model_folder, data_files), "cpu")
