"""The closed-form task: trials whose results are a formula with a real trade-off."""

from __future__ import annotations

import dataclasses
import json
import math
import subprocess
import sys
from itertools import islice, pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sweep.compress.open import open_bench
from sweep.compress.tasks.closed_form import (
    CHANCE,
    DENSE,
    OTHERS,
    WEIGHTS,
    ClosedForm,
    expected_accuracy,
    recover,
    share,
)
from sweep.config.load import load_config
from sweep.errors import ConfigError
from sweep.ledger import checkpoint
from sweep.space.params import SCOPES, Params
from tests.harness.spaces import METHODS
from tests.harness.trials import figures


def bench(**task: Any) -> ClosedForm:
    found = open_bench(load_config("closed-form", [f"task.{k}={v}" for k, v in task.items()]))
    assert isinstance(found, ClosedForm)
    return found


def after(params: Params, epochs: int) -> float:
    """Return the expected accuracy after ``epochs``."""
    recovered = 0.0
    for epoch in range(1, epochs + 1):
        recovered = recover(params, epoch, recovered)
    return expected_accuracy(params, recovered)


def run(params: Params, seed: int, split: str = "validation") -> list[dict[str, Any]]:
    return [figures(record) for record in bench().trial(params, seed, split).run()]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("scope", SCOPES)
@pytest.mark.parametrize("epochs", [0, 1, 2, 5])
def test_accuracy_falls_with_sparsity_from_dense_to_chance(
    method: str, scope: str, epochs: int
) -> None:
    sparsities = np.linspace(0, 0.99, 34)
    curve = [after(Params(s, method, scope), epochs) for s in sparsities]
    assert all(a > b for a, b in pairwise(curve))
    assert min(curve) > CHANCE and max(curve) < DENSE
    assert curve[0] > DENSE - 0.01 and curve[-1] < 0.6


def test_l1_norm_beats_random_and_finetuning_helps() -> None:
    middle = Params(0.6, "l1-norm", learning_rate=1e-3)
    assert after(middle, 0) > after(dataclasses.replace(middle, method="random"), 0) + 0.3
    assert after(middle, 3) > after(middle, 1) > after(middle, 0)
    assert after(dataclasses.replace(middle, activation_sparsity=0.5), 0) < after(middle, 0)


@pytest.mark.parametrize(("sparsity", "waits"), [(0.5, 0), (0.9, 1)])
def test_epochs_recover_as_the_formula_says(sparsity: float, waits: int) -> None:
    params, recovered = Params(sparsity, learning_rate=4e-4), 0.0
    for epoch in range(1, 8):
        recovered = recover(params, epoch, recovered)
        left = (1 - share(params.learning_rate)) ** (epoch - waits)
        assert math.isclose(recovered, 1 - left, rel_tol=1e-12)


def test_the_best_learning_rate_is_inside_the_space() -> None:
    rates = np.logspace(-4, -2, 41)
    assert max(rates, key=share) == pytest.approx(1e-3)


def test_the_number_of_correct_answers_is_binomial() -> None:
    """Over the seeds of trials, mean and variance are those of a binomial distribution."""
    small, params = bench(eval_samples=200), Params(0.5, finetune_epochs=0)
    drawn = [next(small.trial(params, seed).run()).correct for seed in range(600)]
    p = after(params, 0)
    error = math.sqrt(200 * p * (1 - p) / len(drawn))
    assert abs(np.mean(drawn) - 200 * p) < 4 * error
    assert np.var(drawn) == pytest.approx(200 * p * (1 - p), rel=0.25)


def test_errors_of_models_on_one_split_are_correlated() -> None:
    params = Params(0.5, finetune_epochs=0)
    scores = [bench().score(after(params, 0), "validation", seed, 0) for seed in (1, 2)]
    one, other = (score.answers == score.labels for score in scores)
    both = float((~one & ~other).mean())
    assert both > 1.5 * (1 - one.mean()) * (1 - other.mean())
    assert (one != other).any()


@pytest.mark.parametrize("sparsity", [0.0, 0.33333, 0.5, 0.99])
def test_zeros_are_counted_in_total_and_per_matrix(sparsity: float) -> None:
    some = bench(metrics="[f1]")
    first, last = some.trial(Params(sparsity, finetune_epochs=1), 3).run()
    zeros = round(sparsity * WEIGHTS)
    assert first.sparsity == zeros / WEIGHTS
    assert first.nonzero_params == WEIGHTS + OTHERS - zeros
    assert first.model_sparsity == pytest.approx(zeros / (WEIGHTS + OTHERS))
    assert first.zeros_per_weight is not None and last.zeros_per_weight is None
    names, counts = zip(*some.baseline()["prunable_weights"], strict=True)
    assert len(set(names)) == len(first.zeros_per_weight) and sum(counts) == WEIGHTS
    assert sum(first.zeros_per_weight) == zeros
    for here, count in zip(first.zeros_per_weight, counts, strict=True):
        assert here == pytest.approx(sparsity * count, abs=200)
    assert first.accuracy == first.correct / first.examples
    assert first.f1 is not None and "matthews" not in first.scores and "f1" in some.baseline()


def test_a_trial_depends_only_on_its_params_and_seed() -> None:
    params = Params(0.7, finetune_epochs=3)
    one, again, other = (run(params, seed) for seed in (1, 1, 2))
    assert one == again != other
    assert [r["correct"] for r in run(params, 1, "test")] != [r["correct"] for r in one]


def test_a_longer_trial_begins_like_a_shorter_one() -> None:
    """Epochs are the fidelity: a record does not depend on the number of later epochs."""
    short, long = (run(Params(0.6, finetune_epochs=epochs), 5) for epochs in (2, 4))
    assert long[:3] == short and len(long) == 5


def test_with_a_horizon_bound_schedule_only_the_last_record_counts() -> None:
    config = load_config("closed-form", ["recover.lr_schedule=linear"])
    trial = open_bench(config).trial(Params(0.6, finetune_epochs=2), 0)
    assert [record.partial for record in trial.run()] == [True, True, False]


@pytest.mark.parametrize("epochs", [1, 2, 3])
def test_a_trial_continues_the_same_from_a_checkpoint(tmp_path: Path, epochs: int) -> None:
    params = Params(0.83, finetune_epochs=4, learning_rate=3e-4)
    first, second = (bench().trial(params, 9) for _ in range(2))
    begun = [figures(record) for record in islice(first.run(), epochs + 1)]
    checkpoint.save(tmp_path / "epoch", first.state_dict(), {})
    loaded = checkpoint.load(tmp_path / "epoch")
    assert loaded is not None
    second.load_state_dict(loaded[0])
    assert begun + [figures(record) for record in second.run()] == run(params, 9)


def test_an_epoch_takes_the_configured_time() -> None:
    *_, record = bench(seconds_per_epoch=0.05).trial(Params(0.5), 0).run()
    assert record.train_seconds >= 0.05 and record.seconds >= record.train_seconds


@pytest.mark.parametrize(
    ("settings", "word"),
    [
        (["model=bert"], "model: needs a task.dataset other than closed-form"),
        (["task.seconds_per_epoch=-1"], "task.seconds_per_epoch"),
        (
            ["task.dataset=digits", "task.seconds_per_epoch=1"],
            "seconds_per_epoch: needs task.dataset closed-form",
        ),
        (["task.subset=x"], "task.subset"),
        (["space.method=[random, wanda]"], "wanda needs data, but task.dataset .* has none"),
    ],
)
def test_settings_that_do_not_fit_are_refused(settings: list[str], word: str) -> None:
    with pytest.raises(ConfigError, match=word):
        load_config("closed-form", settings)


def test_a_single_trial_needs_no_torch() -> None:
    code = (
        "import sys, json\nfrom sweep.cli.main import main\n"
        "sys.argv = ['sweep', 'trial', 'closed-form', 'sparsity=0.7', '--json']\n"
        "try: main()\nexcept SystemExit as left: assert not left.code\n"
        "assert not {'torch', 'transformers', 'datasets', 'ray'} & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout)["sparsity"] == 0.7
