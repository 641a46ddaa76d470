from __future__ import annotations

import pytest

from analysis import Results
from analysis.report import confirmation, markdown
from tests.analysis.ledgers import LedgerBuilder, small_sweep

FRONT = {("t00000", 2): {1: 780, 2: 782}, ("t00001", 1): {1: 600, 2: 604}, ("t00003", 1): {1: 610}}


def told(ledger: LedgerBuilder) -> str:
    (section,) = confirmation.sections(ledger.load())
    return markdown.section(section)


def test_there_is_no_section_before_it_begins(small: Results) -> None:
    assert confirmation.sections(small) == []


def test_a_finished_confirmation() -> None:
    """Each row has the value that selected the point; the parts of the optimism add up."""
    ledger = small_sweep().confirm_round(FRONT)
    text = told(ledger.confirm_round({("t00000", 1): {1: 640}}, why="runner-up"))
    assert "The confirmation is finished." in text
    assert "6 retrained models under 2 fresh seeds" in text
    assert "| t00000 | 2 | 50.0 % | front | 2 | 89.56 % | 0.16 |" in text
    assert "| t00000 | 1 | 50.0 % | runner-up | 1 |" in text
    row = next(line for line in text.splitlines() if line.startswith("| t00000 | 2 |"))
    assert row.endswith("| 90.14 % | 91.17 % | +1.61 |")
    rows = [line.split("|") for line in text.splitlines() if line.startswith("| ")]
    start = [row[1].strip() for row in rows].index("---") + 1
    whole, selection, split = (float(row[2]) for row in rows[start : start + 3])
    assert abs(whole - selection - split) < 0.011, "each is rounded"
    assert split == round(100 * 5 / 872, 2), "the builder's validation is 5 examples above test"


@pytest.mark.parametrize(
    ("finish", "state"), [(False, "is not finished"), (True, "have no test figures")]
)
def test_an_interrupted_and_a_partial_confirmation(finish: bool, state: str) -> None:
    part = dict(list(FRONT.items())[:1])
    assert state in told(small_sweep().confirm_round(part, finish=finish))


def test_failed_retrainings_have_their_reasons() -> None:
    ledger = small_sweep().confirm_round(FRONT, finish=False)
    points = [{"trial_id": "t00001", "epoch": 1, "why": "front"}]
    ledger.add("confirm", confirm=1, points=points, seeds=[3])
    ledger.add("confirm_end", trial_id="t00001", seed=3, status="failed", error="out of <memory>")
    text = told(ledger.add("confirm_finish", confirm=1))
    assert "- t00001, seed 3: out of &lt;memory&gt;" in text
