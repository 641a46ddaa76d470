from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from analysis import Comparison, Incomparable, NotASweep, Results, load
from analysis.comparison import attainment
from sweep.pareto import nondominated
from tests.analysis.ledgers import LedgerBuilder, big_sweep, small_sweep


def compare(*ledgers: LedgerBuilder) -> Comparison:
    return Comparison([ledger.load() for ledger in ledgers])


@pytest.fixture(scope="module")
def comparison() -> Comparison:
    return compare(*(big_sweep(20, seed).search(seed=seed) for seed in range(3)))


def test_several_folders_are_compared(tmp_path: Path, small: Results) -> None:
    one = small_sweep().write(tmp_path / "a")
    two = small_sweep().write(tmp_path / "b")
    other = LedgerBuilder(name="other").write(tmp_path / "c")
    found = load([one, two, one, other])
    assert len(found) == 4 and found.directions == {"accuracy": "max", "sparsity": "max"}
    assert found.results[1].hypervolume == small.hypervolume
    assert found.names == [f"toy ({one})", f"toy ({two})", f"toy ({one}) #2", "other"]
    assert isinstance(load((one,)), Comparison)
    with pytest.raises(NotASweep):
        load([one, tmp_path / "absent"])
    with pytest.raises(ValueError, match="at least one"):
        load([])


def test_the_table_has_the_values_of_each_sweep(comparison: Comparison) -> None:
    table = comparison.table
    for row, results in zip(table.itertuples(), comparison.results, strict=True):
        assert row.hypervolume == results.hypervolume
        assert (row.trials, row.front_points) == (len(results.trials), len(results.front))
        cost = results.cost
        assert (row.epochs, row.epochs_saved) == (cost.epochs_spent, cost.epochs_saved)
        assert row.best_accuracy == results.front["accuracy"].max()
    assert table["hypervolume_share"].max() == 1
    assert table["name"].is_unique


def test_what_differs_in_the_configs() -> None:
    one = big_sweep(20).search(sampler="tpe", constraints={"loss": {"max": 2}})
    table = compare(one, big_sweep(20).search(sampler="random")).config_differences
    assert table["setting"].tolist() == ["search.sampler", "search.constraints.loss.max"]
    assert table.iloc[0].tolist()[1:] == ['"tpe"', '"random"']
    assert table.iloc[1].isna().tolist() == [False, False, True]
    same = compare(one, one)
    assert same.config_differences.empty
    assert list(same.config_differences) == ["setting", *same.names]


def test_attainment_is_that_of_the_fronts(comparison: Comparison) -> None:
    fronts = [results.front[["accuracy", "sparsity"]].to_numpy() for results in comparison.results]
    expected = attainment(fronts, 0.5, ["max", "max"])
    assert comparison.attainment(0.5).tolist() == expected.tolist()


@pytest.mark.parametrize(
    ("head", "words"),
    [
        ({"directions": {"accuracy": "max", "size_bytes": "min"}}, "accuracy max, size_bytes min"),
        ({"reference_point": {"accuracy": 0.5}}, r"accuracy 0\.1; accuracy 0\.5"),
    ],
)
def test_different_objectives_or_reference_points_cannot_be_compared(
    head: dict[str, Any], words: str
) -> None:
    one, two = small_sweep().load(), LedgerBuilder(**head).load()
    with pytest.raises(Incomparable, match=words) as raised:
        Comparison([one, two])
    assert str(one.folder) in str(raised.value) and str(two.folder) in str(raised.value)
    assert isinstance(raised.value, ValueError)


def test_a_sweep_without_a_reference_point_has_no_hypervolume() -> None:
    new = LedgerBuilder(reference_point={"sparsity": 0.0})
    table = compare(small_sweep(), new).table
    assert table["hypervolume"].isna().tolist() == [False, True]
    assert table["hypervolume_share"].isna().tolist() == [False, True]


def test_a_notebook_shows_it_as_text(comparison: Comparison) -> None:
    nasty = LedgerBuilder(name="<script>alert(1)</script>")
    html = compare(nasty, nasty)._repr_html_()
    assert "<script>" not in html and "&lt;script&gt;" in html
    assert "hypervolume" in comparison._repr_html_()
    assert repr(comparison).startswith("<Comparison of toy")


LEVELS = (0.25, 0.5, 0.75)
WAYS = [["min", "min"], ["max", "max"], ["max", "min"]]


def fronts(seed: int, ways: list[str]) -> list[np.ndarray]:
    """Two to six non-dominated sets with ties."""
    draw = np.random.default_rng(seed)
    clouds = [np.round(draw.random((int(draw.integers(1, 9)), 2)), 1) for _ in range(seed % 5 + 2)]
    return [cloud[nondominated(cloud, ways, keep_duplicates=False)] for cloud in clouds]


@pytest.mark.parametrize("ways", WAYS)
def test_a_corner_is_attained_by_enough_fronts_and_no_better_point_is(ways: list[str]) -> None:
    signs = np.array([-1 if way == "max" else 1 for way in ways])

    def attained(goal: np.ndarray, given: list[np.ndarray]) -> float:
        return float(
            np.mean([(front * signs <= goal * signs).all(axis=1).any() for front in given])
        )

    for seed in range(20):
        given = fronts(seed, ways)
        for level in (*LEVELS, 1.0):
            for corner in attainment(given, level, ways):
                assert attained(corner, given) >= level
                for step in ([0.01, 0], [0, 0.01]):
                    assert attained(corner - signs * step, given) < level


def test_one_front_is_its_own_surface() -> None:
    front = [[0.9, 0.1], [0.5, 0.7]]
    assert attainment([front], 0.5, ["max", "max"]).tolist() == [[0.5, 0.7], [0.9, 0.1]]


def test_with_too_few_fronts_nothing_is_attained() -> None:
    empty: list[list[float]] = []
    assert attainment([[[1, 2]], empty, empty], 0.5, ["max", "max"]).shape == (0, 2)
    assert attainment([], 0.5, ["max", "max"]).shape == (0, 2)
    assert attainment([[[1, 2]], empty], 0.5, ["max", "max"]).tolist() == [[1, 2]]


@pytest.mark.parametrize(
    ("level", "ways"),
    [(0, ["max", "max"]), (50, ["max", "max"]), (0.5, ["max"]), (0.5, ["a", "b"])],
)
def test_invalid_arguments_are_refused(level: float, ways: list[str]) -> None:
    with pytest.raises(ValueError, match=r"level must be|two directions"):
        attainment([[[1, 2]]], level, ways)
