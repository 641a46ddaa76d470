"""transformers' Conv1D as Linear layers: equal outputs, and files in the layout of Conv1D."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from transformers import AutoModelForSequenceClassification
from transformers.pytorch_utils import Conv1D

from sweep.compress.conv1d import MARK, as_in_files, as_linears
from sweep.compress.models import save_model
from sweep.compress.prune.targets import fitted, prunable_weights
from sweep.config.sections import PruningConfig
from tests.harness import tiny

IDS = torch.tensor([[4, 10, 11, 7], [5, 12, 13, 14]])


def copied(model: nn.Module) -> dict[str, Tensor]:
    return {name: value.clone() for name, value in model.state_dict().items()}


def equal(one: dict[str, Tensor], other: dict[str, Tensor]) -> bool:
    return list(one) == list(other) and all(torch.equal(one[name], other[name]) for name in one)


def test_outputs_state_and_random_numbers_stay_the_same() -> None:
    plain: Any = tiny.gpt2().eval()
    before, logits = copied(plain), plain(IDS).logits
    random = torch.random.get_rng_state()
    model = as_linears(plain)
    assert torch.equal(random, torch.random.get_rng_state())
    assert not any(isinstance(module, Conv1D) for module in model.modules())
    turned = [name for name, module in model.named_modules() if hasattr(module, MARK)]
    assert len(turned) == 8 and all(".c_" in name for name in turned)
    torch.testing.assert_close(model(IDS).logits, logits)
    assert equal(copied(model), before)
    wide = model.get_submodule("transformer.h.0.mlp.c_fc")
    assert wide.weight.shape == (128, 32) and not wide.training
    assert as_linears(model) is model and equal(copied(model), before), "a second call is harmless"


def test_a_state_is_loaded_in_the_layout_of_conv1d_by_copies_too() -> None:
    model, other = as_linears(tiny.gpt2()), tiny.gpt2(initializer_range=0.1)
    for each in (model, copy.deepcopy(model)):
        each.load_state_dict(other.state_dict())
        assert equal(copied(each), copied(other))
        name = "transformer.h.1.attn.c_proj"  # square, so no shape tells the layout
        weight = each.get_parameter(f"{name}.weight")
        assert torch.equal(weight, other.get_parameter(f"{name}.weight").T)


def test_shared_layers_and_weights_stay_shared() -> None:
    one, same = Conv1D(6, 4), Conv1D(6, 4)
    same.weight = one.weight
    model = as_linears(nn.ModuleList([one, one, same, nn.Linear(4, 6)]))
    first, again, tied, other = model
    assert first is again and first is not tied and first.weight is tied.weight
    assert not hasattr(other, MARK)
    assert [p.shape for p in model.parameters()] == [(6, 4), (6,), (6,), (6, 4), (6,)]


def test_a_saved_model_is_one_of_the_original_class(tmp_path: Path) -> None:
    plain = tiny.gpt2()
    model = as_linears(copy.deepcopy(plain))
    with torch.no_grad():
        for weight in prunable_weights(model, PruningConfig()).values():
            weight[0] = 0  # the first output of each layer
    save_model(model, tmp_path)
    found = AutoModelForSequenceClassification.from_pretrained(tmp_path)
    assert equal(copied(found), copied(model))
    layer = found.transformer.h[0].attn.c_proj
    assert isinstance(layer, Conv1D) and not layer.weight[:, 0].any() and layer.weight[0].any()
    saved = load_file(tmp_path / "model.safetensors")
    assert saved["transformer.h.0.mlp.c_fc.weight"].shape == (32, 128)


def test_masks_are_saved_in_the_layout_of_the_files_and_fitted_back() -> None:
    model = as_linears(tiny.gpt2())
    weights, masks = prunable_weights(model, PruningConfig()), {}
    with torch.no_grad():
        for name, weight in weights.items():
            masks[name] = torch.ones_like(weight, dtype=torch.bool)
            masks[name][1, :] = False
            weight.mul_(masks[name])
    files = as_in_files(model, masks)
    for name, mask in files.items():
        assert torch.equal(mask, model.state_dict()[f"{name}.weight"] != 0)
    arrays = {name: mask.numpy() for name, mask in files.items()}
    assert equal(fitted(arrays, model), masks)
    square = "transformer.h.0.attn.c_proj"
    with pytest.raises(Exception, match=f"weights of {square} are not zero"):
        fitted({square: arrays[square].T}, model)
