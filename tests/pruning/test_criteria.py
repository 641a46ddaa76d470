"""The contract of every row of CRITERIA under every scope, and what each method means by hand."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from sweep.names import METHODS, SCOPES
from sweep.pruning import CRITERIA, Masks, make_masks

every_method = pytest.mark.parametrize("method", sorted(CRITERIA))
every_scope = pytest.mark.parametrize("scope", SCOPES)
sparsities = st.floats(0, 1, exclude_max=True, allow_nan=False)

Weights = dict[str, Tensor]


def generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def weights(seed: int = 0) -> Weights:
    """Matrices of three shapes and three scales."""
    g = generator(seed)
    return {
        "small": torch.randn(7, 5, generator=g) * 0.1,
        "large": torch.randn(11, 3, generator=g) * 10,
        "conv": torch.randn(4, 2, 3, generator=g),
    }


def constant() -> Weights:
    return {"a": torch.full((10, 10), 0.5), "b": torch.full((4, 5), 0.5)}


def masks(given_weights: Weights, sparsity: float, method: str, scope: str, seed: int = 0) -> Masks:
    return make_masks(given_weights, sparsity, method, scope, generator(seed))


def dropped(found: Masks) -> dict[str, int]:
    return {name: int((~mask).sum()) for name, mask in found.masks.items()}


def same(one: Masks, other: Masks) -> bool:
    return all(torch.equal(one.masks[name], other.masks[name]) for name in one.masks)


def test_the_table_has_the_names_that_a_config_allows() -> None:
    assert set(CRITERIA) == set(METHODS)


@every_method
def test_scores_have_the_weights_shape_and_leave_the_weights_alone(method: str) -> None:
    for weight in weights().values():
        before = weight.clone()
        scores = CRITERIA[method](weight, generator(0))
        assert scores.shape == weight.shape
        assert torch.isfinite(scores).all()
        assert torch.equal(weight, before)


@every_method
@every_scope
def test_masks_are_boolean_of_the_weights_shapes(method: str, scope: str) -> None:
    found = masks(weights(), 0.5, method, scope).masks
    assert {name: mask.shape for name, mask in found.items()} == {
        name: weight.shape for name, weight in weights().items()
    }
    assert {mask.dtype for mask in found.values()} == {torch.bool}


@every_method
@given(sparsity=sparsities, seed=st.integers(0, 99))
@settings(max_examples=60)
def test_local_count_is_exact_in_every_matrix(method: str, sparsity: float, seed: int) -> None:
    for some in (weights(seed), constant()):
        for name, count in dropped(masks(some, sparsity, method, "local", seed)).items():
            total = some[name].numel()
            assert abs(count - sparsity * total) < 1
            assert count < total


@every_method
@given(sparsity=sparsities, seed=st.integers(0, 99))
@settings(max_examples=60)
def test_global_count_is_exact_over_all(method: str, sparsity: float, seed: int) -> None:
    for some in (weights(seed), constant()):
        count = masks(some, sparsity, method, "global", seed).pruned
        total = sum(weight.numel() for weight in some.values())
        assert abs(count - sparsity * total) < 1
        assert count < total


@every_method
@every_scope
def test_sparsity_zero_prunes_nothing(method: str, scope: str) -> None:
    found = masks(weights(), 0.0, method, scope)
    assert found.pruned == 0
    assert set(found.masks) == set(weights())


@every_method
@every_scope
def test_one_seed_gives_one_mask(method: str, scope: str) -> None:
    for some in (weights(), constant()):
        assert same(masks(some, 0.6, method, scope, 3), masks(some, 0.6, method, scope, 3))


@every_method
@every_scope
def test_ties_are_broken_by_the_seed(method: str, scope: str) -> None:
    found = [masks(constant(), 0.5, method, scope, seed) for seed in range(4)]
    assert not any(same(found[0], other) for other in found[1:])
    assert {one.pruned for one in found} == {60}


@every_method
@every_scope
@pytest.mark.parametrize("sparsity", [0.5, 0.97, 0.999])
def test_ties_are_never_all_dropped(method: str, scope: str, sparsity: float) -> None:
    found = masks(constant(), sparsity, method, scope)
    kept = {name: int(mask.sum()) for name, mask in found.masks.items()}
    groups = kept.values() if scope == "local" else [sum(kept.values())]
    assert all(count >= 1 for count in groups)


@every_method
def test_tied_weights_go_evenly_wherever_they_stand(method: str) -> None:
    """No place is favoured: over many seeds each of 16 equal weights is dropped as often."""
    seeds, share = 600, 0.25
    some = {"w": torch.ones(4, 4)}
    drops = sum((~masks(some, share, method, "local", s).masks["w"]).int() for s in range(seeds))
    spread = (seeds * share * (1 - share)) ** 0.5
    assert (drops - seeds * share).abs().max() < 4.5 * spread


def test_random_differs_from_seed_to_seed_and_does_not_look_at_the_weights() -> None:
    for scope in SCOPES:
        one = masks(weights(), 0.5, "random", scope, 1)
        assert not same(one, masks(weights(), 0.5, "random", scope, 2))
        assert same(one, masks(weights(5), 0.5, "random", scope, 1))


def test_l1_norm_without_ties_does_not_look_at_the_seed() -> None:
    for scope in SCOPES:
        assert same(
            masks(weights(), 0.5, "l1-norm", scope, 1), masks(weights(), 0.5, "l1-norm", scope, 2)
        )


@pytest.mark.parametrize(
    ("sparsity", "kept"),
    [
        (0.0, [True, True, True, True]),
        (0.25, [True, True, True, False]),
        (0.5, [False, True, True, False]),
        (0.75, [False, True, False, False]),
        (0.99, [False, True, False, False]),
    ],
)
def test_l1_norm_by_hand(sparsity: float, kept: list[bool]) -> None:
    """Magnitudes 0.5, 2, 1, 0.1: the smallest go first, whatever their sign."""
    layer = {"layer": torch.tensor([[0.5, -2.0, 1.0, -0.1]])}
    for scope in SCOPES:
        assert masks(layer, sparsity, "l1-norm", scope).masks["layer"].tolist() == [kept]


def test_scope_by_hand() -> None:
    """Local takes half of each row of weights; global takes the small matrix as a whole."""
    two = {"small": torch.tensor([[1.0, -2.0]]), "large": torch.tensor([[30.0, -40.0]])}
    local = masks(two, 0.5, "l1-norm", "local").masks
    assert local["small"].tolist() == [[False, True]]
    assert local["large"].tolist() == [[False, True]]
    whole = masks(two, 0.5, "l1-norm", "global").masks
    assert whole["small"].tolist() == [[False, False]]
    assert whole["large"].tolist() == [[True, True]]


def test_a_global_threshold_separates_the_kept_from_the_dropped() -> None:
    some = weights()
    found = masks(some, 0.7, "l1-norm", "global").masks
    kept = torch.cat([some[name][mask].abs() for name, mask in found.items()])
    gone = torch.cat([some[name][~mask].abs() for name, mask in found.items()])
    assert gone.max() < kept.min()
