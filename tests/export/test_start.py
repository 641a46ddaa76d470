"""Sweeps that start from an exported model and keep or drop its masks."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from sweep.compress.dense.bench import Workbench
from sweep.compress.prune.masks import make_masks
from sweep.compress.prune.targets import dropped
from sweep.errors import UsageError
from sweep.space.params import SCOPES, Params
from tests.harness import tiny
from tests.harness.benches import MakeBench
from tests.harness.command import Command, assert_refused, call
from tests.harness.spaces import LEARNED, METHODS

KEEP = {"start_masks": "keep"}
START = 0.6  # the sparsity of each matrix of the exported model

Start = Callable[..., Workbench]


@pytest.fixture(scope="module")
def start(make_bench: MakeBench, exported: Path) -> Start:
    """Make benches that start from the exported model."""
    return partial(make_bench, exported)


@pytest.fixture(scope="module")
def kept(start: Start) -> Workbench:
    return start(pruning=KEEP, space={"sparsity": 0.8})


@pytest.mark.parametrize(
    ("scope", "sparsity", "first", "kept"),
    [
        ("local", 0.5, [0, 1, 1, 1], ([0, 0, 1, 1], [0, 0, 1, 1])),
        ("local", 0.25, [0, 1, 1, 1], ([0, 1, 1, 1], [0, 1, 1, 1])),
        # a matrix that is already sparser than requested is unchanged
        ("local", 0.5, [1, 0, 0, 0], ([1, 0, 0, 0], [0, 0, 1, 1])),
        ("global", 0.5, [1, 0, 0, 0], ([0, 0, 0, 0], [1, 1, 1, 1])),
        ("global", 0.0, [1, 0, 0, 0], ([1, 0, 0, 0], [1, 1, 1, 1])),
    ],
)
def test_pruned_weights_are_pruned_first_and_count(
    scope: str, sparsity: float, first: list[int], kept: tuple[list[int], list[int]]
) -> None:
    weights = {"a": torch.arange(1.0, 5.0).view(1, 4), "b": torch.arange(5.0, 9.0).view(1, 4)}
    if first[0] == 0:
        weights["a"][0, 0] = 9.0  # pruned weights stay pruned whatever their scores
    start = {"a": torch.tensor([first]).bool()}
    masks = make_masks(weights, Params(sparsity, scope=scope), torch.Generator(), start)
    assert tuple(masks[name].int().flatten().tolist() for name in ("a", "b")) == kept


@pytest.mark.parametrize("scope", SCOPES)
@pytest.mark.parametrize("method", [m for m in METHODS if m not in LEARNED])
def test_every_trial_prunes_the_kept_masks_too(kept: Workbench, method: str, scope: str) -> None:
    trial = kept.trial(Params(0.8, method, scope, finetune_epochs=0), seed=3)
    trial.prune()
    total = sum(mask.numel() for mask in trial.masks.values())
    assert dropped(trial.masks, trial.masks) == pytest.approx(0.8 * total, abs=7)
    for name, mask in kept.start_masks.items():
        assert not (trial.masks[name] & ~mask).any()


def test_kept_masks_hold_during_finetuning_even_in_excluded_layers(start: Start) -> None:
    pruning = {**KEEP, "exclude": ["classifier", "*.query"]}
    bench = start(pruning=pruning, space={"sparsity": 0.61})
    trial = bench.trial(Params(0.61, "random", finetune_epochs=2, learning_rate=1e-2), seed=3)
    assert [round(record.sparsity, 2) for record in trial.run()] == [0.61] * 3
    assert "classifier" in set(bench.start_masks) - set(trial.masks)
    for name, mask in bench.start_masks.items():
        assert not trial.model.get_parameter(f"{name}.weight").detach()[~mask].any()


def test_dropped_masks_let_weights_grow_back(start: Start) -> None:
    bench = start()
    trial = bench.trial(Params(0.2, finetune_epochs=1, learning_rate=1e-2), seed=3)
    first, last = trial.run()
    assert first.sparsity == pytest.approx(START, abs=1e-2)  # existing zeros count
    assert last.sparsity == pytest.approx(0.2, abs=1e-2)


def test_finetuning_the_dense_model_holds_kept_masks(start: Start, cache: Path) -> None:
    baseline = {"epochs": 1, "learning_rate": 1e-2}
    held = start(baseline=baseline, pruning=KEEP, space={"sparsity": 0.7})
    free = start(baseline=baseline)
    assert held.baseline()["sparsity"] == pytest.approx(START, abs=1e-2)
    assert free.baseline()["sparsity"] < 0.1
    assert held.start_masks and not free.start_masks


def test_dropping_the_masks_of_a_model_gives_a_warning(start: Start) -> None:
    (warning,) = [text for text in start().warnings if "pruned before" in text]
    assert "60.0%" in warning and "start_masks is drop" in warning
    kept = start(pruning=KEEP, space={"sparsity": 0.7})
    assert not any("pruned before" in text for text in kept.warnings)


FEW = [0.5, [0.9, 0.3], {"low": 0.2, "high": 0.9}, {"low": 0.0, "high": 0.9, "step": 0.1}]
ENOUGH = [START, [0.6, 0.9], {"low": 0.7, "high": 0.9}]


@pytest.mark.parametrize("sparsity", [*FEW, *ENOUGH])
def test_a_space_below_the_kept_sparsity_raises_an_error(start: Start, sparsity: Any) -> None:
    bench = start(pruning=KEEP, space={"sparsity": sparsity})
    if sparsity in ENOUGH:
        bench.check()
        return
    with pytest.raises(UsageError, match=r"space.sparsity begins at 0.* begin at 0\.5998"):
        bench.check()


def each(change: Callable[[str, Tensor], tuple[str, Tensor]]) -> Callable[[Path], None]:
    """Apply a change to all masks of a file."""
    return lambda file: save_file(dict(change(*mask) for mask in load_file(file).items()), file)


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (Path.unlink, "has no masks to keep"),
        (lambda file: file.write_bytes(file.read_bytes()[:100]), "cannot be read"),
        (each(lambda name, mask: (name, mask.float())), "holds no masks"),
        (each(lambda name, mask: (f"{name}x", mask)), "no such weight"),
        (
            each(lambda name, mask: (name, mask[:1].contiguous())),
            r"has a weight of shape \(32, 32\)",
        ),
        (
            each(lambda name, mask: (name, torch.zeros_like(mask))),
            "are not zero where its mask drops them",
        ),
    ],
)
def test_masks_that_cannot_be_kept_raise_an_error(
    exported: Path,
    make_bench: MakeBench,
    tmp_path: Path,
    damage: Callable[[Path], object],
    words: str,
) -> None:
    folder = Path(shutil.copytree(exported, tmp_path / "model"))
    damage(folder / "masks.safetensors")
    with pytest.raises(UsageError, match=words):
        make_bench(folder, pruning=KEEP, space={"sparsity": 0.7}).check()


@pytest.fixture
def sweep(
    exported: Path, data_files: dict[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> Command:
    config = tiny.make_config(exported, data_files)
    file = tmp_path / "c.yaml"
    file.write_text(json.dumps(config.model_dump(mode="json")))
    return lambda command, *settings: call(capsys, command, file, *settings)


def test_check_reports_the_kept_share(sweep: Command, model_folder: Path) -> None:
    keep = ("pruning.start_masks=keep", "space.sparsity=0.7")
    assert "0.5998 of the weights" in sweep("check", *keep).out
    assert_refused(sweep("check", *keep, f"model={model_folder}"), 2, "has no masks to keep")
    assert_refused(sweep("check", "pruning.start_masks=hold"), 2, "pruning.start_masks", "keep")
    assert_refused(
        sweep("check", "pruning.start_masks=keep", "model=null", "task.dataset=digits"),
        2,
        "needs a model that has masks",
    )


def test_a_trial_can_start_from_an_export(sweep: Command) -> None:
    settings = ("pruning.start_masks=keep", "finetune_epochs=1")
    assert_refused(sweep("trial", *settings, "sparsity=0.3"), 2, "begins at 0.3")
    done = sweep("trial", *settings, "sparsity=0.75", "--json")
    assert done.code == 0, done.err
    assert json.loads(done.out)["sparsity"] == pytest.approx(0.75, abs=1e-2)
