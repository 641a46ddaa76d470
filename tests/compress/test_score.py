"""What is made of the answers to a split: bits, and figures that scikit-learn agrees with."""

from __future__ import annotations

import base64
import json
import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from sklearn.metrics import f1_score, matthews_corrcoef

from sweep.compress.dense.bench import Workbench
from sweep.compress.measure import EXTRA, Ints, Score, confusion, macro_f1, matthews, pack
from sweep.compress.train import evaluate
from sweep.compress.trial import Trial
from sweep.config.fields import EXTRA_METRICS
from tests.harness.tiny import Net, bags
from tests.harness.trials import PLAIN


def unpacked(bits: str, examples: int) -> list[bool]:
    """The bits read without numpy: the highest bit of the first byte first."""
    text = "".join(f"{byte:08b}" for byte in base64.b64decode(bits, validate=True))
    assert set(text[examples:]) <= {"0"} and len(text) - examples < 8
    return [bit == "1" for bit in text[:examples]]


def drawn(labels: int, examples: int, seed: int) -> tuple[Ints, Ints]:
    """Labels, and answers that are right more often than not."""
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, labels, examples)
    guesses = rng.integers(0, labels, examples)
    return truth, np.where(rng.random(examples) < 0.6, truth, guesses)


@pytest.mark.parametrize("examples", [1, 7, 8, 9, 872])
def test_bits_tell_which_examples_were_right(examples: int) -> None:
    right = np.random.default_rng(examples).random(examples) < 0.7
    assert unpacked(pack(right), examples) == right.tolist()


@pytest.mark.parametrize("size", [1, 5, 100])
def test_they_are_in_the_order_of_the_split_whatever_the_batches(size: int) -> None:
    net, data = Net(seed=3), bags(45)
    score = evaluate(net, data, batch_size=size)
    expected = []
    for index in range(len(data)):
        row = torch.from_numpy(data.padded(np.array([index]), 0)["input_ids"])
        answer = int(net(row, torch.ones_like(row)).logits.argmax())
        expected.append(answer == int(data.labels[index]))
    order = np.concatenate(list(data.in_order(size)))
    assert order.tolist() != sorted(order), "batches in the split's order would test nothing"
    assert [expected[i] for i in order] != expected
    assert unpacked(score.figures()["correct_bits"], 45) == expected
    assert score.correct == sum(expected)


@pytest.mark.parametrize("labels", [2, 3, 10])
@pytest.mark.parametrize("seed", range(5))
def test_figures_are_those_of_scikit_learn(labels: int, seed: int) -> None:
    truth, answers = drawn(labels, 200, seed)
    figures = Score(truth, answers, 0.5, 1.0).figures(EXTRA_METRICS)
    assert figures["f1"] == pytest.approx(f1_score(truth, answers, average="macro"), abs=1e-12)
    assert figures["matthews"] == pytest.approx(matthews_corrcoef(truth, answers), abs=1e-12)
    assert json.loads(json.dumps(figures, allow_nan=False)) == figures


@pytest.mark.filterwarnings("ignore:A single label was found")
@pytest.mark.parametrize(
    ("truth", "answers"),
    [
        ([0, 0, 0], [0, 0, 0]),  # one label, one answer
        ([0, 1, 2], [1, 1, 1]),  # the same answer always
        ([1, 1, 1], [0, 1, 2]),  # one label
        ([0, 0, 3, 3], [0, 3, 3, 3]),  # labels that do not occur
        ([0, 1], [1, 0]),  # nothing right
        ([0, 2], [0, 1]),  # an answer that is no label here
    ],
)
def test_also_where_something_is_missing(truth: list[int], answers: list[int]) -> None:
    counts = confusion(np.array(truth), np.array(answers))
    assert macro_f1(counts) == pytest.approx(f1_score(truth, answers, average="macro"))
    assert matthews(counts) == pytest.approx(matthews_corrcoef(truth, answers))


def test_matthews_of_two_labels_is_the_correlation_and_does_not_overflow() -> None:
    truth, answers = drawn(2, 1000, 1)
    expected = np.corrcoef(truth, answers)[0, 1]
    counts = confusion(truth, answers)
    assert matthews(counts) == pytest.approx(expected)
    assert matthews(counts * 10**6) == pytest.approx(expected)


def test_figures_that_nobody_asked_for_are_not_there() -> None:
    score = Score(np.array([0, 1]), np.array([0, 0]), math.log(2), 1.0)
    assert set(score.figures()).isdisjoint(EXTRA_METRICS)
    assert set(score.figures(["f1"])) - set(score.figures()) == {"f1"}
    assert set(EXTRA) == set(EXTRA_METRICS)


def test_a_trials_records_carry_them(bench: Workbench) -> None:
    """Bits, zeros a weight after pruning, and what ``task.metrics`` asks for."""
    params = replace(PLAIN, scope="global", finetune_epochs=1)
    some = Trial(params, bench.dense, bench.task, bench.recipe(params, 0), metrics=EXTRA_METRICS)
    data = bench.task.split("validation")
    for record in some.run():
        logits = [
            some.model(torch.from_numpy(data.padded(np.array([i]), 0)["input_ids"])).logits
            for i in range(len(data))
        ]
        answers = [int(one.argmax()) for one in logits]
        right = [a == int(label) for a, label in zip(answers, data.labels, strict=True)]
        assert record.correct_bits is not None
        assert unpacked(record.correct_bits, len(data)) == right
        assert sum(right) == record.correct
        assert record.f1 == pytest.approx(f1_score(data.labels, answers, average="macro"))
        assert record.matthews == pytest.approx(matthews_corrcoef(data.labels, answers))
        if record.epoch == 0:
            zeros = [int((weight == 0).sum()) for weight in some.weights.values()]
            assert record.zeros_per_weight == zeros and len(set(zeros)) > 2
            names = [name for name, _ in bench.baseline()["prunable_weights"]]
            assert names == list(some.weights)
        else:
            assert "zeros_per_weight" not in record.to_dict()
