from __future__ import annotations

from pathlib import Path

import pytest

from analysis import load
from benchmarks.head_to_head.teacher import gains
from tests.analysis.ledgers import EXAMPLES, LedgerBuilder

# sparsity, seed -> right without and with a teacher
RIGHT = {(0.5, 0): (700, 710), (0.5, 1): (690, 720), (0.9, 0): (500, 490), (0.9, 1): (450, None)}


def test_a_teachers_gain_is_paired(tmp_path: Path) -> None:
    """Trials without a partner, and records before the first epoch, do not count."""
    ledger = LedgerBuilder().baseline()
    for (sparsity, seed), by_weight in RIGHT.items():
        for weight, right in zip((0.0, 0.5), by_weight, strict=True):
            if right is None:
                continue
            name = f"s{10 * sparsity:.0f}-{seed}-w{10 * weight:.0f}"
            ledger.trial(name, sparsity=sparsity, seed=seed, distill_weight=weight)
            ledger.record(name, 0, 600, sparsity).record(name, 1, right, sparsity)
    found = gains(load(ledger.write(tmp_path)))
    assert found["epoch"].tolist() == [1, 1, 1]
    assert found["pairs"].tolist() == [3, 2, 1]
    points = 100 / EXAMPLES
    assert found["gain"].tolist() == pytest.approx([10 * points, 20 * points, -10 * points])
    assert found["error"].tolist()[1] == pytest.approx(10 * points)


def test_without_a_teacher_the_table_is_empty(tmp_path: Path) -> None:
    ledger = LedgerBuilder().baseline().trial("a").record("a", 0, 700, 0.5)
    assert gains(load(ledger.write(tmp_path))).empty
