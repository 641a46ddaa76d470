"""Figures of a model's answers to a split: the bits, and metrics as scikit-learn computes them."""

from __future__ import annotations

import base64
import json
import math
from dataclasses import replace

import numpy as np
import pytest

from sweep.compress.dense.bench import Workbench
from sweep.compress.measure import Score
from sweep.compress.trial import ModelTrial
from sweep.metrics import Results
from tests.harness.trials import PLAIN, logits_one_by_one

METRICS = ("accuracy", "f1", "matthews")


def unpacked(bits: str, examples: int) -> list[bool]:
    """Decode the bits without numpy, from the highest bit of the first byte."""
    text = "".join(f"{byte:08b}" for byte in base64.b64decode(bits, validate=True))
    assert set(text[examples:]) <= {"0"} and len(text) - examples < 8
    return [bit == "1" for bit in text[:examples]]


def drawn(labels: int, examples: int, seed: int) -> tuple[Results, Results]:
    """Draw labels, and answers that are mostly correct."""
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, labels, examples)
    guesses = rng.integers(0, labels, examples)
    return truth, np.where(rng.random(examples) < 0.6, truth, guesses)


@pytest.mark.parametrize("examples", [1, 7, 8, 9, 872])
def test_bits_mark_the_correct_answers(examples: int) -> None:
    right = np.random.default_rng(examples).random(examples) < 0.7
    labels = np.arange(examples)
    figures = Score(labels, labels + ~right, 0.5, 1.0).figures(["accuracy"])
    assert unpacked(figures["correct_bits"], examples) == right.tolist()
    assert figures["correct"] == right.sum()


@pytest.mark.parametrize("labels", [2, 3, 10])
def test_figures_equal_their_definitions(labels: int) -> None:
    truth, answers = drawn(labels, 200, labels)
    figures = Score(truth, answers, 0.5, 1.0).figures(METRICS)
    right = [int(((truth == n) & (answers == n)).sum()) for n in range(labels)]
    sizes = np.bincount(truth) + np.bincount(answers)
    assert figures["f1"] == pytest.approx(np.mean(2 * np.array(right) / sizes))
    if labels == 2:
        assert figures["matthews"] == pytest.approx(np.corrcoef(truth, answers)[0, 1])
    assert json.loads(json.dumps(figures, allow_nan=False)) == figures


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    ("truth", "answers", "f1", "matthews"),
    [
        ([0, 0, 0], [0, 0, 0], 1, 0),  # a single label and a single answer
        ([0, 1, 2], [1, 1, 1], 1 / 6, 0),  # always the same answer
        ([1, 1, 1], [0, 1, 2], 1 / 6, 0),  # a single label
        ([0, 0, 3, 3], [0, 3, 3, 3], (2 / 3 + 4 / 5) / 2, 1 / 3**0.5),  # some labels do not occur
        ([0, 1], [1, 0], 0, -1),  # no correct answer
        ([0, 2], [0, 1], 1 / 3, 0.5),  # an answer that is not among the labels
    ],
)
def test_figures_are_defined_in_degenerate_cases(
    truth: list[int], answers: list[int], f1: float, matthews: float
) -> None:
    figures = Score(np.array(truth), np.array(answers), 0.5, 1.0).figures(METRICS)
    assert (figures["f1"], figures["matthews"]) == pytest.approx((f1, matthews))


def test_only_requested_metrics_are_in_the_figures() -> None:
    score = Score(np.array([0, 1]), np.array([0, 0]), math.log(2), 1.0)
    assert set(score.figures(["f1"])) == {"loss", "examples", "f1", "f1_se"}
    with_bits = {"accuracy", "accuracy_se", "correct", "correct_bits"}
    assert set(score.figures(["f1", "accuracy"])) == {*score.figures(["f1"]), *with_bits}


def test_a_trials_records_have_the_figures(bench: Workbench) -> None:
    """These are the bits, the zeros per matrix after pruning, and the ``task.metrics``."""
    params = replace(PLAIN, scope="global", finetune_epochs=1)
    recipe = bench.recipe(params, 0)
    some = ModelTrial(params, bench.dense, bench.task, recipe, baseline=0.5, metrics=METRICS)
    data = bench.task.split("validation")
    for record in some.run():
        answers = logits_one_by_one(some.model, data).argmax(-1).numpy()
        found = Score(np.asarray(data.labels), answers, record.loss, 0).figures(METRICS)
        assert found.items() <= record.to_dict().items()
        if record.epoch == 0:
            zeros = [int((weight == 0).sum()) for weight in some.weights.values()]
            assert record.zeros_per_weight == zeros and len(set(zeros)) > 2
            names = [name for name, _ in bench.baseline()["prunable_weights"]]
            assert names == list(some.weights)
        else:
            assert "zeros_per_weight" not in record.to_dict()
