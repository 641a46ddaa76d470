from __future__ import annotations

import json
from pathlib import Path

import pytest

from analysis import load
from analysis.charts import CHARTS
from analysis.report.drawing import Drawing, draw
from tests.analysis.ledgers import LedgerBuilder, big_sweep


@pytest.fixture(scope="module")
def drawings(tmp_path_factory: pytest.TempPathFactory) -> list[Drawing]:
    folder = tmp_path_factory.mktemp("sweep")
    return draw(CHARTS, load(big_sweep().write(folder)), folder / "figures")


def test_charts_are_drawn_in_their_order(drawings: list[Drawing]) -> None:
    assert [each.picture.key for each in drawings] == [chart.key for chart in CHARTS]
    front = drawings[0]
    assert front.picture.drawn and front.picture.key == "front"
    assert [file.name for file in front.files] == ["front.png", "front.svg"]
    assert "<svg" in front.files[1].read_text()


def test_interactive_figures_are_plotlys_json(drawings: list[Drawing]) -> None:
    for each in drawings:
        if each.interactive is not None:
            assert {"data", "layout"} <= json.loads(each.interactive).keys(), each.picture.key
    assert drawings[0].interactive


def test_every_picture_has_its_words(drawings: list[Drawing]) -> None:
    for each in drawings:
        assert each.picture.title and each.picture.text.endswith("."), each.picture.key


def test_a_chart_with_nothing_to_see_says_why(tmp_path: Path) -> None:
    stale = tmp_path / "front.png"
    stale.touch()
    (front,) = draw(CHARTS[:1], load(LedgerBuilder().write(tmp_path / "sweep")), tmp_path)
    assert not front.picture.drawn and front.picture.text
    assert front.files == () and front.interactive is None
    assert not stale.exists()
