"""The dense model on a grid: its choice, its figures and its cache; the rules of the setting."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from sweep.cluster.baseline import reference_point
from sweep.compress.dense.make import Grid
from sweep.compress.quantize.layers import linears, set_scheme
from sweep.compress.quantize.scheme import Scheme
from sweep.compress.train import Recipe
from sweep.config.load import load_config
from sweep.config.sections import QuantizationConfig
from sweep.errors import ConfigError
from tests.harness import tiny
from tests.harness.benches import MakeBench, nothing_is_made
from tests.harness.trials import evaluated, finetune, same

PTQ: dict[str, Any] = {"width": 6, "frac_width": 3}
QAT: dict[str, Any] = {**PTQ, "epochs": 2, "learning_rate": 2e-3}


def test_the_quantization_parameter_selects_the_grid(make_bench: MakeBench) -> None:
    def named(quantization: dict[str, Any] | None) -> list[Grid]:
        bench = make_bench(baseline={"quantization": quantization})
        return [bench.grid(name) for name in (None, "none", "fixed", "int8")]

    usual, int8 = QuantizationConfig(), QuantizationConfig(scheme="int8")
    assert named(None) == [None, None, usual, int8]
    narrow = QuantizationConfig(**PTQ)
    assert named(PTQ) == [narrow, None, narrow, int8]
    trained = QuantizationConfig(scheme="int8", epochs=1)
    fixed = QuantizationConfig(epochs=1)
    assert named({"scheme": "int8", "epochs": 1}) == [trained, None, fixed, trained]
    assert (usual.widths, QuantizationConfig(width=5).widths) == ((8, 4), (5, 2))


def test_the_baseline_has_the_accuracy_of_each_step(make_bench: MakeBench, cache: Path) -> None:
    """The expected figures come from a model that the test itself rounds and finetunes."""
    bench = make_bench(baseline={"quantization": QAT})
    found, plain = bench.baseline(), make_bench().baseline()
    model, validation = tiny.bert(), bench.task.split("validation")
    recipe = Recipe(learning_rate=2e-3, epochs=2, seed=0, batch_size=16, lr_schedule="linear")
    scores = [evaluated(model, validation, 16)]
    set_scheme(model, Scheme("fixed", 6, 3))
    scores.append(evaluated(model, validation, 16))
    finetune(model, bench.task.train, recipe)
    scores.append(evaluated(model, validation, 16))
    accuracies = [score.figures(["accuracy"])["accuracy"] for score in scores]
    assert [found[f"{step}_accuracy"] for step in ("dense", "ptq", "qat")] == accuracies
    assert found["loss"] == scores[-1].loss
    assert len({score.loss for score in scores}) == 3
    assert found["train_seconds"] > 0 == plain["train_seconds"]
    assert plain["accuracy"] == found["dense_accuracy"]
    assert not {"dense_accuracy", "ptq_accuracy", "quantized_sparsity"} & set(plain)
    rounded = make_bench(baseline={"quantization": PTQ}).baseline()
    assert rounded["accuracy"] == rounded["ptq_accuracy"] == accuracies[1]
    assert "qat_accuracy" not in rounded


def test_a_quantised_model_is_made_once_and_cached(make_bench: MakeBench, cache: Path) -> None:
    first = make_bench(baseline={"quantization": QAT})
    figures = first.baseline()
    model = first.models.get(first.grid(None)).reset()
    with nothing_is_made(cache):
        second = make_bench(baseline={"quantization": QAT}, space={"quantization": "int8"})
        assert second.baseline() == figures
        again = second.models.get(second.grid("fixed")).reset()
    assert same(again.state_dict(), model.state_dict())
    assert second.dense.reset() is again  # one working copy
    assert type(again.classifier) is torch.nn.Linear


@pytest.mark.parametrize("change", [{"epochs": 1}, {"learning_rate": 1e-4}, {"frac_width": 2}])
def test_each_grid_setting_has_its_own_cached_model(
    make_bench: MakeBench, change: dict[str, Any]
) -> None:
    one, other = (make_bench(baseline={"quantization": {**QAT, **c}}) for c in ({}, change))
    plain = make_bench()
    assert (
        one.models.folder == other.models.folder == plain.models.folder
    )  # the float model is the same
    assert one.trained != other.trained


def test_quantisation_reduces_the_size_but_not_the_reference_point(make_bench: MakeBench) -> None:
    """The reference point keeps the float model's size, because some trials may run in floats."""
    size = {"accuracy": "max", "size_bytes": "min"}
    bench = make_bench(baseline={"quantization": {"scheme": "int8"}}, objectives=size)
    rounded, plain = bench.baseline(), make_bench().baseline()
    layers = linears(tiny.bert()).values()
    weights, outputs = (sum(getattr(m, n).numel() for m in layers) for n in ("weight", "bias"))
    zeros = sum(count for _, count in plain["prunable_weights"]) * rounded["quantized_sparsity"]
    assert plain["size_bytes"] - rounded["size_bytes"] == 3 * weights - 2 * outputs
    assert plain["nonzero_params"] - rounded["nonzero_params"] == pytest.approx(zeros)
    assert 0 < zeros < 0.05 * weights
    assert reference_point(bench.config, rounded)["size_bytes"] == plain["size_bytes"]


@pytest.mark.parametrize(
    ("setting", "told"),
    [
        ("{width: 1}", ("baseline.quantization.width", "must be >= 2", "<= 24")),
        ("{width: 4.5}", ("baseline.quantization.width", "an integer")),
        ("{width: 25}", ("baseline.quantization.width", "must be <= 24")),
        ("{frac_width: 9}", ("frac_width: must be at most the width, 8", "got 9", "from 0 to 8")),
        ("{width: 4, frac_width: 5}", ("frac_width: must be at most the width, 4",)),
        ("{frac_width: -1}", ("frac_width", "must be >= 0")),
        ("{scheme: int4}", ("scheme", "fixed, int8", "int4")),
        ("{scheme: int8, width: 8}", ("width: needs the scheme fixed", "null")),
        ("{scheme: int8, frac_width: 4}", ("frac_width: needs the scheme fixed",)),
        ("{epochs: -1}", ("epochs", ">= 0")),
        ("{learning_rate: 0}", ("learning_rate", "> 0")),
        ("{bits: 8}", ("bits", "unknown")),
        ("int8", ("baseline.quantization",)),
    ],
)
def test_an_invalid_grid_setting_is_refused(setting: str, told: tuple[str, ...]) -> None:
    with pytest.raises(ConfigError) as caught:
        load_config("digits", [f"baseline.quantization={setting}"])
    assert all(part in str(caught.value) for part in told), caught.value


def test_the_space_may_list_schemes_and_the_default_is_no_grid() -> None:
    space = load_config("digits", ["space.quantization=[none, int8]"]).space
    assert list(space["quantization"].grid()) == ["none", "int8"]
    with pytest.raises(ConfigError, match="none, fixed, int8"):
        load_config("digits", ["space.quantization=[none, int4]"])
    assert load_config("digits").baseline.quantization is None
