"""The contract of every row of CRITERIA under every scope, and hand-computed scores and masks."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from torch import Tensor

from sweep.compress.prune.criteria import CRITERIA
from sweep.compress.prune.statistics import inverse_factor
from sweep.compress.prune.targets import dropped
from sweep.errors import ConfigError, UsageError
from sweep.space.params import LAYER_PROFILES, MOVEMENT, NORMALISATIONS, SCOPES
from tests.compress.prune.known import Weights, fitting, generator, statistics
from tests.compress.prune.known import masks as known_masks
from tests.harness.spaces import GRANULARITIES, METHODS
from tests.harness.trials import same

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


def masks(given: Weights, sparsity: float, method: str, *where: Any, **how: Any) -> Weights:
    """Equal weights get equal statistics."""
    level = all(bool((w == w.reshape(-1)[0]).all()) for w in given.values())
    known = statistics(method, given, level)
    return known_masks(given, sparsity, method, *where, statistics=known, **how)


@every_method
def test_scores_have_the_weights_shape_and_leave_the_weights_alone(method: str) -> None:
    some = fitting(method, weights())
    known = statistics(method, some)
    for name, weight in some.items():
        before = weight.clone()
        scores = CRITERIA[method].score(weight, known[name], generator(0))
        assert scores.shape == weight.shape
        assert torch.isfinite(scores).all()
        assert (scores >= 0).all() or CRITERIA[method].needs == MOVEMENT  # movement is signed
        assert torch.equal(weight, before)


@every_method
def test_zeros_score_lowest_so_that_pruned_weights_stay_pruned(method: str) -> None:
    if method == "random" or CRITERIA[method].needs == MOVEMENT:
        return  # random or signed scores do not order zeros first; start masks keep them pruned
    some = {"w": torch.randn(6, 8, generator=generator(0))}
    some["w"][:, ::2] = 0
    assert masks(some, 0.5, method)["w"].tolist() == [[False, True] * 4] * 6


@every_method
@every_scope
@every_granularity
@every_profile
def test_masks_have_the_right_shape_count_and_seed(
    method: str, scope: str, granularity: str, profile: str
) -> None:
    """Masks are boolean, of the weights' shapes; one seed gives one mask; the count is exact."""
    some = {
        "small": torch.randn(6, 8, generator=generator(1)) * 0.1,
        "large": torch.randn(10, 16, generator=generator(2)) * 10,
    }
    how = {"granularity": granularity, "layer_profile": profile}
    found = masks(some, 0.6, method, scope, 3, **how)
    assert {name: (mask.shape, mask.dtype) for name, mask in found.items()} == {
        name: (weight.shape, torch.bool) for name, weight in some.items()
    }
    assert same(found, masks(some, 0.6, method, scope, 3, **how))
    if granularity == "element":
        slack = 2 if (scope, profile) in (("local", "uniform"), ("row", "uniform")) else 1
        assert abs(dropped(found, found) - 0.6 * 208) < slack
    else:
        kept, group = map(int, granularity.split(":"))
        for mask in found.values():
            assert (mask.reshape(-1, group).sum(1) == kept).all()


@every_method
@every_scope
@given(sparsity=sparsities, seed=st.integers(0, 99))
@example(sparsity=0.0, seed=0)
@settings(max_examples=40)
def test_pruned_counts_are_exact_per_row_per_matrix_or_globally(
    method: str, scope: str, sparsity: float, seed: int
) -> None:
    for some in (fitting(method, weights(seed)), constant()):
        for normalise in NORMALISATIONS if scope == "global" else ("none",):
            found = masks(some, sparsity, method, scope, seed, normalise=normalise)
            assert set(found) == set(some)
            for names in [list(some)] if scope == "global" else [[name] for name in some]:
                total = sum(some[name].numel() for name in names)
                stay = len(some[names[0]]) if scope == "row" else 1
                wanted, count = min(sparsity * total, total - stay), dropped(found, names)
                assert abs(count - wanted) < 1 and count <= total - stay, names
            for mask in found.values() if scope == "row" else ():
                rows = (~mask).flatten(1).sum(1)
                assert int(rows.max()) < mask[0].numel()
                assert int(rows.max() - rows.min()) <= 1


@every_method
@every_scope
@pytest.mark.parametrize(("granularity", "share"), [("element", 0.25), ("2:4", 0.5)])
def test_tied_weights_are_dropped_equally_often_at_every_position(
    method: str, scope: str, granularity: str, share: float
) -> None:
    """Over many seeds, each of 16 equal weights is dropped about as often as the others."""
    seeds, some = 400, {"v": torch.ones(2, 4), "w": torch.ones(2, 4)}
    found = [masks(some, share, method, scope, s, granularity=granularity) for s in range(seeds)]
    drops = sum((~torch.cat(list(one.values()))).int() for one in found)
    spread = (seeds * share * (1 - share)) ** 0.5
    assert (drops - seeds * share).abs().max() < 4.5 * spread


@pytest.mark.parametrize("method", [m for m in METHODS if CRITERIA[m].needs != "none"])
def test_a_data_driven_method_without_statistics_is_refused(method: str) -> None:
    with pytest.raises(UsageError, match=f"method {method} needs a statistic of module w"):
        known_masks({"w": torch.ones(2, 4)}, 0.5, method)


@every_scope
def test_random_depends_only_on_the_seed_and_l1_norm_only_on_the_weights(scope: str) -> None:
    one = masks(weights(), 0.5, "random", scope, 1)
    assert not same(one, masks(weights(), 0.5, "random", scope, 2))
    assert same(one, masks(weights(5), 0.5, "random", scope, 1))
    norms = [masks(weights(), 0.5, "l1-norm", scope, seed) for seed in (1, 2)]
    assert same(*norms)


LAYER = [[0.5, -2.0, 1.0, -0.1]]
TWO = [[1.0, -2.0]], [[30.0, -40.0]]
TALL = [[1.0, -2.0], [30.0, -40.0]]
SCALED = [[0.6, -1.28]], [[6.0, -12.8, 0.0]]
GROUPS = [[0.5, -2.0, 1.0, -0.1, 5.0, -6.0, 7.0, 8.0]]


@pytest.mark.parametrize(
    ("matrices", "sparsity", "how", "kept"),
    [
        # the smallest magnitudes are pruned first, whatever their sign
        *(
            ([LAYER], sparsity, {"scope": scope}, [[kept]])
            for scope in SCOPES
            for sparsity, kept in [
                (0.0, [1, 1, 1, 1]),
                (0.25, [1, 1, 1, 0]),
                (0.5, [0, 1, 1, 0]),
                (0.75, [0, 1, 0, 0]),
                (0.99, [0, 1, 0, 0]),
            ]
        ),
        # local prunes half of each matrix, global all small weights, row half of each row
        (TWO, 0.5, {"scope": "local"}, [[[0, 1]], [[0, 1]]]),
        (TWO, 0.5, {"scope": "global"}, [[[0, 0]], [[1, 1]]]),
        ([TALL], 0.5, {"scope": "local"}, [[[0, 0], [1, 1]]]),
        ([TALL], 0.5, {"scope": "row"}, [[[0, 1], [0, 1]]]),
        # divided by their root mean squares (1 and 10) the matrices compare, and both lose half
        (SCALED, 0.6, {"scope": "global"}, [[[0, 0]], [[1, 1, 0]]]),
        (SCALED, 0.6, {"scope": "global", "normalise": "rms"}, [[[0, 1]], [[0, 1, 0]]]),
        ([GROUPS], 0.9, {"granularity": "2:4"}, [[[0, 1, 1, 0, 0, 0, 1, 1]]]),
        ([GROUPS], 0.9, {"granularity": "4:8"}, [[[0, 0, 0, 0, 1, 1, 1, 1]]]),
    ],
)
def test_masks_equal_hand_computed_masks(
    matrices: Any, sparsity: float, how: dict[str, str], kept: Any
) -> None:
    some = {str(index): torch.tensor(values) for index, values in enumerate(matrices)}
    found = known_masks(some, sparsity, **how)
    assert [mask.int().tolist() for mask in found.values()] == kept


def test_an_unknown_scope_is_refused() -> None:
    with pytest.raises(ConfigError, match="scope: is not one of the known names"):
        known_masks(weights(), 0.5, scope="elsewhere")


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
def test_scores_equal_hand_computed_scores(
    method: str, statistic: Tensor | None, scores: tuple[float, ...]
) -> None:
    """Up to a few roundings in single precision."""
    layer = torch.tensor([[0.5, -2.0, 1.0, -0.1]])
    found = CRITERIA[method].score(layer, statistic, generator(0))[0].tolist()
    assert found == pytest.approx(scores, rel=10 * torch.finfo(torch.float32).eps)


@given(seed=st.integers(0, 99), rounded=st.booleans())
def test_lamp_equals_its_definition(seed: int, rounded: bool) -> None:
    """The definition sums over all pairs, O(n^2); rounding the weights makes ties."""
    weight = torch.randn(5, 7, generator=generator(seed))
    weight = weight.round(decimals=0) if rounded else weight
    squares = weight.double().reshape(-1) ** 2
    sums = (squares.unsqueeze(0) * (squares.unsqueeze(0) >= squares.unsqueeze(1))).sum(1)
    wanted = torch.where(squares > 0, squares / sums, 0.0).float().view(5, 7)
    torch.testing.assert_close(CRITERIA["lamp"].score(weight, None, generator(0)), wanted)
