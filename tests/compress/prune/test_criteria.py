"""The contract of every row of CRITERIA under every scope, and what each method means by hand."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from torch import Tensor

from sweep.compress.prune import CRITERIA, Masks, make_masks
from sweep.compress.prune.statistics import MOVEMENT, inverse_factor
from sweep.errors import UsageError
from sweep.space.params import GRANULARITIES, LAYER_PROFILES, METHODS, NORMALISATIONS, SCOPES
from tests.compress.prune.known import Weights, even, fitting, generator, statistics

every_method = pytest.mark.parametrize("method", sorted(CRITERIA))
every_scope = pytest.mark.parametrize("scope", SCOPES)
every_granularity = pytest.mark.parametrize("granularity", GRANULARITIES)
every_profile = pytest.mark.parametrize("profile", LAYER_PROFILES)
sparsities = st.floats(0, 1, exclude_max=True, allow_nan=False)


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


def masks(
    given_weights: Weights, sparsity: float, method: str, scope: str, seed: int = 0, **how: Any
) -> Masks:
    """Where nothing tells two weights apart, no statistic does."""
    level = all(bool((w == w.reshape(-1)[0]).all()) for w in given_weights.values())
    known = (even if level else statistics)(method, given_weights)
    return make_masks(
        given_weights, sparsity, method, scope, generator(seed), statistics=known, **how
    )


def dropped(found: Masks) -> dict[str, int]:
    return {name: int((~mask).sum()) for name, mask in found.masks.items()}


def same(one: Masks, other: Masks) -> bool:
    return all(torch.equal(one.masks[name], other.masks[name]) for name in one.masks)


@every_method
def test_scores_have_the_weights_shape_and_leave_the_weights_alone(method: str) -> None:
    some = fitting(method, weights())
    known = statistics(method, some)
    for name, weight in some.items():
        before = weight.clone()
        scores = CRITERIA[method].score(weight, known[name], generator(0))
        assert scores.shape == weight.shape
        assert torch.isfinite(scores).all()
        assert (scores >= 0).all() or CRITERIA[method].needs == MOVEMENT  # which has a sign
        assert torch.equal(weight, before)


@every_method
def test_zeros_score_lowest_so_that_what_was_pruned_stays_pruned(method: str) -> None:
    if method == "random" or CRITERIA[method].needs == MOVEMENT:
        return  # chance, and what did not move stands above what shrank: start masks nest them
    some = {"w": torch.randn(6, 8, generator=generator(0))}
    some["w"][:, ::2] = 0
    assert masks(some, 0.5, method, "local").masks["w"].tolist() == [[False, True] * 4] * 6


@every_method
@every_scope
@every_granularity
@every_profile
def test_the_contract(method: str, scope: str, granularity: str, profile: str) -> None:
    """Masks are boolean, of the weights' shapes; one seed gives one mask; the count is exact."""
    some = {
        "small": torch.randn(6, 8, generator=generator(1)) * 0.1,
        "large": torch.randn(10, 16, generator=generator(2)) * 10,
    }
    how = {"granularity": granularity, "layer_profile": profile}
    found = masks(some, 0.6, method, scope, 3, **how)
    assert {name: mask.shape for name, mask in found.masks.items()} == {
        name: weight.shape for name, weight in some.items()
    }
    assert {mask.dtype for mask in found.masks.values()} == {torch.bool}
    assert same(found, masks(some, 0.6, method, scope, 3, **how))
    if granularity == "element":
        slack = 2 if (scope, profile) in (("local", "uniform"), ("row", "uniform")) else 1
        assert abs(found.pruned - 0.6 * 208) < slack
    else:
        kept, group = map(int, granularity.split(":"))
        for mask in found.masks.values():
            assert (mask.reshape(-1, group).sum(1) == kept).all()


@every_method
@given(sparsity=sparsities, seed=st.integers(0, 99))
@example(sparsity=0.0, seed=0)
@settings(max_examples=40)
def test_counts_are_exact_in_every_matrix_or_over_all(
    method: str, sparsity: float, seed: int
) -> None:
    for some in (fitting(method, weights(seed)), constant()):
        whole = sum(weight.numel() for weight in some.values())
        local = dropped(masks(some, sparsity, method, "local", seed))
        counts = [(count, some[name].numel()) for name, count in local.items()]
        for normalise in NORMALISATIONS:
            found = masks(some, sparsity, method, "global", seed, normalise=normalise)
            assert set(found.masks) == set(some)
            counts.append((found.pruned, whole))
        for count, total in counts:
            assert abs(count - sparsity * total) < 1
            assert count < total


@every_method
@given(sparsity=sparsities, seed=st.integers(0, 99))
@example(sparsity=0.0, seed=0)
@settings(max_examples=40)
def test_row_count_is_exact_in_every_row_and_matrix(
    method: str, sparsity: float, seed: int
) -> None:
    for some in (fitting(method, weights(seed)), constant()):
        for name, mask in masks(some, sparsity, method, "row", seed).masks.items():
            rows = (~mask).reshape(len(mask), -1).sum(1)
            width = mask[0].numel()
            assert int(rows.max()) < width
            assert int(rows.max() - rows.min()) <= 1
            wanted = min(sparsity * mask.numel(), len(mask) * (width - 1))
            assert abs(int(rows.sum()) - wanted) < 1, name


@every_method
@every_scope
@every_granularity
def test_ties_are_broken_by_the_seed(method: str, scope: str, granularity: str) -> None:
    some = {"a": torch.full((10, 8), 0.5), "b": torch.full((5, 8), 0.5)}
    found = [masks(some, 0.5, method, scope, seed, granularity=granularity) for seed in range(4)]
    assert not any(same(found[0], other) for other in found[1:])
    assert {one.pruned for one in found} == {60}


@every_method
@every_scope
@pytest.mark.parametrize(("granularity", "share"), [("element", 0.25), ("2:4", 0.5)])
def test_tied_weights_go_evenly_wherever_they_stand(
    method: str, scope: str, granularity: str, share: float
) -> None:
    """No place is favoured: over many seeds each of 16 equal weights is dropped as often."""
    seeds, some = 400, {"w": torch.ones(4, 4)}
    found = [masks(some, share, method, scope, s, granularity=granularity) for s in range(seeds)]
    drops = sum((~one.masks["w"]).int() for one in found)
    spread = (seeds * share * (1 - share)) ** 0.5
    assert (drops - seeds * share).abs().max() < 4.5 * spread


@pytest.mark.parametrize("method", [m for m in METHODS if CRITERIA[m].needs != "none"])
def test_a_method_that_needs_data_says_so(method: str) -> None:
    with pytest.raises(UsageError, match="scores by a statistic of the data, and there is none"):
        make_masks({"w": torch.ones(2, 4)}, 0.5, method, "local", generator(0))


@every_scope
def test_random_looks_at_the_seed_alone_and_l1_norm_at_the_weights(scope: str) -> None:
    one = masks(weights(), 0.5, "random", scope, 1)
    assert not same(one, masks(weights(), 0.5, "random", scope, 2))
    assert same(one, masks(weights(5), 0.5, "random", scope, 1))
    norms = [masks(weights(), 0.5, "l1-norm", scope, seed) for seed in (1, 2)]
    assert same(*norms)


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
    """Local takes half of each matrix; global takes the small one as a whole; row half of a row."""
    two = {"small": torch.tensor([[1.0, -2.0]]), "large": torch.tensor([[30.0, -40.0]])}
    local = masks(two, 0.5, "l1-norm", "local").masks
    assert local["small"].tolist() == [[False, True]]
    assert local["large"].tolist() == [[False, True]]
    whole = masks(two, 0.5, "l1-norm", "global").masks
    assert whole["small"].tolist() == [[False, False]]
    assert whole["large"].tolist() == [[True, True]]
    tall = {"tall": torch.tensor([[1.0, -2.0], [30.0, -40.0]])}
    assert masks(tall, 0.5, "l1-norm", "local").masks["tall"].tolist() == [[False] * 2, [True] * 2]
    assert masks(tall, 0.5, "l1-norm", "row").masks["tall"].tolist() == [[False, True]] * 2


def test_rms_by_hand() -> None:
    """Over their own root mean squares, 1 and 10 of the two that count, both matrices lose half."""
    two = {"small": torch.tensor([[0.6, -1.28]]), "large": torch.tensor([[6.0, -12.8, 0.0]])}
    plain = masks(two, 0.6, "l1-norm", "global").masks
    assert plain["small"].tolist() == [[False, False]]
    rms = masks(two, 0.6, "l1-norm", "global", normalise="rms").masks
    assert rms["small"].tolist() == [[False, True]]
    assert rms["large"].tolist() == [[False, True, False]]


def test_n_of_m_by_hand() -> None:
    layer = {"layer": torch.tensor([[0.5, -2.0, 1.0, -0.1, 5.0, -6.0, 7.0, 8.0]])}
    found = masks(layer, 0.9, "l1-norm", "local", granularity="2:4").masks["layer"]
    assert found.tolist() == [[False, True, True, False, False, False, True, True]]
    found = masks(layer, 0.9, "l1-norm", "local", granularity="4:8").masks["layer"]
    assert found.tolist() == [[False] * 4 + [True] * 4]


@pytest.mark.parametrize(
    ("method", "statistic", "scores"),
    [
        ("taylor", torch.tensor([[4.0, 0.5, 0.0, 10.0]]), (2, 1, 0, 1)),
        ("wanda", torch.tensor([1.0, 0.5, 8.0, 10.0]), (0.5, 1, 8, 1)),
        # Squares 0.25, 4, 1, 0.01; each over those as large and larger: 5.25, 4, 5, 5.26.
        ("lamp", None, (0.25 / 5.25, 1, 1 / 5, 0.01 / 5.26)),
        # Uncorrelated inputs of X^T X = diag(4, 1, 1, 2), mean 2: [H^-1]_jj = 1 / (d + 0.02).
        (
            "sparsegpt",
            inverse_factor(torch.tensor([4.0, 1.0, 1.0, 2.0]).diag()),
            (0.25 * 4.02, 4 * 1.02, 1.02, 0.01 * 2.02),
        ),
    ],
)
def test_scores_by_hand(method: str, statistic: Tensor | None, scores: tuple[float, ...]) -> None:
    """But for a few roundings of single precision."""
    layer = torch.tensor([[0.5, -2.0, 1.0, -0.1]])
    found = CRITERIA[method].score(layer, statistic, generator(0))[0].tolist()
    assert found == pytest.approx(scores, rel=10 * torch.finfo(torch.float32).eps)


@given(seed=st.integers(0, 99), rounded=st.booleans())
def test_lamp_is_its_definition(seed: int, rounded: bool) -> None:
    """Sums over all pairs, O(n^2); rounding makes ties."""
    weight = torch.randn(5, 7, generator=generator(seed))
    weight = weight.round(decimals=0) if rounded else weight
    squares = weight.double().reshape(-1) ** 2
    sums = (squares.unsqueeze(0) * (squares.unsqueeze(0) >= squares.unsqueeze(1))).sum(1)
    wanted = torch.where(squares > 0, squares / sums, 0.0).float().view(5, 7)
    torch.testing.assert_close(CRITERIA["lamp"].score(weight, None, generator(0)), wanted)
