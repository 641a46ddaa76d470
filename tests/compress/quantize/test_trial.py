"""A trial on a grid: zeros from pruning and from rounding, ranking of weights, and the baseline."""

from __future__ import annotations

import dataclasses

import pytest
import torch

from sweep.compress.dense.bench import Workbench
from sweep.compress.prune.masks import make_masks
from sweep.compress.prune.targets import prunable_weights
from sweep.compress.quantize.scheme import fixed, int8
from sweep.compress.tasks.closed_form import ClosedForm
from sweep.config.load import load_config
from sweep.config.sections import PruningConfig
from sweep.space.params import Params
from tests.harness import tiny
from tests.harness.benches import MakeBench
from tests.harness.trials import PLAIN, figures, run, same, trial

GRIDS = {"fixed": fixed, "int8": int8}
every_grid = pytest.mark.parametrize("name", list(GRIDS))


def on(name: str | None, sparsity: float = 0.5) -> Params:
    return dataclasses.replace(PLAIN, sparsity=sparsity, quantization=name)


@every_grid
def test_zeros_from_pruning_and_from_rounding_are_counted_separately(
    bench: Workbench, name: str
) -> None:
    some = trial(bench, on(name, sparsity=0.05))
    for record in some.run():
        kept = torch.cat([mask.flatten() for mask in some.masks.values()])
        floats = torch.cat([weight.detach().flatten() for weight in some.weights.values()])
        rounded = torch.cat([GRIDS[name](w.detach()).flatten() for w in some.weights.values()])
        assert record.sparsity == int((~kept).sum()) / len(kept) == pytest.approx(0.05, abs=1e-3)
        assert not rounded[~kept].any() and bool(floats[kept].all())
        lost = int((rounded[kept] == 0).sum())
        assert record.quantized_sparsity == lost / len(kept)
        assert (lost > 0) == (name == "fixed")  # kept weights are too large for int8 to round to 0
        total = sum(parameter.numel() for parameter in some.model.parameters())
        assert record.model_sparsity == int((~kept).sum()) / total


@every_grid
def test_weights_are_ranked_by_their_float_values(bench: Workbench, name: str) -> None:
    """Rounded values have many ties, and an earlier trial's training must not change the ranks."""
    run(bench, on("none"), seed=4)
    some = trial(bench, on(name))
    some.prune()
    model = tiny.bert()
    weights = prunable_weights(model, PruningConfig())
    expected = make_masks(weights, Params(0.5), torch.Generator())
    assert same(some.masks, expected)
    for key, mask in some.masks.items():  # the order also holds for the rounded values
        rounded = fixed(weights[key].detach()).abs()
        assert rounded[~mask].max() <= rounded[mask].min()


def test_a_grid_changes_training_and_the_name_none_changes_nothing(bench: Workbench) -> None:
    plain, *others = (run(bench, on(name)) for name in (None, "none", "fixed", "int8"))
    assert plain == others[0] and "quantized_sparsity" not in plain[0]
    assert len({records[-1]["loss"] for records in others}) == 3


def test_every_drop_is_relative_to_the_one_baseline_of_the_sweep(make_bench: MakeBench) -> None:
    bench = make_bench(baseline={"quantization": {"width": 4, "epochs": 1}})
    dense = bench.baseline()["accuracy"]
    for name in (None, "none", "fixed", "int8"):
        [record] = bench.trial(Params(finetune_epochs=0, quantization=name), 0).run()
        assert record.baseline_accuracy == dense
        assert record.accuracy_drop == dense - record.accuracy
        assert (record.quantized_sparsity is None) == (name == "none")
    [record] = bench.trial(Params(sparsity=0.0, finetune_epochs=0), 0).run()
    assert record.loss == bench.baseline()["loss"]


def test_a_closed_form_task_accepts_the_quantization_parameter() -> None:
    bench = ClosedForm(load_config("closed-form", ["space.quantization=[none, int8]"]))
    found = [
        [figures(record) for record in bench.trial(Params(quantization=name), 0).run()]
        for name in (None, "int8")
    ]
    assert found[0] == found[1] and len(found[0]) == 2
