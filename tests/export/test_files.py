"""Export of a trial with pruned activations, whose settings the export must include."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from sweep.compress.dense.bench import Workbench
from sweep.errors import UsageError
from sweep.export.files import attach, load_model, write_model
from tests.export.sweeps import HandOver, assert_answers, sweep_of
from tests.harness import tiny
from tests.harness.command import Command, assert_refused
from tests.harness.trials import WITH_ACTIVATIONS


@pytest.fixture(scope="module")
def pruned(bench: Workbench, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sweep with one trial for each way to prune activations."""
    trials = [{**params.to_dict(), "finetune_epochs": 1} for params in WITH_ACTIVATIONS.values()]
    return sweep_of(tmp_path_factory.mktemp("activations") / "sweep", bench, trials)


@pytest.mark.parametrize("number", range(len(WITH_ACTIVATIONS)), ids=str)
def test_a_model_with_pruned_activations_answers_as_recorded(
    pruned: Path, bench: Workbench, hand_over: HandOver, number: int
) -> None:
    name = f"t{number:05}"
    to = hand_over(pruned, name, 1)
    alone = assert_answers(bench, pruned, name, 1, to, "activations.safetensors")
    counted = json.loads((to / "prunesweep.json").read_text())["checks"]["weights_correct"]
    card = (to / "README.md").read_text()
    assert counted == alone
    assert f"{counted} of 40 validation examples" in card and "load_model(FOLDER)" in card


def test_onnx_rejects_pruned_activations(pruned: Path, tmp_path: Path, export: Command) -> None:
    done = export(pruned, "--to", tmp_path / "m", "--trial", "t00000", "--onnx")
    assert_refused(done, 2, "--onnx: this trial prunes activations")
    assert list(tmp_path.iterdir()) == []


def test_files_that_do_not_fit_the_model_raise_an_error(
    pruned: Path, tmp_path: Path, hand_over: HandOver
) -> None:
    to = hand_over(pruned, "t00001", 0)
    with pytest.raises(
        UsageError, match="belongs to another model: this one has no Linear layer 'bert"
    ):
        attach(tiny.Net(), to)
    state = load_file(to / "activations.safetensors")
    assert len(state) == 14 and all(isinstance(value, torch.Tensor) for value in state.values())
    save_file(state, to / "activations.safetensors")  # without its metadata
    with pytest.raises(UsageError, match="not a file of pruned activations"):
        load_model(to)
    with pytest.raises(UsageError, match="cannot read"):
        attach(tiny.Net(), tmp_path)


@pytest.mark.parametrize(
    ("odd", "reason"),
    [
        ({"modules": None}, "damaged: 'modules'"),
        ({"modules": "x"}, "damaged: Invalid JSON"),
        ({"modules": "[" * 10**5}, "damaged: Invalid JSON"),
        ({"modules": '[["0"]]'}, "damaged: 0: Input should be a valid string"),
        ({"sparsity": "x"}, "damaged: could not convert"),
        ({"method": "random"}, "does not fit this model: 0 is .*float32"),
        ({"scope": "local"}, "does not fit this model: 0 is only in one"),
    ],
    ids=str,
)
def test_odd_settings_of_activations_raise_an_error(
    tmp_path: Path, odd: dict[str, str | None], reason: str
) -> None:
    about = {"format": "prunesweep-activations", "version": "1", "modules": '["0"]'}
    about |= {"sparsity": "0.5", "method": "l1-norm", "scope": "global"}
    model, file = nn.Sequential(nn.Linear(2, 2)), tmp_path / "activations.safetensors"
    save_file({"0": torch.tensor(0.1)}, file, metadata=about)
    attach(model, tmp_path).remove()
    told = {name: text for name, text in {**about, **odd}.items() if text is not None}
    save_file({"0": torch.tensor(0.1)}, file, metadata=told)
    with pytest.raises(UsageError, match=reason):
        attach(model, tmp_path)


def test_labels_get_the_names_of_the_data(tmp_path: Path) -> None:
    write_model(tiny.bert(), {}, ("bad", "good"), tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    assert config["id2label"] == {"0": "bad", "1": "good"}
    assert config["label2id"] == {"bad": 0, "good": 1}
