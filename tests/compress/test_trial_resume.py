"""A resumed trial gives the same records, bit for bit, as a trial without interruption."""

from __future__ import annotations

import itertools
from dataclasses import replace
from pathlib import Path

import pytest

from sweep.compress.dense.bench import Workbench
from sweep.ledger import checkpoint
from sweep.space.params import Params
from tests.harness.trials import (
    MOVING,
    PLAIN,
    RAMP,
    WITH_ACTIVATIONS,
    every_schedule,
    figures,
    first_epochs,
    run,
    same,
    trial,
)

LONG = replace(PLAIN, finetune_epochs=3)
KINDS = {
    "weights": (LONG, (0, 1)),
    **{
        f"activations-{name}": (replace(params, finetune_epochs=3), (1,))
        for name, params in WITH_ACTIVATIONS.items()
    },
    "ramp": (replace(RAMP, method="random", activation_sparsity=0.3), range(4)),
    "movement": (replace(MOVING, activation_sparsity=0.3, ramp_epochs=3), range(4)),
    "fixed": (replace(LONG, activation_sparsity=0.4, quantization="fixed"), (1,)),
    "int8": (replace(LONG, activation_sparsity=0.4, quantization="int8"), (1,)),
    "distilled": (replace(PLAIN, distill_weight=0.5), (1,)),
}


@every_schedule
@pytest.mark.parametrize(
    ("kind", "after"), [(kind, after) for kind, (_, epochs) in KINDS.items() for after in epochs]
)
def test_a_saved_trial_continues_bit_for_bit(
    bench: Workbench, tmp_path: Path, kind: str, after: int, schedule: str
) -> None:
    params, _ = KINDS[kind]
    whole = trial(bench, params, schedule, dropout=0.2)
    expected = [figures(record) for record in whole.run()]
    final = whole.state_dict()

    first = trial(bench, params, schedule, dropout=0.2)
    found = first_epochs(first, after)
    checkpoint.save(tmp_path / "saved", first.state_dict(), {"note": 1})
    # meanwhile the worker runs another trial on another grid
    run(bench, replace(WITH_ACTIVATIONS["random-local"], quantization="int8"), seed=9)

    loaded = checkpoint.load(tmp_path / "saved")
    assert loaded is not None
    second = trial(bench, params, schedule, dropout=0.2)
    second.load_state_dict(loaded[0])
    found += [figures(record) for record in second.run()]
    assert found == expected
    state = second.state_dict()
    for name in ("model", "masks", "activations"):
        assert same(state[name], final[name])
    for index, moments in final["optimizer"].items():
        assert same(state["optimizer"][index], moments)
    assert list(second.run()) == []


def test_a_state_is_a_copy_that_later_training_does_not_change(bench: Workbench) -> None:
    first = trial(bench)
    first_epochs(first, 1)
    state = first.state_dict()
    rest = [figures(record) for record in first.run()]
    for _ in range(2):  # loading a state does not change it either
        again = trial(bench)
        again.load_state_dict(state)
        assert [figures(record) for record in again.run()] == rest


@pytest.mark.parametrize("pieces", [(1, 1, 1, 1), (1, 3), (3, 0, 1), (9,)])
def test_a_run_in_pieces_equals_one_run(bench: Workbench, pieces: tuple[int, ...]) -> None:
    some = trial(bench, LONG)
    found = [figures(r) for count in pieces for r in itertools.islice(some.run(), count)]
    assert found == run(bench, LONG)


@pytest.mark.parametrize("after", [0, 1, 2, 3])
def test_movement_is_saved_while_the_ramp_lasts(bench: Workbench, after: int) -> None:
    some = trial(bench, replace(MOVING, ramp_epochs=3))
    first_epochs(some, after)
    assert set(some.state_dict()["movement"]) == (set(some.weights) if after < 3 else set())


@pytest.mark.parametrize(("params", "needed"), [(MOVING, True), (PLAIN, False)])
def test_an_old_checkpoint_lacks_only_the_sums_of_movement(
    bench: Workbench, tmp_path: Path, params: Params, needed: bool
) -> None:
    expected = run(bench, params)
    first = trial(bench, params)
    first_epochs(first, 1)
    state = first.state_dict()
    del state["movement"]
    checkpoint.save(tmp_path / "saved", state, {})
    loaded = checkpoint.load(tmp_path / "saved")
    assert loaded is not None and loaded[0]["movement"] == {}
    for found in (state, loaded[0]):
        second = trial(bench, params)
        second.load_state_dict(found)
        assert ([figures(record) for record in second.run()] != expected[2:]) == needed
