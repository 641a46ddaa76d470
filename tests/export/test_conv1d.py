"""A GPT-2, whose layers are transformers' Conv1D: pruned, rounded, exported, and pruned further."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoModelForSequenceClassification
from transformers.pytorch_utils import Conv1D

import analysis
from sweep.compress.dense.bench import Workbench
from sweep.compress.quantize.layers import load_grid
from sweep.export import checks
from sweep.space.params import Params
from tests.export.sweeps import HandOver, assert_answers, sweep_of
from tests.harness import tiny
from tests.harness.benches import MakeBench

pytestmark = pytest.mark.slow

SQUARE, WIDE = "transformer.h.0.attn.c_proj", "transformer.h.0.mlp.c_fc"
TUNED = {"finetune_epochs": 1, "learning_rate": 1e-3}
TRIALS = [
    {"sparsity": 0.5, "method": "sparsegpt", "scope": "row", **TUNED},
    {"method": "wanda", "granularity": "2:4", "finetune_epochs": 0},
    {"sparsity": 0.5, "quantization": "int8", "activation_sparsity": 0.25, **TUNED},
]


@pytest.fixture(scope="module")
def gpt2(make_bench: MakeBench, tmp_path_factory: pytest.TempPathFactory) -> Workbench:
    return make_bench(tiny.save_gpt2(tmp_path_factory.mktemp("gpt2")))


@pytest.fixture(scope="module")
def pruned(gpt2: Workbench, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return sweep_of(tmp_path_factory.mktemp("pruned") / "sweep", gpt2, TRIALS)


def test_a_plain_loader_reads_the_weights_and_the_masks_fit_them(
    gpt2: Workbench, pruned: Path, hand_over: HandOver
) -> None:
    to = hand_over(pruned, "t00000", 1)
    plain = AutoModelForSequenceClassification.from_pretrained(to).eval()
    answers = analysis.load(pruned).answers("t00000", 1)
    assert answers is not None
    assert checks.is_correct(checks.logits(plain, gpt2), gpt2).tolist() == answers.tolist()
    masks = load_file(to / "masks.safetensors")
    assert len(masks) == 2 * 4 + 1 and isinstance(plain.get_submodule(SQUARE), Conv1D)
    for name, mask in masks.items():
        weight = plain.get_submodule(name).weight
        assert weight.shape == mask.shape and not weight[~mask].any()
    kept = masks[WIDE].sum(0)  # of each output; `row` keeps as many weights in each
    assert masks[WIDE].shape == (32, 128) and kept.tolist() == [16] * 128
    assert f"{100:.2f} %" in (to / "README.md").read_text().split("coverage", 1)[1][:80]


def test_groups_of_n_m_lie_along_the_inputs(pruned: Path, hand_over: HandOver) -> None:
    weights = load_file(hand_over(pruned, "t00001", 0) / "model.safetensors")
    for name in (SQUARE, WIDE):
        groups = weights[f"{name}.weight"].T.reshape(-1, 4)
        assert torch.all((groups != 0).sum(1) == 2)


def test_a_grid_is_read_back_on_a_plain_model(
    gpt2: Workbench, pruned: Path, hand_over: HandOver
) -> None:
    to = hand_over(pruned, "t00002", 1)
    scales = json.loads((to / "quantization.json").read_text())["scales"]
    weight = load_file(to / "model.safetensors")[f"{WIDE}.weight"]
    steps = weight.double() / torch.tensor(scales[WIDE]).double()  # one scale for each output
    assert torch.equal(steps, steps.round()) and float(steps.abs().max()) <= 127
    plain = AutoModelForSequenceClassification.from_pretrained(to).eval()
    before = checks.logits(plain, gpt2)
    load_grid(plain, to)
    assert (checks.logits(plain, gpt2) != before).any()
    assert_answers(gpt2, pruned, "t00002", 1, to, "quantization.json")


def test_a_sweep_that_starts_from_an_export_keeps_its_masks(
    make_bench: MakeBench, pruned: Path, hand_over: HandOver
) -> None:
    to = hand_over(pruned, "t00000", 1)
    start = make_bench(to, pruning={"start_masks": "keep"}, space={"sparsity": 0.8})
    start.check()
    trial = start.trial(Params(sparsity=0.8, **TUNED), seed=3)
    *_, last = trial.run()
    assert last.sparsity == pytest.approx(0.8, abs=1e-3) and last.coverage == 1.0
    for name, mask in load_file(to / "masks.safetensors").items():
        weight = trial.model.state_dict()[f"{name}.weight"]
        assert not weight[~mask].any()
