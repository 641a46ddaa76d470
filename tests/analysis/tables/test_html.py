from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path

import pytest

from analysis import load
from analysis.tables.html import ROWS
from tests.analysis.ledgers import LedgerBuilder, answered_sweep, small_sweep


class Page(HTMLParser):
    """The tags and the text of a piece of HTML."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.words: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.tags.append(tag)

    def handle_data(self, data: str) -> None:
        self.words.append(data.strip())


def test_a_sweep_shows_its_front(tmp_path: Path) -> None:
    results = load(answered_sweep().write(tmp_path))
    page = Page(results._repr_html_())
    assert page.tags.count("tr") == len(results.front) + 1
    for row in results.front.itertuples():
        assert {row.trial_id, f"{row.accuracy:.4f}", row.verdict} <= set(page.words)
    assert "test_accuracy" not in page.words
    assert any("UNCONFIRMED" in text for text in page.words)


def test_a_confirmed_sweep_shows_test_figures(tmp_path: Path) -> None:
    ledger = LedgerBuilder().baseline().trial("a").record("a", 0, 700, 0.5)
    html = load(ledger.confirm_round({("a", 0): {1: 650}}).write(tmp_path))._repr_html_()
    assert "confirmed on test" in html and "UNCONFIRMED" not in html
    assert f"{650 / 872:.4f}" in Page(html).words


def test_text_of_a_sweep_is_text(tmp_path: Path) -> None:
    nasty = "<img src=x onerror=alert(1)>"
    ledger = LedgerBuilder(name=nasty).baseline().trial("t", method=nasty, scope="<b>bold</b>")
    results = load(ledger.record("t", 0, 700, 0.5).write(tmp_path))
    answer = results.best()
    for html in (
        results._repr_html_(),
        answer._repr_html_(),
        results.best(max_drop=-1)._repr_html_(),
    ):
        page = Page(html)
        assert not {"img", "b", "script"} & set(page.tags)
        assert nasty in " ".join(page.words)


def test_a_long_front_is_thinned_and_says_so(tmp_path: Path) -> None:
    ledger = LedgerBuilder().baseline()
    for number in range(100):
        ledger.trial(f"t{number}").record(f"t{number}", 0, 800 - number, number / 100)
    page = Page(load(ledger.write(tmp_path))._repr_html_())
    assert page.tags.count("tr") == ROWS + 1
    assert f"{ROWS} of 100 points, evenly spaced." in page.words
    assert {"t0", "t99"} <= set(page.words)


@pytest.mark.parametrize("ledger", [LedgerBuilder(), LedgerBuilder().baseline().trial("a")])
def test_a_sweep_without_a_front_says_so(tmp_path: Path, ledger: LedgerBuilder) -> None:
    page = Page(load(ledger.write(tmp_path))._repr_html_())
    assert "table" not in page.tags
    assert any("no point on the front yet" in text for text in page.words)


def test_an_answer_shows_its_points(tmp_path: Path) -> None:
    results = load(small_sweep().write(tmp_path))
    answer = results.best(min_sparsity=0.6)
    page = Page(answer._repr_html_())
    assert answer.text in page.words
    assert {"point", "runner-up", "t00001", "t00003"} <= set(page.words)
    assert {"nearest"} <= set(Page(results.best(min_sparsity=0.99)._repr_html_()).words)


def test_the_front_is_a_figure(tmp_path: Path) -> None:
    figure = load(small_sweep().write(tmp_path)).plot_front()
    assert figure is not None and figure.axes
    assert load(LedgerBuilder().write(tmp_path)).plot_front() is None
