"""Linear layers on a grid: the values they compute, and the state that they do not change."""

from __future__ import annotations

import copy
import pickle
from dataclasses import replace

import pytest
import torch
from torch import nn

from sweep.compress.dense.make import Dense
from sweep.compress.prune.activations import ActivationPruner, keep_per_token
from sweep.compress.prune.targets import prunable_modules
from sweep.compress.quantize.layers import (
    GridLinear,
    grid_layers,
    linears,
    round_weights,
    set_scheme,
)
from sweep.compress.quantize.scheme import Scheme, fixed, int8
from sweep.config.sections import PruningConfig
from tests.harness import tiny
from tests.harness.rounding import assert_near
from tests.harness.trials import same

SCHEMES = [Scheme("fixed"), Scheme("int8")]
every_scheme = pytest.mark.parametrize("scheme", SCHEMES, ids=str)
IDS = torch.arange(12).view(2, 6)
STEPS = 3000


def layer() -> nn.Linear:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        return nn.Linear(5, 3)


def test_a_layer_multiplies_rounded_inputs_and_weights() -> None:
    x, one = torch.randn(4, 5, generator=torch.Generator().manual_seed(1)), layer()
    model = nn.Sequential(one)
    set_scheme(model, Scheme("fixed", 6, 4))
    w, b, rounded = (fixed(part, 6, 4) for part in (one.weight, one.bias, x))
    assert torch.equal(model(x), nn.functional.linear(rounded, w, b))
    set_scheme(model, Scheme("int8"))
    expected = nn.functional.linear(int8(x), int8(one.weight), one.bias)
    assert torch.equal(model(x), expected)
    set_scheme(model, None)
    assert type(one) is nn.Linear
    assert torch.equal(model(x), nn.functional.linear(x, one.weight, one.bias))
    assert vars(one).keys() == vars(layer()).keys()


@every_scheme
def test_copies_of_a_model_compute_alike_and_its_tensors_stay_floats(scheme: Scheme) -> None:
    model, plain = tiny.bert().eval(), tiny.bert().eval()
    set_scheme(model, scheme)
    assert same(model.state_dict(), plain.state_dict())
    assert list(grid_layers(model)) == list(linears(plain)) and len(linears(plain)) == 14
    assert [type(m).__name__ for m in model.modules() if type(m) is nn.Linear] == []
    model.load_state_dict(plain.state_dict())
    found = model(IDS).logits
    assert not torch.equal(found, plain(IDS).logits)
    assert torch.equal(copy.deepcopy(model)(IDS).logits, found)
    assert torch.equal(pickle.loads(pickle.dumps(model))(IDS).logits, found)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert model(IDS).logits.isfinite().all()
    set_scheme(model, None)
    assert torch.equal(model(IDS).logits, plain(IDS).logits)


@every_scheme
def test_rounding_the_stored_weights_does_not_change_the_outputs(scheme: Scheme) -> None:
    model = tiny.bert().eval()
    set_scheme(model, scheme)
    found, before = model(IDS).logits, copy.deepcopy(model.state_dict())
    round_weights(model)
    assert torch.equal(model(IDS).logits, found)
    round_weights(model)  # rounding is idempotent
    assert torch.equal(model(IDS).logits, found)
    for name, one in grid_layers(model).items():
        assert torch.equal(one.weight, scheme.value(before[f"{name}.weight"]))
        assert torch.equal(one.bias, scheme.bias(before[f"{name}.bias"]))
    embedding = "bert.embeddings.word_embeddings.weight"
    assert torch.equal(model.state_dict()[embedding], before[embedding])


@every_scheme
def test_small_steps_accumulate_in_the_float_weights(scheme: Scheme) -> None:
    """One step is smaller than the grid's spacing and changes no output; many steps do."""
    model = nn.Sequential(layer())
    set_scheme(model, scheme)
    x = torch.ones(1, 5)
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-4)
    start, before = model(x).detach(), model[0].weight.detach().clone()
    for _ in range(STEPS):
        optimizer.zero_grad()
        model(x).sum().backward()
        optimizer.step()
    moved = 1e-4 * STEPS * scheme.value(x)  # the gradient is the input on its grid
    assert_near(model[0].weight, before - moved, steps=STEPS)
    assert bool((model(x) < start - 1).all())


def test_activations_are_pruned_before_rounding_and_stay_zero() -> None:
    one = layer()
    model = nn.Sequential(one)
    set_scheme(model, Scheme("fixed"))
    pruner = ActivationPruner({"0": one}, 0.6, "l1-norm", "local")
    pruner.attach()
    x = torch.randn(2, 4, 5, generator=torch.Generator().manual_seed(2))
    rounded = fixed(keep_per_token(x, 0.6))
    assert int((rounded == 0).sum()) >= 24
    expected = nn.functional.linear(rounded, fixed(one.weight), fixed(one.bias))
    assert torch.equal(model(x), expected)


def test_a_reset_switches_the_working_copy_between_floats_and_a_grid() -> None:
    dense = Dense.of(tiny.bert())
    on_grid = replace(dense, scheme=Scheme("int8"))
    floats = dense.reset().eval()(IDS).logits
    rounded = on_grid.reset().eval()(IDS).logits
    round_weights(dense.model)
    assert not torch.equal(floats, rounded)
    assert torch.equal(dense.reset().eval()(IDS).logits, floats)
    assert torch.equal(on_grid.reset().eval()(IDS).logits, rounded)
    assert isinstance(dense.model.classifier, GridLinear)
    assert set(prunable_modules(dense.model, PruningConfig())) == set(linears(dense.model))


def test_a_weight_tied_to_an_embedding_stays_in_floats() -> None:
    model = nn.Sequential(nn.Embedding(7, 5), nn.Linear(5, 7), nn.Linear(7, 2, bias=False))
    model[1].weight = model[0].weight
    set_scheme(model, Scheme("fixed"))
    assert list(grid_layers(model)) == ["2"]
    assert model(torch.tensor([1])).shape == (1, 2)


def test_torchs_fast_path_does_not_bypass_a_grid() -> None:
    """In evaluation without gradients, a TransformerEncoderLayer may read weights directly."""
    torch.manual_seed(0)
    layer = nn.TransformerEncoderLayer(8, 2, 16, dropout=0.0, batch_first=True).eval()
    x = torch.randn(3, 5, 8)
    with torch.no_grad():
        plain = layer(x)
    set_scheme(layer, Scheme("fixed", 5, 1))
    with torch.no_grad():
        found = layer(x)
    torch.testing.assert_close(found, layer(x).detach())
    assert not torch.allclose(found, plain, atol=1e-3)
    set_scheme(layer, None)
    with torch.no_grad():
        torch.testing.assert_close(layer(x), plain)
