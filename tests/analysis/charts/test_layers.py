from __future__ import annotations

import numpy as np
import pytest

from analysis.charts import interactive, static
from analysis.charts.layers import ALONE, MOST_POINTS, place
from analysis.charts.panels import HeatMaps
from analysis.charts.static import ON_PAPER
from analysis.results import Results
from tests.analysis.charts.sweeps import MATRICES, seen, weight_names
from tests.analysis.ledgers import LedgerBuilder


def grid(results: Results) -> HeatMaps:
    found = seen("layers", results)
    assert isinstance(found, HeatMaps), found
    return found


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("bert.encoder.layer.0.output.dense.weight", ("bert.encoder.layer 0", "output.dense")),
        ("encoder.block.11.layer.0.q.weight", ("encoder.block 11", "layer.0.q")),
        ("bert.pooler.dense.weight", ("bert.pooler.dense", ALONE)),
        ("weight", ("weight", ALONE)),
        ("conv.3.weight", ("conv.3", ALONE)),
    ],
)
def test_the_row_and_column_of_a_matrix(name: str, expected: tuple[str, str]) -> None:
    assert place(name) == expected


def test_rows_are_layers_and_columns_matrices(rich: Results) -> None:
    found = grid(rich)
    assert found.rows == ["layer 0", "layer 1", "layer 2", "bert.pooler.dense", "classifier"]
    assert found.columns == [*MATRICES, ALONE]


def test_cells_are_those_of_the_front_points(rich: Results) -> None:
    found = grid(rich)
    assert len(found.points) == len(rich.front) <= MOST_POINTS
    for number, row in enumerate(rich.front.itertuples()):
        layers = rich.layers(row.trial_id, row.epoch)
        assert layers is not None
        shares = dict(zip(layers["name"], 100 * layers["sparsity"], strict=True))
        inside = found.shares[number, :3, :4].ravel()
        np.testing.assert_allclose(inside, [shares[name] for name in weight_names()[:12]])
        alone = [shares["bert.pooler.dense.weight"], shares["classifier.weight"]]
        np.testing.assert_allclose(found.shares[number, 3:, 4], alone)
        assert np.isnan(found.shares[number, 3:, :4]).all()
        assert found.points[number] == (
            f"{100 * row.sparsity:.1f} %: {row.trial_id}, epoch {row.epoch}"
        )


def test_the_slider_shows_one_point_at_a_time(rich: Results) -> None:
    found = grid(rich)
    figure = interactive.draw(found)
    (slider,) = figure.layout.sliders
    assert [trace.visible for trace in figure.data] == [True] + [False] * (len(found.points) - 1)
    for number, step in enumerate(slider.steps):
        visible = step.args[0]["visible"]
        assert sum(visible) == 1 and visible[number]
        np.testing.assert_allclose(figure.data[number].z, found.shares[number], rtol=1e-6)


def test_the_static_figure_has_the_densest_a_middle_and_the_sparsest_point(rich: Results) -> None:
    found = grid(rich)
    paper = static.draw(found)
    maps = [axes.images[0].get_array() for axes in paper.axes if axes.images][:ON_PAPER]
    np.testing.assert_allclose(np.ma.filled(maps[0], np.nan), found.shares[0])
    np.testing.assert_allclose(np.ma.filled(maps[-1], np.nan), found.shares[-1])


def test_rows_of_two_stacks_have_whole_names() -> None:
    weights = [["encoder.block.0.q.weight", 4], ["decoder.block.0.q.weight", 4]]
    ledger = LedgerBuilder().baseline(prunable_weights=weights).trial("a")
    results = ledger.record("a", 0, 700, 0.5, zeros_per_weight=[1, 3]).load()
    found = grid(results)
    assert found.rows == ["encoder.block 0", "decoder.block 0"]
    assert found.shares.tolist() == [[[25.0], [75.0]]]
