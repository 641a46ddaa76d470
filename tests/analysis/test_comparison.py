from __future__ import annotations

from pathlib import Path

import pytest

from analysis import Comparison, Incomparable, NotASweep, load
from analysis.comparison import attainment
from tests.analysis.ledgers import LedgerBuilder, big_sweep, small_sweep


def sweep(folder: Path, drawn: int, **search: object) -> Path:
    return big_sweep(20, drawn).search(**search).write(folder)


@pytest.fixture
def comparison(tmp_path: Path) -> Comparison:
    names = ("a", "b", "c")
    return load([sweep(tmp_path / name, n, seed=n) for n, name in enumerate(names)])


def test_several_folders_are_compared(comparison: Comparison, tmp_path: Path) -> None:
    assert len(comparison) == 3 and comparison.directions == {"accuracy": "max", "sparsity": "max"}
    for one, name in zip(comparison.results, "abc", strict=True):
        assert one.hypervolume == load(tmp_path / name).hypervolume
    assert isinstance(load((tmp_path / "a",)), Comparison)


def test_the_table_is_what_each_sweep_says(comparison: Comparison) -> None:
    table = comparison.table
    for row, results in zip(table.itertuples(), comparison.results, strict=True):
        assert row.hypervolume == results.hypervolume
        assert (row.trials, row.front_points) == (len(results.trials), len(results.front))
        assert (row.epochs, row.epochs_saved) == (results.epochs_spent, results.epochs_saved)
        assert row.best_accuracy == results.front["accuracy"].max()
    assert table["hypervolume_share"].max() == 1
    assert table["name"].is_unique


def test_what_differs_in_the_configs(tmp_path: Path) -> None:
    one = sweep(tmp_path / "a", 0, sampler="tpe", constraints={"loss": {"max": 2}})
    two = sweep(tmp_path / "b", 0, sampler="random")
    table = load([one, two]).config_differences.set_index("setting")
    assert table.index.tolist() == ["search.sampler", "search.constraints.loss.max"]
    assert table.iloc[0].tolist() == ['"tpe"', '"random"']
    assert table.iloc[1].isna().tolist() == [False, True]


def test_equal_configs_do_not_differ(tmp_path: Path) -> None:
    same = load([sweep(tmp_path / name, 0) for name in "ab"])
    assert same.config_differences.empty
    assert list(same.config_differences) == ["setting", *same.names]


def test_names_are_all_different(tmp_path: Path) -> None:
    one, two = (small_sweep().write(tmp_path / name) for name in "ab")
    other = LedgerBuilder(name="other").write(tmp_path / "c")
    names = load([one, two, one, other]).names
    assert names == [f"toy ({one})", f"toy ({two})", f"toy ({one}) #2", "other"]


def test_attainment_is_that_of_the_fronts(comparison: Comparison) -> None:
    fronts = [results.front[["accuracy", "sparsity"]].to_numpy() for results in comparison.results]
    expected = attainment(fronts, 0.5, ["max", "max"])
    assert comparison.attainment(0.5).tolist() == expected.tolist()


def test_other_objectives_do_not_compare(tmp_path: Path) -> None:
    one = small_sweep().write(tmp_path / "a")
    two = LedgerBuilder(directions={"accuracy": "max", "size_bytes": "min"}).write(tmp_path / "b")
    with pytest.raises(Incomparable, match="accuracy max, size_bytes min") as raised:
        load([one, two])
    assert str(one) in str(raised.value) and str(two) in str(raised.value)
    assert isinstance(raised.value, ValueError)


def test_other_reference_points_do_not_compare(tmp_path: Path) -> None:
    point = {"accuracy": 0.5, "sparsity": 0.0}
    other = LedgerBuilder(reference_point=point).write(tmp_path / "b")
    with pytest.raises(Incomparable, match=r"accuracy 0\.1; accuracy 0\.5"):
        load([small_sweep().write(tmp_path / "a"), other])


def test_a_sweep_without_a_reference_point_yet_has_no_volume(tmp_path: Path) -> None:
    new = LedgerBuilder(reference_point={"sparsity": 0.0}).write(tmp_path / "b")
    table = load([small_sweep().write(tmp_path / "a"), new]).table
    assert table["hypervolume"].isna().tolist() == [False, True]
    assert table["hypervolume_share"].isna().tolist() == [False, True]


def test_what_is_no_sweep_is_no_part_of_a_comparison(tmp_path: Path) -> None:
    with pytest.raises(NotASweep):
        load([small_sweep().write(tmp_path / "a"), tmp_path / "absent"])
    with pytest.raises(ValueError, match="at least one"):
        load([])


def test_it_shows_in_a_notebook_as_text(comparison: Comparison, tmp_path: Path) -> None:
    nasty = LedgerBuilder(name="<script>alert(1)</script>").write(tmp_path / "d")
    html = load([nasty, nasty])._repr_html_()
    assert "<script>" not in html and "&lt;script&gt;" in html
    assert "hypervolume" in comparison._repr_html_()
    assert repr(comparison).startswith("<Comparison of toy")
