"""Dense models packed on one machine and unpacked on another, atomically and only if needed.

The sweep keeps a finetuned dense model, and every machine of the sweep uses that model.
"""

from __future__ import annotations

import io
import re
import tarfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file, save_file
from torch import Tensor

from sweep.compress.dense import ship
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

MODELS = ("model", "qat-0123456789abcdef")
FILES = {
    **{f"{model}/model.safetensors": f"weights of {model}" for model in MODELS},
    **{f"{model}/config.json": "{}" for model in MODELS},
    **{f"{model}/{NOTE}": '{"train_seconds": 1.5}' for model in MODELS},
}
BESIDE = {
    "validation-0123456789abcdef.json": "{}",
    ".model.lock": "",
    "qat-1/a": "not of this sweep",
}


@pytest.fixture
def made(tmp_path: Path) -> Path:
    return write(tmp_path / "made", FILES | BESIDE)


def write(folder: Path, files: Mapping[str, str]) -> Path:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


def contents(folder: Path) -> dict[str, str]:
    files = [file for file in folder.rglob("*") if file.is_file()]
    return {str(file.relative_to(folder)): file.read_text("latin1") for file in files}


def shipped(packed: bytes) -> Shipped:
    return Shipped(digest(packed), lambda: packed)


def tar(*items: tuple[tarfile.TarInfo, bytes], mode: str = "w") -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode=mode) as file:  # type: ignore[call-overload]
        for item, data in items:
            item.size = len(data)
            file.addfile(item, io.BytesIO(data))
    return stream.getvalue()


def item(name: str, kind: bytes = tarfile.REGTYPE, target: str = "") -> tarfile.TarInfo:
    found = tarfile.TarInfo(name)
    found.type, found.linkname = kind, target
    return found


GOOD = [(item(name), text.encode()) for name, text in FILES.items() if name.startswith("model/")]


def test_unpacking_restores_the_models_and_nothing_else(made: Path, tmp_path: Path) -> None:
    unpack(tmp_path / "other", shipped(pack(made, MODELS)), MODELS)
    assert contents(tmp_path / "other") == FILES
    unpack(tmp_path / "less", shipped(pack(made, MODELS[:1])), MODELS[:1])
    assert {Path(name).parts[0] for name in contents(tmp_path / "less")} == {"model"}
    unpack(tmp_path / "less", Shipped("", lambda: pytest.fail("it is there")), MODELS[:1])
    with pytest.raises(
        StorageError, match="dense models model, but its config asks for model, qat"
    ):
        unpack(tmp_path / "more", shipped(pack(made, MODELS[:1])), MODELS)
    assert not (tmp_path / "more").exists()


def test_measurements_that_older_versions_packed_are_ignored(tmp_path: Path) -> None:
    names = ("validation-0123456789abcdef.json", "teacher-0123456789abcdef.npy")
    old = tar(*GOOD, *((item(f"{name}/{name}"), b"poison") for name in names))
    assert digest(old) == digest(tar(*GOOD))
    unpack(tmp_path, shipped(old), ["model"])
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


NOTE_ITEM = item(f"model/{NOTE}")


@pytest.mark.parametrize(
    ("packed", "reason"),
    [
        *((tar(*GOOD, (item(name), b"")), re.escape(f"has the file {name!r}")) for name in (
            "../out", "model/../../out", "/model/out", "model/..", "out", "model/code.py",
            "model/pytorch_model.bin", "model/training_args.pkl", "model/adapter_config.json",
            "model/model.safetensors.index.json", "validation-0123456789abcdef.json/other",
        )),
        *((tar((item("model/config.json", kind, "/etc"), b"")), "not a plain file") for kind in (
            tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE,
            tarfile.DIRTYPE, tarfile.GNUTYPE_SPARSE,
        )),
        (tar(*GOOD, *GOOD[:1]), "twice"),
        (tar((item("teacher-0123456789abcdef.npy/x"), b"")), "allowed: model.safetensors"),
        (tar(*GOOD, mode="w:gz"), "no tar file, or it is damaged"),
        (tar(*GOOD, mode="w:xz"), "no tar file, or it is damaged"),
        (tar(*GOOD)[:700], "no tar file, or it is damaged"),
        (b"no tar", "no tar file, or it is damaged"),
        *((tar(*GOOD[:2], (NOTE_ITEM, note)), f"{NOTE} is damaged") for note in (
            b"", b"[]", b"{}", b'{"train_seconds": NaN}', b'{"train_seconds": -1}', b"[" * 10**5,
            b'{"train_seconds": "x"}', b'{"train_seconds": 1e999}',
        )),
        (tar(*GOOD[:2]), f"{NOTE} is damaged"),
    ],
)  # fmt: skip
def test_an_archive_with_anything_else_is_refused(
    dense: Store, tmp_path: Path, packed: bytes, reason: str
) -> None:
    (dense / "0123456789abcdef.tar").write_bytes(packed)
    before = contents(tmp_path)
    with pytest.raises(StorageError, match=rf"cannot read .*0123456789abcdef.tar: .*{reason}"):
        unpack(tmp_path / "cache", of_sweep(dense), ["model"])
    assert contents(tmp_path) == before


def test_archives_are_bounded(made: Path, dense: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ship, "MOST", 2)
    with pytest.raises(StorageError, match="more than 2 files"):
        digest(tar(*GOOD))
    monkeypatch.undo()
    monkeypatch.setattr(ship, "LARGEST_TEXT", 10)
    with pytest.raises(StorageError, match=rf"'model/{NOTE}' has 22 bytes; allowed: at most 10"):
        digest(tar(*GOOD))
    with pytest.raises(StorageError, match=r"cannot be saved for other machines: .*at most 10"):
        pack(made, MODELS)
    monkeypatch.setattr(ship, "LARGEST", 100)
    (dense / "0123456789abcdef.tar").write_bytes(bytes(1000))
    with pytest.raises(StorageError, match="has 1,000 bytes; allowed: at most 110"):
        of_sweep(dense).read()


def test_the_digest_depends_only_on_finetuned_weights(made: Path, tmp_path: Path) -> None:
    whole = digest(pack(made, MODELS))
    assert whole == digest_of(made, MODELS)
    assert digest_of(made, [*MODELS, "qat-2"]) is None
    changed = [{**FILES, f"{model}/model.safetensors": "0"} for model in MODELS]
    for number, files in enumerate(changed):
        assert digest(pack(write(tmp_path / str(number), files), MODELS)) != whole


@pytest.fixture
def dense(tmp_path: Path) -> Store:
    return store_at(tmp_path / "sweep" / "dense")


def of_sweep(dense: Store) -> Shipped:
    found = find_packed(dense)
    assert found is not None
    return found


def test_packed_models_are_saved_and_found(made: Path, dense: Store) -> None:
    save_packed(dense, pack(made, []))  # nothing was finetuned
    assert find_packed(dense) is None and dense.children() == []
    save_packed(dense, pack(made, MODELS))
    found = of_sweep(dense)
    assert found.digest == digest(pack(made, MODELS)) and found.read() == pack(made, MODELS)
    assert dense.children() == [f"{found.digest}.tar"]


def test_a_packed_model_with_another_name_is_damaged(made: Path, dense: Store) -> None:
    (dense / "0123456789abcdef.tar").write_bytes(pack(made, MODELS))
    with pytest.raises(StorageError, match=r"dense model is damaged: the content of .* not match"):
        of_sweep(dense).read()


def test_deleting_packed_models_leaves_other_files(made: Path, dense: Store) -> None:
    save_packed(dense, pack(made, MODELS))
    delete_packed(dense)
    assert dense.name not in dense.parent.children()
    save_packed(dense, pack(made, MODELS))
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
    figures = measured(first)
    save_packed(dense, first.pack())
    packed = of_sweep(dense)
    second = on_machine(2)
    second.adopt(packed)
    # A sweep of the same settings makes its own: the model may come from another person.
    assert second.models.folder.name == f"{first.models.folder.name}-{packed.digest}"
    assert not (tmp_path / "2" / "dense" / first.models.folder.name).exists()
    made = {path.name for path in second.models.folder.iterdir()}
    assert made == set(first.trained) and len(made) == models, "and its figures are measured"
    assert same(trained(second), trained(first)) and measured(second) == figures
    again = on_machine(2)
    again.adopt(replace(packed, read=lambda: pytest.fail("it is there already")))
    with nothing_is_made(tmp_path / "2" / "dense"):
        assert same(trained(again), trained(first)) and measured(again) == figures

    like = on_machine(1)
    like.adopt(replace(packed, read=lambda: pytest.fail("it was made here")))
    assert like.models.folder == first.models.folder
    other = on_machine(3)
    assert same(trained(other), trained(first))  # one real machine, so the same weights
    for file in other.models.folder.glob("*/model.safetensors"):
        save_file({name: w + 1 for name, w in load_file(file).items()}, file, {"format": "pt"})
    third = on_machine(3)
    third.adopt(packed)
    assert same(trained(third), trained(first)) and measured(third) == figures
    own = on_machine(3)
    assert own.models.folder != third.models.folder and not same(trained(own), trained(first))


def measured(bench: Workbench) -> dict[str, Any]:
    return {name: part for name, part in bench.baseline().items() if "seconds" not in name}


def test_a_model_of_a_sweep_that_finetunes_none_is_ignored(
    make_bench: MakeBench, made: Path
) -> None:
    bench = make_bench()
    before = bench.models.folder
    bench.adopt(shipped(pack(made, MODELS)))
    assert bench.models.folder == before and not before.exists()
