from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from analysis import Results
from analysis.certainty.answers import answers_of, stack
from analysis.tables.files import write_tables
from tests.analysis.ledgers import LedgerBuilder, answered_sweep, pack


@pytest.mark.parametrize("examples", [1, 7, 8, 9, 872])
def test_packed_answers_are_unpacked_exactly(examples: int) -> None:
    bits = np.random.default_rng(examples).random(examples) < 0.7
    figures = {"correct_bits": pack(bits), "examples": examples, "correct": int(bits.sum())}
    assert np.array_equal(answers_of(figures), bits)


@pytest.mark.parametrize("text", ["", "oA=", "oA==oA==", "é", "oAA=", "!!!!"])
def test_damaged_answers_are_none(text: str) -> None:
    assert answers_of({"correct_bits": text, "examples": 3, "correct": 2}) is None


@pytest.mark.parametrize(
    "changed",
    [{"correct": 1}, {"examples": 30}, {"examples": 0}],
)
def test_answers_that_do_not_fit_their_figures_are_none(changed: dict[str, object]) -> None:
    figures = {"correct_bits": "oA==", "examples": 3, "correct": 2}
    assert answers_of(figures) is not None
    assert answers_of({**figures, **changed}) is None
    assert answers_of(None) is None


def test_only_answers_to_the_same_examples_are_stacked() -> None:
    two, three = np.array([True, False]), np.array([True, False, True])
    assert stack([two, ~two]).shape == (2, 2)
    for rows in [two, three], [two, None], []:
        assert stack(rows) is None


def test_a_sweep_has_the_answers_of_its_models(answered: Results) -> None:
    assert answered.baseline_answers.mean() == answered.baseline["accuracy"]
    for row in answered.front.itertuples():
        assert answered.answers(row.trial_id, row.epoch).sum() == row.correct
    assert answered.answers("t00000", 9) is None
    assert answered.answers("nobody", 0) is None


def test_an_older_ledger_has_no_answers() -> None:
    results = LedgerBuilder().baseline().trial("a").record("a", 0, 9, 0.5).load()
    assert results.answers("a", 0) is None and results.baseline_answers is None


def test_answers_are_in_no_table(tmp_path: Path) -> None:
    ledger = answered_sweep(4)
    ledger.confirm_round({("t00000", 1): {5: 700}}, correct_bits="secret")
    results = ledger.load()
    for path in write_tables(results, tmp_path / "tables"):
        assert b"correct_bits" not in path.read_bytes()
    assert "correct_bits" not in results.confirmation
    assert "correct_bits" not in (results.baseline or {})
    assert "correct_bits" not in (results.test_baseline or {})
