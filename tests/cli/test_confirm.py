"""What `sweep confirm` prints: of ledgers written by hand."""

from __future__ import annotations

from pathlib import Path

import pytest

import analysis
from sweep.cli.run import confirmed_text
from tests.analysis.ledgers import EXAMPLES, LedgerBuilder


@pytest.fixture
def ledger() -> LedgerBuilder:
    """Two trials, of which ta is denser and better."""
    built = LedgerBuilder().baseline()
    built.trial("ta", sparsity=0.5).record("ta", 0, 800, 0.5).end("ta")
    return built.trial("tb", sparsity=0.7).record("tb", 2, 700, 0.7).end("tb")


def text_of(ledger: LedgerBuilder, folder: Path) -> str:
    return confirmed_text(analysis.load(ledger.write(folder)))


def share(correct: int) -> str:
    return f"{correct / EXAMPLES:.4f}"


def cells(text: str, trial: str) -> list[str]:
    [row] = [line.split() for line in text.splitlines() if trial in line.split()]
    return row


def test_mean_spread_and_optimism_of_each_point(ledger: LedgerBuilder, tmp_path: Path) -> None:
    ledger.confirm_round({("ta", 0): {7: 760, 8: 780}, ("tb", 2): {7: 680}}, dense=790)
    [begun] = [event for event in ledger.events if event["event"] == "confirm"]
    begun["points"][1]["why"] = "runner-up"
    text = text_of(ledger, tmp_path)
    assert cells(text, "ta") == [
        "0.500", share(800), share(770), f"{20 / EXAMPLES / 2**0.5:.4f}", "2",
        f"{30 / EXAMPLES:+.4f}", f"{-20 / EXAMPLES:+.4f}", "0", "ta",
    ]  # fmt: skip
    assert cells(text, "tb") == [
        "0.700", share(700), share(680), "1",
        f"{20 / EXAMPLES:+.4f}", f"{-110 / EXAMPLES:+.4f}", "2", "tb", "(r)",
    ]  # fmt: skip
    assert f"({EXAMPLES} examples, dense {share(790)})" in text
    mean = f"{30 / EXAMPLES:+.4f}"
    assert f"optimism of the front (validation minus test): {mean} on average" in text
    assert "every seed" not in text


def test_seeds_that_change_nothing_are_said_to(ledger: LedgerBuilder, tmp_path: Path) -> None:
    ledger.confirm_round({("ta", 0): {7: 780, 8: 780}, ("tb", 2): {7: 680, 8: 680}})
    records = [event for event in ledger.events if event["event"] == "confirm_record"]
    records[-1]["correct_bits"] = records[0]["correct_bits"]  # other answers than those of seed 7
    text = text_of(ledger, tmp_path)
    assert cells(text, "ta")[3] == "0.0000*"
    assert cells(text, "tb")[3] == "0.0000"
    assert "the same answers under every seed" in text and "runner-up" not in text


def test_a_record_told_twice_counts_once_and_points_of_older_rounds_are_left_out(
    ledger: LedgerBuilder, tmp_path: Path
) -> None:
    ledger.confirm_round({("ta", 0): {7: 780}, ("tb", 2): {7: 600}})
    [first, _] = [event for event in ledger.events if event["event"] == "confirm_record"]
    ledger.events.append({**first, "accuracy": 0.1})
    text = text_of(ledger.confirm_round({("ta", 0): {}}), tmp_path)
    assert cells(text, "ta")[2:5] == [share(780), "1", f"{20 / EXAMPLES:+.4f}"]
    assert share(600) not in text and "tb" not in text


def test_before_the_first_figure_it_says_so(ledger: LedgerBuilder, tmp_path: Path) -> None:
    ledger.confirm_round({("ta", 0): {}}, finish=False)
    assert text_of(ledger, tmp_path) == "no figure on test yet"
