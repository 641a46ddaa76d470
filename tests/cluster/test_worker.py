"""Retrainings in a worker, on the closed form and a small real model, and their errors."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from sweep.cluster.worker import retrained, sentence
from sweep.compress.dense.bench import Workbench
from sweep.compress.open import open_bench
from sweep.config.load import load_config
from sweep.errors import TrialError, UsageError
from sweep.ledger import checkpoint
from sweep.space.params import Params
from tests.harness.benches import MakeBench
from tests.harness.trials import TIMES

if TYPE_CHECKING:
    from sweep.compress.open import Bench

PARAMS = {"sparsity": 0.6, "finetune_epochs": 4, "learning_rate": 1e-3}


def closed_form(*settings: str) -> Bench:
    return open_bench(load_config("closed-form", list(settings)))


def assignment(*wanted: int, seed: int = 9, **params: Any) -> dict[str, Any]:
    return {"trial_id": f"t-{seed}", "params": PARAMS | params, "seed": seed, "wanted": wanted}


def figures(record: Mapping[str, Any]) -> dict[str, Any]:
    """All of a record but how long it took, and how the trial did on validation."""
    unlike = (*TIMES, "validation")
    return {name: value for name, value in record.items() if not name.startswith(unlike)}


def on(bench: Bench, split: str, seed: int = 9, **params: Any) -> list[dict[str, Any]]:
    """The records of a trial of these params, evaluated on a split after every epoch."""
    trial = bench.trial(Params.of(PARAMS | params), seed, split)
    return [record.to_dict() for record in trial.run()]


def assert_is_the_trial_on_test(bench: Bench, root: Path, *wanted: int, **params: Any) -> None:
    found = list(retrained(bench, root, assignment(*wanted, **params)))
    test, validation = (on(bench, split, **params) for split in ("test", "validation"))
    assert [figures(record) for record in found] == [figures(test[epoch]) for epoch in wanted]
    for record, epoch in zip(found, wanted, strict=True):
        for name in ("accuracy", "correct", "examples"):
            assert record[f"validation_{name}"] == validation[epoch][name]


@pytest.mark.parametrize("wanted", [(0,), (2,), (1, 3), (0, 4)])
def test_a_retraining_is_the_trial_under_another_seed_evaluated_on_test(
    wanted: tuple[int, ...], tmp_path: Path
) -> None:
    assert_is_the_trial_on_test(closed_form(), tmp_path, *wanted)


@pytest.mark.parametrize(
    "params",
    [
        {"scope": "local"},
        {"scope": "global"},
        {"ramp_epochs": 2},
        {"ramp_epochs": 2, "method": "movement"},
        {"quantization": "fixed", "sparsity": 0.05},
        {"quantization": "int8", "sparsity": 0.05},
    ],
    ids=str,
)
def test_a_retraining_of_a_real_model_is_too(
    bench: Workbench, params: dict[str, Any], tmp_path: Path
) -> None:
    assert_is_the_trial_on_test(bench, tmp_path, 0, 2, finetune_epochs=2, **params)


def test_training_ends_with_the_last_wanted_epoch(tmp_path: Path) -> None:
    list(retrained(closed_form(), tmp_path, assignment(1, 2)))
    assert [path.name for path in (tmp_path / "t-9").iterdir()] == ["epoch-0002"]


def test_under_a_bound_schedule_the_horizon_is_the_trials(
    make_bench: MakeBench, tmp_path: Path
) -> None:
    linear = make_bench(recover={"lr_schedule": "linear"})
    assert_is_the_trial_on_test(linear, tmp_path / "1", 2, finetune_epochs=2)
    [short] = retrained(linear, tmp_path / "2", assignment(1, finetune_epochs=1))
    [partial] = retrained(linear, tmp_path / "3", assignment(1, finetune_epochs=2))
    assert not short["partial"] and partial["partial"]
    assert short["loss"] != partial["loss"]


@pytest.mark.parametrize("gone", [1, 2])
def test_a_lost_worker_costs_what_its_newest_checkpoint_lacks(gone: int, tmp_path: Path) -> None:
    """Left after each of two records, with the ledger having heard of ``gone`` of them."""
    bench, wanted = closed_form(), (1, 2, 4)
    whole = [figures(record) for record in retrained(bench, tmp_path / "1", assignment(*wanted))]
    first = retrained(bench, tmp_path / "2", assignment(*wanted))
    assert [figures(next(first)) for _ in range(2)] == whole[:2]
    rest = retrained(bench, tmp_path / "2", assignment(*wanted[gone:]))
    assert [figures(record) for record in rest] == whole[gone:]


def test_a_retraining_resumes_from_its_checkpoint(tmp_path: Path) -> None:
    bench = closed_form()
    next(retrained(bench, tmp_path, assignment(2, 4)))
    folder = checkpoint.epoch_folder(tmp_path, "t-9", 2)
    state, note = checkpoint.load(folder) or ({}, {})
    state["model"]["recovered"] += 0.2
    checkpoint.save(folder, state, {key: note[key] for key in ("params", "seed")})
    [changed] = retrained(bench, tmp_path, assignment(4))
    shutil.rmtree(tmp_path / "t-9")
    [anew] = retrained(bench, tmp_path, assignment(4))
    assert changed["loss"] < anew["loss"]


def test_a_checkpoint_of_another_retraining_is_not_used(tmp_path: Path) -> None:
    bench = closed_form()
    list(retrained(bench, tmp_path, assignment(2)))
    found = list(retrained(bench, tmp_path, assignment(2, sparsity=0.7)))
    assert [figures(record) for record in found] == [figures(on(bench, "test", sparsity=0.7)[2])]


def test_a_retraining_that_diverges_fails_after_its_earlier_records(tmp_path: Path) -> None:
    records = retrained(closed_form(), tmp_path, assignment(0, 1, learning_rate=1.0))
    assert next(records)["epoch"] == 0
    with pytest.raises(TrialError, match="diverged"):
        next(records)


def test_a_trial_and_its_baseline_do_not_read_the_test_file(
    make_bench: MakeBench, data_files: dict[str, str], tmp_path: Path, cache: Path
) -> None:
    """A test file that cannot be read hinders a whole trial and its baseline in nothing."""
    (tmp_path / "test.jsonl").write_text("this is no JSON\n")
    bench = make_bench(files={**data_files, "test": str(tmp_path / "test.jsonl")})
    bench.check()
    assert bench.baseline()["examples"] == 40
    assert len(on(bench, "validation", finetune_epochs=1)) == 2
    with pytest.raises(UsageError, match=r"test\.jsonl"):
        next(retrained(bench, tmp_path, assignment(0)))


def test_a_task_without_a_test_split_is_refused(
    make_bench: MakeBench, data_files: dict[str, str], tmp_path: Path
) -> None:
    bench = make_bench(files={name: data_files[name] for name in ("train", "validation")})
    message = r"the data has no split 'test'.*task.dataset.test="
    with pytest.raises(UsageError, match=message):
        bench.baseline("test")
    with pytest.raises(UsageError, match=message):
        next(retrained(bench, tmp_path, assignment(0)))


class OutOfMemoryError(RuntimeError):
    """An error with the same name as torch's."""


@pytest.mark.parametrize(
    ("error", "begins"),
    [
        (ValueError("bad"), "ValueError: bad"),
        (OutOfMemoryError("CUDA out of memory. Tried ..."), "out of GPU memory with resources.gpu"),
    ],
)
def test_the_message_of_an_unforeseen_error(error: Exception, begins: str) -> None:
    said = sentence(error, {"resources": {"gpu": 0.25}})
    assert said.startswith(begins)
    assert "0.25" in said or isinstance(error, ValueError)
