from __future__ import annotations

import pytest

from analysis import Results
from analysis.tables.html import ROWS
from tests.analysis.ledgers import LedgerBuilder
from tests.analysis.report.pages import Page


def tags_and_words(html: str) -> tuple[list[str], list[str]]:
    """The tags of a piece of HTML, and the text of each element."""
    page = Page(html)
    assert page.problems == []
    return [each.tag for each in page.elements], [each.text.strip() for each in page.elements]


def test_a_sweep_shows_its_front(answered: Results) -> None:
    tags, words = tags_and_words(answered._repr_html_())
    assert tags.count("tr") == len(answered.front) + 1
    for row in answered.front.itertuples():
        assert {row.trial_id, f"{row.accuracy:.4f}", row.verdict} <= set(words)
    assert "test_accuracy" not in words
    assert any("UNCONFIRMED" in text for text in words)


def test_a_confirmed_sweep_shows_test_figures() -> None:
    ledger = LedgerBuilder().baseline().trial("a").record("a", 0, 700, 0.5)
    html = ledger.confirm_round({("a", 0): {1: 650}}).load()._repr_html_()
    assert "confirmed on test" in html and "UNCONFIRMED" not in html
    assert f"{650 / 872:.4f}" in tags_and_words(html)[1]


def test_text_of_a_sweep_is_text() -> None:
    nasty = "<img src=x onerror=alert(1)>"
    ledger = LedgerBuilder(name=nasty).baseline().trial("t", method=nasty, scope="<b>bold</b>")
    results = ledger.record("t", 0, 700, 0.5).load()
    for shown in (results, results.best(), results.best(max_drop=-1)):
        tags, words = tags_and_words(shown._repr_html_())
        assert not {"img", "b", "script"} & set(tags)
        assert nasty in " ".join(words)


def test_a_long_front_is_thinned_out_with_a_note() -> None:
    points = {f"t{number}": (800 - number, number / 100) for number in range(100)}
    ledger = LedgerBuilder().baseline().points(**points)
    tags, words = tags_and_words(ledger.load()._repr_html_())
    assert tags.count("tr") == ROWS + 1
    assert f"{ROWS} of 100 points, evenly spaced." in words
    assert {"t0", "t99"} <= set(words)


@pytest.mark.parametrize("ledger", [LedgerBuilder(), LedgerBuilder().baseline().trial("a")])
def test_a_sweep_without_a_front_shows_a_sentence(ledger: LedgerBuilder) -> None:
    tags, words = tags_and_words(ledger.load()._repr_html_())
    assert "table" not in tags
    assert any("no point on the front yet" in text for text in words)


def test_an_answer_shows_its_points(small: Results) -> None:
    answer = small.best(min_sparsity=0.6)
    _, words = tags_and_words(answer._repr_html_())
    assert answer.text in words
    assert {"point", "runner-up", "t00001", "t00003"} <= set(words)
    assert "nearest" in tags_and_words(small.best(min_sparsity=0.99)._repr_html_())[1]


def test_the_front_is_a_figure(small: Results) -> None:
    assert small.plot_front().axes
    assert LedgerBuilder().load().plot_front() is None
