"""Checkpoints are written atomically, and damaged ones are never used."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from sweep.compress.dense.bench import Workbench
from sweep.errors import StorageError
from sweep.ledger import checkpoint
from sweep.ledger.checkpoint import (
    FILES,
    OPTIMIZER,
    Deleter,
    Deletion,
    epoch_folder,
    latest,
    load,
    restore,
    save,
)
from sweep.ledger.files import file_digest
from sweep.space.params import Params
from tests.harness.trials import same

State = dict[str, Any]

RECORD = {"stage": "recovered", "epoch": 1, "partial": False, "loss": 0.5, "examples": 9}
RECORD |= {"sparsity": 0.5, "seconds": 1.0, "accuracy": 0.5}


@pytest.fixture(scope="module")
def state(bench: Workbench) -> State:
    """The state of a trial after an epoch, with activation thresholds."""
    params = Params(0.5, learning_rate=1e-3, activation_sparsity=0.3, activation_scope="global")
    trial = bench.trial(params, seed=0)
    list(trial.run())
    return trial.state_dict()


def small_state(epoch: int, masks: Mapping[str, Tensor] | None = None) -> State:
    return {
        "epoch": epoch,
        "seconds": 1.5,
        "model": {"w": torch.full((2, 2), float(epoch))},
        "masks": dict(masks or {"w": torch.tensor([[True, False], [False, True]])}),
        "activations": {},
        "optimizer": {0: {"step": torch.tensor(3.0), "exp_avg": torch.ones(2, 2)}},
    }


def two_epochs(root: Path) -> Path:
    """Save epochs 1 and 2 of a trial; return the newer folder."""
    for epoch in (1, 2):
        save(epoch_folder(root, "t00000", epoch), small_state(epoch), {"seed": epoch})
    return epoch_folder(root, "t00000", 2)


def equal(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether arrays or tensors have the same names, values, shapes and types."""
    tensors = [{name: torch.as_tensor(v) for name, v in part.items()} for part in (one, other)]
    types = [{name: v.dtype for name, v in part.items()} for part in tensors]
    return types[0] == types[1] and same(*tensors)


def test_a_saved_state_loads_completely(state: State, tmp_path: Path) -> None:
    note = {"trial_id": "t00000", "params": {"sparsity": 0.5}, "record": RECORD}
    save(tmp_path / "epoch-0001", state, note)
    loaded = load(tmp_path / "epoch-0001")
    assert loaded is not None
    found, found_note = loaded
    assert (found["epoch"], found["seconds"]) == (1, state["seconds"])
    for name in ("model", "masks", "activations"):
        assert equal(found[name], state[name])
    assert equal(load_file(tmp_path / "epoch-0001" / "model.safetensors"), state["model"])
    assert len(found["activations"]) == 14
    assert set(found["optimizer"]) == set(state["optimizer"])
    for index, moments in state["optimizer"].items():
        assert equal(found["optimizer"][index], moments)
    assert note.items() <= found_note.items()


@pytest.mark.parametrize("shape", [(1, 1), (3, 5), (8, 2), (4, 2, 3), (17,), (100, 33)])
def test_masks_are_saved_with_one_bit_per_weight(tmp_path: Path, shape: tuple[int, ...]) -> None:
    generator = torch.Generator().manual_seed(0)
    masks = {
        "random": torch.rand(shape, generator=generator) < 0.5,
        "none": torch.zeros(shape, dtype=torch.bool),
        "all": torch.ones(shape, dtype=torch.bool),
    }
    save(tmp_path / "e", small_state(1, masks), {})
    loaded = load(tmp_path / "e")
    assert loaded is not None
    assert equal(loaded[0]["masks"], masks)
    stored = load_file(tmp_path / "e" / "masks.safetensors")
    assert {part.numel() for part in stored.values()} == {-(-masks["all"].numel() // 8)}


@pytest.mark.parametrize(
    ("trial", "most", "epoch"),
    [("t00000", *each) for each in ((0, None), (1, 1), (2, 2), (9999, 2))] + [("t00002", 9, None)],
)
def test_the_newest_complete_checkpoint_up_to_an_epoch_is_loaded(
    tmp_path: Path, trial: str, most: int, epoch: int | None
) -> None:
    two_epochs(tmp_path)
    save(epoch_folder(tmp_path, "t00001", 7), small_state(7), {})
    epoch_folder(tmp_path, "t00000", 3).mkdir()  # an incomplete checkpoint
    (tmp_path / "t00000" / ".epoch-0004.x1y2").mkdir()
    found = latest(tmp_path, trial, most)
    assert (None if found is None else (found[0]["epoch"], found[1]["seed"])) == (
        None if epoch is None else (epoch, epoch)
    )


def cut(file: Path) -> None:
    content = file.read_bytes()
    file.write_bytes(content[: len(content) // 2])


def flip(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)


DAMAGE: dict[str, Callable[[Path], object]] = {
    "missing": Path.unlink,
    "empty": lambda file: file.write_bytes(b""),
    "truncated": cut,
    "garbage": lambda file: file.write_bytes(b"\xff\x00garbage" * 100),
    "one bit": flip,
}


@pytest.mark.parametrize("damage", DAMAGE)
@pytest.mark.parametrize("name", [*FILES, "trial.json"])
def test_a_damaged_checkpoint_is_ignored_and_replaced(
    tmp_path: Path, name: str, damage: str
) -> None:
    newer = two_epochs(tmp_path)
    DAMAGE[damage](newer / name)
    assert load(newer) is None
    assert (load(newer, moments=False) is None) == (name != OPTIMIZER)
    found = latest(tmp_path, "t00000")
    assert found is not None and found[0]["epoch"] == 1
    save(newer, small_state(5), {})
    replaced, _ = load(newer) or ({}, {})
    assert replaced["epoch"] == 5


@pytest.mark.parametrize(
    "text",
    ["[]", "1", "null", "{}", '{"digests": null}', '{"digests": {}}', '"trial"', '{"digests": []}'],
)
def test_a_checkpoint_with_invalid_json_is_ignored(tmp_path: Path, text: str) -> None:
    newer = two_epochs(tmp_path)
    (newer / "trial.json").write_text(text)
    assert load(newer) is None


@pytest.mark.parametrize(
    "error",
    [OSError(errno.ENOSPC, "No space left on device"), SafetensorError("I/O error: No space")],
)
@pytest.mark.parametrize("written", [0, 1, 2])
def test_a_full_disk_leaves_no_partial_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, written: int, error: Exception
) -> None:
    real, calls = checkpoint.save_file, []

    def full(tensors: dict[str, Tensor], file: Path) -> None:
        calls.append(file)
        if len(calls) > written:
            file.write_bytes(b"half")
            raise error
        real(tensors, file)

    monkeypatch.setattr(checkpoint, "save_file", full)
    with pytest.raises(StorageError, match=r"cannot write checkpoint .*epoch-0001: .*No space"):
        save(tmp_path / "epoch-0001", small_state(1), {})
    assert len(calls) == written + 1
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_made_is_a_storage_error(tmp_path: Path) -> None:
    (tmp_path / "t00000").write_text("a file")
    with pytest.raises(StorageError, match="cannot write"):
        save(epoch_folder(tmp_path, "t00000", 1), small_state(1), {})


def test_an_ended_trial_keeps_only_selected_checkpoints_without_moments(tmp_path: Path) -> None:
    newer = two_epochs(tmp_path)
    before = {file.name: file.read_bytes() for file in newer.iterdir()}
    (newer.parent / ".epoch-0003.half").mkdir()
    (newer.parent / ".epoch-0003.half" / "model.safetensors").touch()
    for _ in range(2):
        Deleter(tmp_path).delete([Deletion("t00000", None, frozenset([newer.name]))])
    assert [folder.name for folder in newer.parent.iterdir()] == [newer.name]
    del before[OPTIMIZER]
    assert {file.name: file.read_bytes() for file in newer.iterdir()} == before
    assert load(newer) is None  # a trial cannot resume from it
    found, _ = load(newer, moments=False) or ({}, {})
    assert all(equal(found[name], small_state(2)[name]) for name in ("model", "masks"))
    assert found["optimizer"] == {}


ODD_NOTES: list[dict[str, Any]] = [
    {"epoch": 1},
    {"epoch": 2.0},
    {"epoch": -2},
    {"epoch": True},
    {"epoch": 2**70},
    {"seconds": "1"},
    {"seconds": float("nan")},
    {"seconds": -1.0},
    {"shapes": {"w": [10**10, 10**10]}},
    {"shapes": {"w": [-1, 4]}},
    {"shapes": {"w": [2, 5]}},
    {"shapes": {"w": "22"}},
    {"shapes": {"../w": [2, 2]}},
    {"shapes": []},
    {"digests": {"../../file": "0"}},
    {"digests": {name: 7 for name in FILES}},
    {"digests": None},
    {"record": []},
    {"record": {"accuracy": 0.5}},
    {"record": RECORD},  # of epoch 1
    {"record": {**RECORD, "epoch": 2, "loss": "0.5"}},
    {"record": {**RECORD, "epoch": 2, "accuracy": [1]}},
    {"record": {**RECORD, "epoch": 2, "examples": -9}},
]


@pytest.mark.parametrize("odd", ODD_NOTES, ids=str)
def test_a_note_of_wrong_values_counts_as_damaged(tmp_path: Path, odd: dict[str, Any]) -> None:
    note = two_epochs(tmp_path) / "trial.json"
    note.write_text(json.dumps({**json.loads(note.read_text()), **odd}))
    found = latest(tmp_path, "t00000")
    assert found is not None and found[0]["epoch"] == 1


@pytest.mark.parametrize("text", ["[" * 10**5, "[]", "null", '"x"', "{}"])
def test_a_note_that_is_no_note_counts_as_damaged(tmp_path: Path, text: str) -> None:
    newer = two_epochs(tmp_path)
    (newer / "trial.json").write_text(text)
    assert load(newer) is None


def test_a_huge_note_is_not_read(tmp_path: Path) -> None:
    newer = two_epochs(tmp_path)
    os.truncate(newer / "trial.json", 2**40)  # a sparse file
    assert load(newer) is None


HUGE = (2**62).to_bytes(8, "little") + b"{}"
ODD_HEADER = b'{"w":{"dtype":"F32","shape":[9999999999],"data_offsets":[0,4]}}'


@pytest.mark.parametrize("data", [HUGE, len(ODD_HEADER).to_bytes(8, "little") + ODD_HEADER, b""])
def test_odd_weights_with_their_digest_count_as_damaged(tmp_path: Path, data: bytes) -> None:
    newer = two_epochs(tmp_path)
    (newer / "model.safetensors").write_bytes(data)
    note = json.loads((newer / "trial.json").read_text())
    note["digests"]["model.safetensors"] = file_digest(newer / "model.safetensors")
    (newer / "trial.json").write_text(json.dumps(note))
    assert load(newer) is None


MISFITS: dict[str, Callable[[State], Any]] = {
    "a weight is missing": lambda state: state["model"].popitem(),
    "a weight has another name": lambda state: state["model"].update({"../w": torch.ones(1)}),
    "a weight has another shape": lambda state: state["model"].update(
        {name: value[:1] for name, value in state["model"].items()}
    ),
    "a weight has another type": lambda state: state["model"].update(
        {name: value.double() for name, value in state["model"].items()}
    ),
    "a mask is missing": lambda state: state["masks"].popitem(),
    "a mask has another shape": lambda state: state["masks"].update(
        {name: mask[:1] for name, mask in state["masks"].items()}
    ),
    "a threshold is missing": lambda state: state["activations"].popitem(),
    "a threshold has another shape": lambda state: state["activations"].update(
        {name: torch.zeros(3) for name in state["activations"]}
    ),
    "a moment has no parameter": lambda state: state["optimizer"].update(
        {9999: {"exp_avg": torch.zeros(1)}}
    ),
    "a moment has another shape": lambda state: state["optimizer"][0].update(
        {"exp_avg": torch.zeros(1)}
    ),
    "a movement has no weight": lambda state: state["movement"].update({"w": torch.zeros(1)}),
}


@pytest.mark.parametrize("kind", MISFITS)
def test_a_checkpoint_that_does_not_fit_is_a_sentence(
    bench: Workbench, state: State, kind: str
) -> None:
    params = Params(0.5, learning_rate=1e-3, activation_sparsity=0.3, activation_scope="global")
    trial = bench.trial(params, seed=0)
    restore(trial, state, Path("epoch-0001"))
    odd = {name: dict(p) if isinstance(p, dict) else p for name, p in state.items()}
    odd["optimizer"] = {index: dict(part) for index, part in state["optimizer"].items()}
    MISFITS[kind](odd)
    with pytest.raises(
        StorageError, match=r"checkpoint epoch-0001 does not fit its trial .*remove"
    ):
        restore(trial, odd, Path("epoch-0001"))
