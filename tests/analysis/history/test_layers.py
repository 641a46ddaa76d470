from __future__ import annotations

import pytest

from analysis import Results
from tests.analysis.ledgers import LedgerBuilder, small_sweep

WEIGHTS = [["a.weight", 100], ["b.weight", 300], ["c.weight", 0]]


def pruned(**fields: object) -> LedgerBuilder:
    ledger = LedgerBuilder().baseline(prunable_weights=WEIGHTS).trial("t")
    given = {"zeros_per_weight": [50, 75, 0]} | fields
    return ledger.record("t", 0, 700, 0.3125, **given).record("t", 1, 750, 0.3125)


def test_zeros_are_listed_in_the_order_of_the_model() -> None:
    results = pruned().load()
    table = results.layers("t", 0)
    assert table["name"].tolist() == ["a.weight", "b.weight", "c.weight"]
    assert table["zeros"].tolist() == [50, 75, 0]
    assert table["sparsity"].tolist()[:2] == [0.5, 0.25] and table["sparsity"].isna()[2]
    assert results.layers("t", 1).equals(table)  # masks of one-shot pruning stay


def test_the_latest_count_up_to_the_epoch_is_used() -> None:
    ledger = pruned().record("t", 2, 760, 0.5, zeros_per_weight=[90, 110, 0])
    results = ledger.record("t", 3, 770, 0.5).load()
    assert [results.layers("t", epoch)["zeros"][0] for epoch in range(4)] == [50, 50, 90, 90]


@pytest.mark.parametrize(("zeros", "weights"), [([50, 75], WEIGHTS), ([50, 75, 0], [])])
def test_unknown_zeros_give_none(zeros: object, weights: object) -> None:
    ledger = pruned(zeros_per_weight=zeros)
    ledger.events[1]["prunable_weights"] = weights
    results = ledger.load()
    assert results.layers("t", 0) is None and results.layers("nobody", 0) is None
    assert results.layer_table() is None


def test_layers_of_the_front(answered: Results) -> None:
    table, front = answered.layer_table(), answered.front
    assert list(table) == [f"{row.trial_id}:{row.epoch}" for row in front.itertuples()]
    assert table.index.tolist() == ["layer.0", "layer.1"] and table.index.name == "matrix"
    # Both matrices have the same number of weights, so their mean is the sparsity.
    assert table.mean().tolist() == pytest.approx(front["sparsity"].tolist(), abs=1e-4)


def test_a_front_point_without_layers_has_missing_values() -> None:
    ledger = small_sweep()
    ledger.events[1]["prunable_weights"] = WEIGHTS
    for event in ledger.events:
        if event["event"] == "record" and event["trial_id"] == "t00000" and event["epoch"] == 0:
            event["zeros_per_weight"] = [50, 150, 0]
    table = ledger.load().layer_table()
    assert table.columns.tolist() == ["t00000:2", "t00001:1", "t00003:1"]
    assert table.iloc[0].isna().tolist() == [False, True, True]
