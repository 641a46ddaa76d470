"""A trial that goes on from what was saved gives, bit for bit, what it would have given."""

from __future__ import annotations

import dataclasses
import itertools
from pathlib import Path

import pytest

from sweep.compress.dense.bench import Workbench
from sweep.ledger import checkpoint
from sweep.space.params import ACTIVATION_METHODS, ACTIVATION_SCOPES, Params
from tests.harness.trials import (
    PLAIN,
    WITH_ACTIVATIONS,
    every_schedule,
    figures,
    first_epochs,
    run,
    same,
    trial,
)


@every_schedule
@pytest.mark.parametrize(
    "params",
    [dataclasses.replace(p, finetune_epochs=3) for p in (PLAIN, *WITH_ACTIVATIONS)],
    ids=[
        "weights",
        *("-".join(pair) for pair in itertools.product(ACTIVATION_METHODS, ACTIVATION_SCOPES)),
    ],
)
def test_a_saved_trial_goes_on_bit_for_bit(
    bench: Workbench, tmp_path: Path, params: Params, schedule: str
) -> None:
    whole = trial(bench, params, schedule, dropout=0.2)
    expected = [figures(record) for record in whole.run()]
    final = whole.state_dict()

    first = trial(bench, params, schedule, dropout=0.2)
    found = first_epochs(first, 1)
    checkpoint.save(tmp_path / "epoch-0001", first.state_dict(), {"note": 1})
    run(bench, WITH_ACTIVATIONS[0], seed=9)  # the worker does something else meanwhile

    loaded = checkpoint.load(tmp_path / "epoch-0001")
    assert loaded is not None
    second = trial(bench, params, schedule, dropout=0.2)
    second.load_state_dict(loaded[0])
    found += [figures(record) for record in second.run()]
    assert found == expected
    state = second.state_dict()
    assert same(state["model"], final["model"])
    assert same(state["masks"], final["masks"])
    assert same(state["activations"], final["activations"])
    for index, moments in final["optimizer"].items():
        assert same(state["optimizer"][index], moments)
    assert list(second.run()) == []


def test_a_state_is_a_copy_that_later_training_does_not_change(bench: Workbench) -> None:
    first = trial(bench)
    first_epochs(first, 1)
    state = first.state_dict()
    rest = [figures(record) for record in first.run()]
    for _ in range(2):  # loading a state leaves it as it was, too
        again = trial(bench)
        again.load_state_dict(state)
        assert [figures(record) for record in again.run()] == rest


def test_a_state_right_after_pruning(bench: Workbench, tmp_path: Path) -> None:
    expected = run(bench, seed=4)
    first = trial(bench, seed=4)
    first_epochs(first, 0)
    checkpoint.save(tmp_path / "epoch-0000", first.state_dict(), {})
    loaded = checkpoint.load(tmp_path / "epoch-0000")
    assert loaded is not None
    second = trial(bench, seed=4)
    second.load_state_dict(loaded[0])
    assert [figures(record) for record in second.run()] == expected[1:]


@pytest.mark.parametrize("pieces", [(1, 1, 1, 1), (1, 3), (3, 0, 1), (9,)])
def test_a_run_in_pieces_is_a_run(bench: Workbench, pieces: tuple[int, ...]) -> None:
    params = dataclasses.replace(PLAIN, finetune_epochs=3)
    some = trial(bench, params)
    found = [figures(r) for count in pieces for r in itertools.islice(some.run(), count)]
    assert found == run(bench, params)
