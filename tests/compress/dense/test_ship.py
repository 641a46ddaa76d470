"""Dense models packed on one machine and unpacked on another, atomically and only if needed.

The sweep keeps a finetuned dense model, and every machine of the sweep uses that model.
"""

from __future__ import annotations

import io
import tarfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file, save_file
from torch import Tensor

from sweep.compress.dense.bench import Workbench
from sweep.compress.dense.ship import (
    NOTE,
    Shipped,
    delete_packed,
    digest,
    digest_of,
    find_packed,
    pack,
    save_packed,
    unpack,
)
from sweep.errors import StorageError
from sweep.ledger.store import Store, store_at
from tests.harness.benches import MakeBench, nothing_is_made
from tests.harness.trials import same

MODELS = ("model", "qat-1")
FILES = {
    **{f"{model}/{file}": f"{model}'s {file}" for model in MODELS for file in ("b", "a", NOTE)},
    "validation-1.json": "{}",
    ".model.lock": "",
}


@pytest.fixture
def made(tmp_path: Path) -> Path:
    return write(tmp_path / "made", FILES)


def write(folder: Path, files: Mapping[str, str]) -> Path:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


def contents(folder: Path) -> dict[str, str]:
    files = [file for file in folder.rglob("*") if file.is_file()]
    return {str(file.relative_to(folder)): file.read_text() for file in files}


def test_unpacking_restores_all_but_locks_and_excluded_entries(made: Path, tmp_path: Path) -> None:
    unpack(tmp_path / "other", lambda: pack(made), "model")
    there = {name: text for name, text in FILES.items() if name != ".model.lock"}
    assert contents(tmp_path / "other") == there
    unpack(tmp_path / "less", lambda: pack(made, leave={"qat-1"}), "model")
    assert set(there) - set(contents(tmp_path / "less")) == {"qat-1/a", "qat-1/b", f"qat-1/{NOTE}"}


def test_existing_entries_stay_and_the_packed_file_is_not_read(made: Path, tmp_path: Path) -> None:
    other = write(tmp_path / "other", {"validation-1.json": "[1]"})
    unpack(other, lambda: pack(made), "model")
    assert contents(other)["validation-1.json"] == "[1]" and contents(other)["model/a"]
    for needed in ("model", "validation-1.json"):
        unpack(other, lambda: pytest.fail("it is there"), needed)


@pytest.mark.parametrize("empty", ["a folder", "a bench without a model"])
def test_an_empty_pack_unpacks_to_nothing_and_has_no_digest(tmp_path: Path, empty: str) -> None:
    packed = pack(tmp_path / "nothing") if empty == "a folder" else b""
    unpack(tmp_path / "other", lambda: packed, "model")
    assert contents(tmp_path / "other") == {} and digest(packed) is None


def test_entries_with_paths_outside_the_folder_are_ignored(tmp_path: Path) -> None:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as tar:
        for name in ("../out", "model/../../out", "/model/out", "model/..", "model/a"):
            tar.addfile(tarfile.TarInfo(name))
    unpack(tmp_path / "folder" / "dense", stream.getvalue, "model")
    assert set(contents(tmp_path)) == {"folder/dense/model/a"}


def test_the_digest_depends_only_on_finetuned_weights(made: Path, tmp_path: Path) -> None:
    whole = digest(pack(made))
    assert whole == digest_of(made, MODELS) == digest(pack(made, leave={"validation-1.json"}))
    changed = [{**FILES, f"{model}/a": "0"} for model in MODELS]
    for number, files in enumerate(changed):
        assert digest(pack(write(tmp_path / str(number), files))) != whole


@pytest.fixture
def dense(tmp_path: Path) -> Store:
    return store_at(tmp_path / "sweep" / "dense")


def of_sweep(dense: Store) -> Shipped:
    found = find_packed(dense)
    assert found is not None
    return found


def test_packed_models_are_saved_and_found(made: Path, dense: Store) -> None:
    save_packed(dense, b"")  # a task without a model
    assert find_packed(dense) is None and dense.children() == []
    figures = pack(made, leave=MODELS)
    save_packed(dense, figures)
    assert of_sweep(dense).digest is None and of_sweep(dense).read() == figures
    delete_packed(dense)
    save_packed(dense, pack(made))
    found = of_sweep(dense)
    assert found.digest == digest(pack(made)) and found.read() == pack(made)
    assert dense.children() == [f"{found.digest}.tar"]


@pytest.mark.parametrize("damage", [b"", b"no tar", b"\0" * 10240])
def test_a_damaged_packed_model_is_a_storage_error(made: Path, dense: Store, damage: bytes) -> None:
    save_packed(dense, pack(made))
    found = of_sweep(dense)
    (dense / f"{found.digest}.tar").write_bytes(damage)
    with pytest.raises(StorageError, match="dense model"):
        found.read()


def test_deleting_packed_models_leaves_other_files(made: Path, dense: Store) -> None:
    save_packed(dense, pack(made))
    delete_packed(dense)
    assert dense.name not in dense.parent.children()
    save_packed(dense, pack(made))
    (dense / "notes.tar").write_bytes(b"")
    delete_packed(dense)
    assert find_packed(dense) is None and dense.children() == ["notes.tar"]


ON_GRID = {"scheme": "int8", "epochs": 1, "learning_rate": 1e-3}


SOME_ON_GRIDS = {
    "baseline": {"quantization": ON_GRID},
    "space": {"quantization": ["none", "fixed", "int8"]},
}


@pytest.mark.parametrize(
    ("sections", "models"), [({"baseline": {"epochs": 1}}, 1), (SOME_ON_GRIDS, 2)]
)
def test_another_machine_uses_the_sweeps_model_whatever_its_cache_holds(
    make_bench: MakeBench,
    dense: Store,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    sections: dict[str, Any],
    models: int,
) -> None:
    def on_machine(number: int) -> Workbench:
        """A bench on a machine with its own cache."""
        monkeypatch.setenv("PRUNESWEEP_CACHE", str(tmp_path / str(number)))
        return make_bench(**sections)

    def trained(bench: Workbench) -> dict[str, Tensor]:
        return bench.models.get(bench.grid(None)).weights

    first = on_machine(1)
    figures = first.baseline()
    save_packed(dense, first.pack())
    shipped = of_sweep(dense)
    second = on_machine(2)
    second.adopt(shipped)
    # The next sweep on this machine need not finetune.
    assert second.models.folder.name == first.models.folder.name
    made = {path.name for path in second.models.folder.iterdir() if path.is_dir()}
    assert made == set(first.trained) and len(made) == models
    with nothing_is_made(tmp_path / "2" / "dense"):
        second.pack()
        assert same(trained(second), trained(first)) and second.baseline() == figures
    second.adopt(replace(shipped, read=lambda: pytest.fail("it is there already")))

    other = on_machine(3)
    assert same(trained(other), trained(first))  # one real machine, so the same weights
    for file in other.models.folder.glob("*/model.safetensors"):
        save_file({name: w + 1 for name, w in load_file(file).items()}, file, {"format": "pt"})
    third = on_machine(3)
    third.adopt(shipped)
    assert same(trained(third), trained(first)) and third.baseline() == figures
    own = on_machine(3)
    assert own.models.folder != third.models.folder and not same(trained(own), trained(first))


def test_models_packed_under_another_config_are_ignored(make_bench: MakeBench, made: Path) -> None:
    """The two configs differ in whether they finetune."""
    for bench, leave in ((make_bench(baseline={"epochs": 1}), MODELS), (make_bench(), ())):
        before, packed = bench.models.folder, pack(made, leave)
        bench.adopt(Shipped(digest(packed), lambda packed=packed: packed))
        assert bench.models.folder == before
        assert not any((before / name).exists() for name in (*MODELS, "validation-1.json"))
