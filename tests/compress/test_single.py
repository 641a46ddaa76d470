"""One trial without Ray: its messages and its result."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sweep.compress.single import run_single, single_params
from sweep.space.params import Params
from tests.harness import tiny

SPACE = {"sparsity": 0.5, "finetune_epochs": 2, "learning_rate": 1e-3}


Run = Callable[..., tuple[dict[str, Any], list[str]]]


@pytest.fixture
def run(model_folder: Path, data_files: dict[str, str]) -> Run:
    """A function that runs a trial of the small task and returns its figures and messages."""

    def call(split: str = "validation", **sections: Any) -> tuple[dict[str, Any], list[str]]:
        said: list[str] = []
        config = tiny.make_config(model_folder, data_files, **{"space": SPACE, **sections})
        figures = run_single(config, split, said.append)
        at_chance = [line for line in said if "AT CHANCE LEVEL" in line]
        assert len(at_chance) == (figures["baseline_accuracy"] <= 0.5)
        return figures, [line for line in said if line not in at_chance]

    return call


def test_the_five_steps_are_printed_with_the_figures_of_the_records(run: Run) -> None:
    figures, said = run()
    numbers = [line[0] for text in said for line in text.splitlines()]
    assert numbers == ["1", " ", "2", "3", "4", "4", "5"]
    assert said[1].split() == ["coverage", "1.0000"] and figures["left_out"] == []
    text = "\n".join(said)
    for name in ("baseline_accuracy", "pruned_accuracy", "recovered_accuracy"):
        assert f"{figures[name]:.4f}" in text
    assert "weights 50% l1-norm local" in text
    assert "activations" not in text
    first, _, last = figures["records"]
    assert figures["baseline_accuracy"] == first["baseline_accuracy"]
    assert figures["pruned_accuracy"] == first["accuracy"]
    assert figures["recovered_accuracy"] == last["accuracy"]
    for name in ("sparsity", "model_sparsity", "coverage", "seconds"):
        assert figures[name] == last[name]
    assert figures["sparsity"] == pytest.approx(0.5, abs=0.01)
    assert json.loads(json.dumps(figures, allow_nan=False)) == figures


def test_the_steps_of_a_quantised_dense_model_are_printed(run: Run) -> None:
    quantization = {"width": 6, "frac_width": 3, "epochs": 1}
    figures, said = run(baseline={"quantization": quantization})
    assert said[0].endswith(f"{figures['qat_accuracy']:.4f}, quantised: fixed 6/3")
    assert figures["baseline_accuracy"] == figures["qat_accuracy"]
    steps = [line.rsplit(" ", 1)[1] for line in said[1:4]]
    names = ("dense_accuracy", "ptq_accuracy", "qat_accuracy")
    assert steps == [f"{figures[name]:.4f}" for name in names]
    zeros = figures["records"][0]["quantized_sparsity"]
    assert f"and {zeros:.4f} zero on the grid" in "\n".join(said)
    assert figures["quantized_sparsity"] == figures["records"][-1]["quantized_sparsity"]


def test_the_trial_uses_the_seed_of_the_search(run: Run) -> None:
    space = {**SPACE, "method": "random", "finetune_epochs": 0}

    def loss(seed: int) -> float:
        figures, _ = run(space=space, search={"seed": seed})
        return float(figures["records"][0]["loss"])

    assert loss(1) == loss(1)
    assert loss(1) != loss(2)


def test_the_trial_can_be_evaluated_on_test(run: Run) -> None:
    figures, said = run("test")
    assert (figures["split"], figures["examples"]) == ("test", 30)
    assert "test accuracy" in said[0]


def test_activations_are_described(run: Run) -> None:
    activation = {"sparsity": 0.25, "method": "random", "scope": "global"}
    weight = {"sparsity": 0.75, "method": "random", "scope": "global"}
    tutorial = {"weight": weight, "activation": activation, "finetune_epochs": 0}
    figures, said = run(space=tutorial)
    assert "weights 75% random global, activations 25% random global" in said[2]
    assert figures["params"]["activation_sparsity"] == 0.25
    # without finetuning, the pruned model is the last one
    assert figures["recovered_accuracy"] == figures["pruned_accuracy"]


def test_a_range_gives_its_default_or_low_end_with_a_message() -> None:
    space = {
        "sparsity": {"low": 0.1, "high": 0.9},  # contains the default
        "method": ["random", "l1-norm"],
        "scope": ["global"],
        "finetune_epochs": {"low": 3, "high": 5},
        "learning_rate": {"low": 1e-3, "high": 1e-2, "log": True},
    }
    said: list[str] = []
    params = single_params(tiny.make_config(None, "digits", space=SPACE), said.append)
    assert params == Params(sparsity=0.5, finetune_epochs=2, learning_rate=1e-3)
    assert said == []
    params = single_params(tiny.make_config(None, "digits", space=space), said.append)
    default = Params()
    assert (params.sparsity, params.method) == (default.sparsity, default.method)
    assert params.scope == "global"
    assert (params.finetune_epochs, params.learning_rate) == (3, 1e-3)
    told = {line.split()[0]: line.split()[-1] for line in said}
    assert told["sparsity"] == str(params.sparsity)
    assert told["finetune_epochs"] == "3"


def test_warnings_are_printed(run: Run, data_files: dict[str, str], tmp_path: Path) -> None:
    _, said = run(task={"dataset": {"train": data_files["train"]}, "validation": 0.25})
    assert said[0].startswith("warning: validation is carved from the train split")
    known = tiny.write(tmp_path / "a.jsonl", tiny.splits({"train": 2})["train"])
    leak = {"train": data_files["train"], "validation": [data_files["test"], known]}
    _, said = run(task={"dataset": leak})
    assert said[0].startswith("warning: 2 of 32 validation examples")
