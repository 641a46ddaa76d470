"""A quantised trial: exported with its weights on the grid, and what rounds its inputs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from safetensors.torch import load_file

import analysis
from sweep.compress.dense.bench import Workbench
from sweep.compress.quantize.layers import grid_setting, linears, put_on_grid
from sweep.compress.quantize.scheme import fixed
from sweep.errors import UsageError
from sweep.export import checks
from sweep.export.files import load_model
from tests.export.sweeps import Folder
from tests.harness import tiny
from tests.harness.command import Command

TRIALS: list[dict[str, Any]] = [
    {"quantization": "fixed", "finetune_epochs": 1},
    {"quantization": "int8", "finetune_epochs": 1},
    {"quantization": "int8", "finetune_epochs": 0, "activation_sparsity": 0.5},
    {"finetune_epochs": 1, "activation_sparsity": 0.5},  # on the config's own grid
]


@pytest.fixture(scope="module")
def on_grid(model_folder: Path, data_files: dict[str, str]) -> Workbench:
    baseline = {"quantization": {"width": 7, "frac_width": 5, "epochs": 1}}
    return Workbench(tiny.make_config(model_folder, data_files, baseline=baseline), "cpu")


@pytest.fixture(scope="module")
def quantised(on_grid: Workbench, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = Folder(tmp_path_factory.mktemp("quantised") / "sweep", on_grid)
    for number, params in enumerate(TRIALS):
        folder.trial(f"t{number:05}", {"sparsity": 0.5, "learning_rate": 1e-3, **params})
        folder.end(f"t{number:05}")
    return folder.write()


@pytest.mark.parametrize("number", range(len(TRIALS)), ids=str)
def test_it_loads_and_answers_as_recorded(
    quantised: Path, on_grid: Workbench, tmp_path: Path, export: Command, number: int
) -> None:
    name, to, epoch = f"t{number:05}", tmp_path / "m", TRIALS[number]["finetune_epochs"]
    done = export(quantised, "--to", to, "--trial", name, "--epoch", epoch)
    assert done.code == 0, done.err
    found = checks.plain_logits(load_model(to), on_grid)
    answers = analysis.load(quantised).answers(name, epoch)
    assert answers is not None
    assert checks.right(found, on_grid).tolist() == answers.tolist()
    (to / "quantization.json").rename(to / "elsewhere")
    assert not np.array_equal(checks.plain_logits(load_model(to), on_grid), found)
    card, lineage = (to / "README.md").read_text(), (to / "prunesweep.json").read_text()
    record = next(r for r in json.loads(lineage)["record"].items() if r[0] == "quantized_sparsity")
    assert f"| zeros by quantisation / prunable weights | {100 * record[1]:.2f} % |" in card
    assert "each layer's inputs rounded too, as `quantization.json` says" in card
    assert ("activations pruned too" in card) == ("activation_sparsity" in TRIALS[number])
    assert "quantization.json" in json.loads(lineage)["sha256"]


def test_weights_are_on_the_grid_that_the_file_names(
    quantised: Path, tmp_path: Path, export: Command
) -> None:
    assert export(quantised, "--to", tmp_path / "a", "--trial", "t00000", "--epoch", 1).code == 0
    about = json.loads((tmp_path / "a" / "quantization.json").read_text())
    assert (about["scheme"], about["width"], about["frac_width"]) == ("fixed", 7, 5)
    assert about["modules"] == list(linears(tiny.bert()))
    saved, masks = (load_file(tmp_path / "a" / f"{n}.safetensors") for n in ("model", "masks"))
    for name in about["modules"]:
        weight, bias = saved[f"{name}.weight"], saved[f"{name}.bias"]
        assert torch.equal(weight, fixed(weight, 7, 5)) and torch.equal(bias, fixed(bias, 7, 5))
        assert not weight[~masks[name]].any()
    assert export(quantised, "--to", tmp_path / "b", "--trial", "t00001", "--epoch", 1).code == 0
    about = json.loads((tmp_path / "b" / "quantization.json").read_text())
    saved = load_file(tmp_path / "b" / "model.safetensors")
    for name, scales in about["scales"].items():
        steps = saved[f"{name}.weight"].double() / torch.tensor(scales).double()[:, None]
        assert torch.equal(steps, steps.round()) and float(steps.abs().max()) <= 127
    assert set(about["scales"]) == set(about["modules"])


@pytest.mark.slow
def test_the_graph_rounds_inputs_too(quantised: Path, tmp_path: Path, export: Command) -> None:
    pytest.importorskip("onnxruntime")
    to = tmp_path / "m"
    done = export(quantised, "--to", to, "--trial", "t00000", "--epoch", 1, "--onnx")
    assert done.code == 0, done.err
    checked = json.loads((to / "prunesweep.json").read_text())["checks"]
    assert checked["onnx_differing"] == 0
    assert checked["weights_correct"] is not None


def test_a_sweep_can_start_from_it(
    quantised: Path, data_files: dict[str, str], tmp_path: Path, export: Command
) -> None:
    """On the same grid its weights are where they were."""
    assert export(quantised, "--to", tmp_path / "m", "--trial", "t00000", "--epoch", 1).code == 0
    grid = {"baseline": {"quantization": {"width": 7, "frac_width": 5}}}
    config = tiny.make_config(tmp_path / "m", data_files, **grid, pruning={"start_masks": "keep"})
    baseline = Workbench(config, "cpu").baseline()
    record = analysis.load(quantised).story.trials["t00000"].records[-1]
    assert baseline["loss"] == record["loss"]


@pytest.mark.parametrize("number", [0, 1])
def test_whoever_leaves_the_grid_is_told_how_to_stay(
    quantised: Path, data_files: dict[str, str], tmp_path: Path, export: Command, number: int
) -> None:
    done = export(quantised, "--to", tmp_path / "m", "--trial", f"t0000{number}", "--epoch", 1)
    assert done.code == 0, done.err

    def told(**sections: Any) -> list[str]:
        bench = Workbench(tiny.make_config(tmp_path / "m", data_files, **sections), "cpu")
        return [text for text in bench.warnings if "quantised" in text]

    [warning] = told()
    path, setting = warning.rsplit("set ", 1)[1].split("=")
    assert path == "baseline.quantization"
    found = yaml.safe_load(setting)
    assert found == [{"scheme": "fixed", "width": 7, "frac_width": 5}, {"scheme": "int8"}][number]
    assert told(baseline={"epochs": 1}) == [warning]
    assert told(baseline={"quantization": found}) == []


def test_a_model_in_floats_has_no_such_file(exported: Path) -> None:
    assert not (exported / "quantization.json").exists()
    with pytest.raises(UsageError, match=r"quantization\.json cannot be read"):
        put_on_grid(tiny.bert(), exported)
    assert grid_setting(str(exported)) is None


def test_a_file_of_another_model_is_refused(tmp_path: Path) -> None:
    about = {"format": "prunesweep-quantization", "version": "1", "scheme": "int8"}
    path = tmp_path / "quantization.json"
    path.write_text(json.dumps(about | {"modules": ["classifier"]}))
    with pytest.raises(UsageError, match="of another model: Linear layer 'bert"):
        put_on_grid(tiny.bert(), tmp_path)
    for other in ({"version": "2"}, {"scheme": "int4"}):
        path.write_text(json.dumps(about | other))
        with pytest.raises(UsageError, match="says nothing of a grid"):
            put_on_grid(tiny.bert(), tmp_path)
