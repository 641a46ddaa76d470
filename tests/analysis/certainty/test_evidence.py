from __future__ import annotations

import numpy as np
import pytest

from analysis import Results
from analysis.certainty.paired import discordant, mcnemar
from analysis.certainty.verdicts import to_dense
from tests.analysis.ledgers import DENSE, LedgerBuilder, first


def test_two_points_are_compared_on_the_same_examples(answered: Results) -> None:
    a, b = answered.answers("t00003", 1), answered.answers("t00009", 0)
    found = answered.compare_points(("t00003", 1), ("t00009", 0))
    assert found.difference == pytest.approx(a.mean() - b.mean())
    assert found.low < found.difference < found.high
    assert (found.only_a, found.only_b) == discordant(a, b)
    assert found.p_value == mcnemar(found.only_a, found.only_b)
    turned = answered.compare_points(("t00009", 0), ("t00003", 1))
    assert (turned.only_a, turned.only_b) == (found.only_b, found.only_a)
    assert turned.p_value == found.p_value
    assert "points more accurate than t00009 after epoch 0" in found.text


def test_a_point_is_as_good_as_itself(answered: Results) -> None:
    same = answered.compare_points("dense", "dense")
    assert (same.difference, same.low, same.high, same.p_value) == (0, 0, 0, 1)


def test_what_has_no_answers_cannot_be_compared(answered: Results) -> None:
    with pytest.raises(ValueError, match="no validation answers of t00003 after epoch 7"):
        answered.compare_points(("t00003", 7), "dense")
    with pytest.raises(ValueError, match="no test answers of dense"):
        answered.compare_points("dense", ("t00003", 1), confirm_seed=5)


def test_the_generator_draws_the_interval(answered: Results) -> None:
    def interval(seed: int) -> tuple[float, float]:
        draw = np.random.default_rng(seed)
        found = answered.compare_points(("t00003", 1), ("t00009", 0), generator=draw)
        return found.low, found.high

    assert interval(1) == interval(1) != interval(2)


@pytest.mark.parametrize("tested", [True, False])
def test_a_point_is_judged_on_test_once_it_is_confirmed(tested: bool) -> None:
    ledger = LedgerBuilder().baseline(correct_bits=first(DENSE)).trial("a")
    ledger.record("a", 0, DENSE - 1, 0.5, correct_bits=first(DENSE - 1))
    if tested:
        ledger.confirm_round({("a", 0): {1: DENSE - 60}}, dense=DENSE - 10)
    row = ledger.load().front.iloc[0]
    assert row["verdict"] == ("not" if tested else "certified")
    lost = 50 if tested else 1
    assert row["p_value"] == pytest.approx(mcnemar(0, lost))
    events = {event["event"]: event for event in ledger.events}
    kinds = ("confirm_record", "confirm_baseline") if tested else ("record", "baseline")
    assert row["verdict"] == to_dense([events[kinds[0]]], events[kinds[1]]).verdict
