"""Export of a quantised trial, with weights on the grid and the settings of rounded inputs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from safetensors.torch import load_file

import analysis
from sweep.compress.dense.bench import Workbench
from sweep.compress.quantize.layers import grid_setting, linears, load_grid
from sweep.compress.quantize.scheme import fixed
from sweep.errors import UsageError
from tests.export.sweeps import HandOver, assert_answers, sweep_of
from tests.harness import tiny
from tests.harness.benches import MakeBench

TRIALS: list[dict[str, Any]] = [
    {"quantization": "fixed", "finetune_epochs": 1},
    {"quantization": "int8", "finetune_epochs": 1},
    {"quantization": "int8", "finetune_epochs": 0, "activation_sparsity": 0.5},
    {"finetune_epochs": 1, "activation_sparsity": 0.5},  # on the grid of the config
]


@pytest.fixture(scope="module")
def on_grid(make_bench: MakeBench) -> Workbench:
    return make_bench(baseline={"quantization": {"width": 7, "frac_width": 5, "epochs": 1}})


@pytest.fixture(scope="module")
def quantised(on_grid: Workbench, tmp_path_factory: pytest.TempPathFactory) -> Path:
    trials = [{"sparsity": 0.5, "learning_rate": 1e-3, **params} for params in TRIALS]
    return sweep_of(tmp_path_factory.mktemp("quantised") / "sweep", on_grid, trials)


@pytest.mark.parametrize("number", range(len(TRIALS)), ids=str)
def test_a_quantised_model_answers_as_recorded(
    quantised: Path, on_grid: Workbench, hand_over: HandOver, number: int
) -> None:
    name, epoch = f"t{number:05}", TRIALS[number]["finetune_epochs"]
    to = hand_over(quantised, name, epoch)
    assert_answers(on_grid, quantised, name, epoch, to, "quantization.json")
    card, lineage = (to / "README.md").read_text(), json.loads((to / "prunesweep.json").read_text())
    zeros = lineage["record"]["quantized_sparsity"]
    assert f"| zeros by quantisation / prunable weights | {100 * zeros:.2f} % |" in card
    assert "rounded inputs of each layer (`quantization.json`)" in card
    assert ("pruned activations" in card) == ("activation_sparsity" in TRIALS[number])
    assert "quantization.json" in lineage["sha256"]


def test_weights_are_on_the_grid_in_the_file(quantised: Path, hand_over: HandOver) -> None:
    to = hand_over(quantised, "t00000", 1, to="a")
    about = json.loads((to / "quantization.json").read_text())
    assert (about["scheme"], about["width"], about["frac_width"]) == ("fixed", 7, 5)
    assert about["modules"] == list(linears(tiny.bert()))
    saved, masks = (load_file(to / f"{n}.safetensors") for n in ("model", "masks"))
    for name in about["modules"]:
        weight, bias = saved[f"{name}.weight"], saved[f"{name}.bias"]
        assert torch.equal(weight, fixed(weight, 7, 5)) and torch.equal(bias, fixed(bias, 7, 5))
        assert not weight[~masks[name]].any()
    to = hand_over(quantised, "t00001", 1, to="b")
    about = json.loads((to / "quantization.json").read_text())
    saved = load_file(to / "model.safetensors")
    for name, scales in about["scales"].items():
        steps = saved[f"{name}.weight"].double() / torch.tensor(scales).double()[:, None]
        assert torch.equal(steps, steps.round()) and float(steps.abs().max()) <= 127
    assert set(about["scales"]) == set(about["modules"])


@pytest.mark.slow
def test_the_graph_rounds_inputs_too(quantised: Path, hand_over: HandOver) -> None:
    pytest.importorskip("onnxruntime")
    to = hand_over(quantised, "t00000", 1, "--onnx")
    checked = json.loads((to / "prunesweep.json").read_text())["checks"]
    assert checked["onnx_differing"] == 0
    assert checked["weights_correct"] is not None


def test_a_sweep_can_start_from_a_quantised_export(
    quantised: Path, make_bench: MakeBench, hand_over: HandOver
) -> None:
    """On the same grid, its weights do not change."""
    model = hand_over(quantised, "t00000", 1)
    grid = {"baseline": {"quantization": {"width": 7, "frac_width": 5}}}
    baseline = make_bench(model, **grid, pruning={"start_masks": "keep"}).baseline()
    record = analysis.load(quantised).story.trials["t00000"].records[-1]
    assert baseline["loss"] == record["loss"]


@pytest.mark.parametrize("number", [0, 1])
def test_leaving_the_grid_gives_a_warning_with_the_setting(
    quantised: Path, make_bench: MakeBench, hand_over: HandOver, number: int
) -> None:
    model = hand_over(quantised, f"t0000{number}", 1)

    def warnings(**sections: Any) -> list[str]:
        return [text for text in make_bench(model, **sections).warnings if "quantised" in text]

    [warning] = warnings()
    path, setting = warning.rsplit("set ", 1)[1].split("=")
    assert path == "baseline.quantization"
    found = yaml.safe_load(setting)
    assert found == [{"scheme": "fixed", "width": 7, "frac_width": 5}, {"scheme": "int8"}][number]
    assert warnings(baseline={"epochs": 1}) == [warning]
    assert warnings(baseline={"quantization": found}) == []


def test_a_float_model_has_no_quantisation_file(exported: Path) -> None:
    with pytest.raises(UsageError, match=r"quantization\.json cannot be read"):
        load_grid(tiny.bert(), exported)
    assert grid_setting(str(exported)) is None


def test_a_file_of_another_model_raises_an_error(tmp_path: Path) -> None:
    about = {"format": "prunesweep-quantization", "version": "1", "scheme": "int8"}
    path = tmp_path / "quantization.json"
    path.write_text(json.dumps(about | {"modules": ["classifier"]}))
    with pytest.raises(UsageError, match="only the model has the Linear layer 'bert"):
        load_grid(tiny.bert(), tmp_path)
    for other in ({"version": "2"}, {"scheme": "int4"}):
        path.write_text(json.dumps(about | other))
        with pytest.raises(UsageError, match="not a quantisation file of this version"):
            load_grid(tiny.bert(), tmp_path)


@pytest.mark.parametrize(
    "odd",
    [
        [],
        3,
        {"scheme": ["fixed"]},
        {"modules": 3},
        {"modules": [["0"]]},
        {"width": "8"},
        {"width": 10**30},
        {"frac_width": -1},
    ],
    ids=str,
)
def test_a_grid_of_odd_values_raises_an_error(tmp_path: Path, odd: Any) -> None:
    about = {"format": "prunesweep-quantization", "version": "1", "scheme": "fixed", "modules": []}
    text = json.dumps(about | odd if isinstance(odd, dict) else odd)
    (tmp_path / "quantization.json").write_text(text)
    with pytest.raises(
        UsageError, match=r"quantization\.json cannot be read: .*[Ii]nput should be"
    ):
        load_grid(tiny.bert(), tmp_path)
