"""A finetuned dense model stays with its sweep, and is what every machine goes on with."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from sweep.compress.dense.bench import Workbench
from sweep.compress.dense.ship import NOTE, digest, digest_of, drop, fetch, keep, kept
from sweep.config import SweepConfig
from sweep.errors import StorageError
from tests.harness import tiny

PARCEL = {
    "model": {"b": b"2", "a": b"1", NOTE: b"{}"},
    "qat-1": {"a": b"3", NOTE: b"{}"},
    "validation-1.json": {"validation-1.json": b"{}"},
}


@pytest.fixture
def dense(tmp_path: Path) -> Path:
    return tmp_path / "sweep" / "dense"


def test_what_was_kept_comes_back(dense: Path) -> None:
    assert kept(dense) is None
    keep(dense, PARCEL)
    assert kept(dense) == digest(PARCEL)
    assert fetch(dense, digest(PARCEL)) == PARCEL


def test_its_name_is_the_digest_of_the_weights_alone(tmp_path: Path) -> None:
    models = {entry: files for entry, files in PARCEL.items() if NOTE in files}
    for entry, files in models.items():
        (tmp_path / entry).mkdir()
        for name, data in files.items():
            (tmp_path / entry / name).write_bytes(data)
    assert digest(PARCEL) == digest_of(tmp_path, list(models)) == digest(models)
    assert digest(PARCEL) != digest({**PARCEL, "model": {**PARCEL["model"], "a": b"0"}})
    assert digest(PARCEL) != digest({**PARCEL, "qat-1": {**PARCEL["qat-1"], "a": b"0"}})


def test_nothing_is_kept_of_a_model_that_was_not_finetuned(dense: Path) -> None:
    keep(dense, {"validation-1.json": {"validation-1.json": b"{}"}})
    assert kept(dense) is None and not dense.exists()


@pytest.mark.parametrize("damage", [b"", b"no tar", b"\0" * 10240])
def test_a_damaged_one_is_told(dense: Path, damage: bytes) -> None:
    keep(dense, PARCEL)
    (dense / f"{digest(PARCEL)}.tar").write_bytes(damage)
    with pytest.raises(StorageError, match="dense model"):
        fetch(dense, digest(PARCEL))


def test_dropping_it_leaves_what_is_not_ours(dense: Path) -> None:
    keep(dense, PARCEL)
    drop(dense)
    assert not dense.exists()
    keep(dense, PARCEL)
    (dense / "notes.tar").touch()
    drop(dense)
    assert kept(dense) is None and [file.name for file in dense.iterdir()] == ["notes.tar"]


@pytest.fixture
def config(model_folder: Path, data_files: dict[str, str]) -> SweepConfig:
    return tiny.make_config(model_folder, data_files, baseline={"epochs": 1})


def on_machine(
    number: int, config: SweepConfig, monkeypatch: pytest.MonkeyPatch, root: Path
) -> Workbench:
    """A bench of a machine with a cache of its own."""
    monkeypatch.setenv("PRUNESWEEP_CACHE", str(root / str(number)))
    return Workbench(config, "cpu")


def same(one: Mapping[str, torch.Tensor], two: Mapping[str, torch.Tensor]) -> bool:
    return one.keys() == two.keys() and all(torch.equal(one[name], two[name]) for name in one)


def test_another_machine_takes_the_sweeps_whatever_its_cache_has(
    config: SweepConfig, dense: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    first = on_machine(1, config, monkeypatch, tmp_path)
    figures = first.baseline()
    keep(dense, first.pack())
    second = on_machine(2, config, monkeypatch, tmp_path)
    second.adopt(dense)
    assert second.folder.name == first.folder.name  # the next sweep there need not finetune
    assert same(second.dense.weights, first.dense.weights) and second.baseline() == figures

    other = on_machine(3, config, monkeypatch, tmp_path)
    assert same(other.dense.weights, first.dense.weights)  # the same machine, to tell the truth
    file = other.folder / "model" / "model.safetensors"
    save_file({name: w + 1 for name, w in load_file(file).items()}, file, {"format": "pt"})
    third = on_machine(3, config, monkeypatch, tmp_path)
    third.adopt(dense)
    assert same(third.dense.weights, first.dense.weights) and third.baseline() == figures
    own = on_machine(3, config, monkeypatch, tmp_path)
    assert own.folder != third.folder and not same(own.dense.weights, first.dense.weights)


def test_models_finetuned_on_a_grid_are_kept_too(
    model_folder: Path,
    data_files: dict[str, str],
    dense: Path,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    quantization = {"scheme": "int8", "epochs": 1, "learning_rate": 1e-3}
    made = tiny.make_config(model_folder, data_files, baseline={"quantization": quantization})
    first = on_machine(1, made, monkeypatch, tmp_path)
    figures, grid = first.baseline(), first.grid(None)
    keep(dense, first.pack())
    second = on_machine(2, made, monkeypatch, tmp_path)
    second.adopt(dense)
    assert same(second.models.get(grid).weights, first.models.get(grid).weights)
    assert second.baseline() == figures
    # another machine's cache has another one
    other = on_machine(3, made, monkeypatch, tmp_path)
    other.baseline()
    file = other.folder / other.trained[0] / "model.safetensors"
    save_file({name: w + 1 for name, w in load_file(file).items()}, file, {"format": "pt"})
    third = on_machine(3, made, monkeypatch, tmp_path)
    third.adopt(dense)
    assert same(third.models.get(grid).weights, first.models.get(grid).weights)


def test_a_sweep_that_keeps_none_changes_nothing(
    config: SweepConfig, dense: Path, model_folder: Path, data_files: dict[str, str]
) -> None:
    bench = Workbench(config, "cpu")
    before = bench.folder
    bench.adopt(dense)
    assert bench.folder == before and not (before / "model").exists()
    keep(dense, PARCEL)  # of a config that was another: not for one that finetunes nothing
    as_it_is = Workbench(tiny.make_config(model_folder, data_files), "cpu")
    as_it_is.adopt(dense)
    assert not (as_it_is.folder / "model").exists()
