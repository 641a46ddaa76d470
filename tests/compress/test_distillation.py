"""Distillation: the loss, an epoch with it, and the cached logits of the teacher."""

from __future__ import annotations

import dataclasses
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st
from torch import Tensor
from torch.nn.functional import cross_entropy, log_softmax, softmax

from sweep.compress.dense.bench import Workbench
from sweep.compress.train import Distillation, Recipe, logits_of, to_device
from sweep.config.plan import may_distill
from sweep.errors import UsageError
from sweep.space.active import effective, identity
from sweep.space.counting import size
from sweep.space.params import Params
from tests.harness import tiny
from tests.harness.benches import MakeBench, nothing_is_made
from tests.harness.rounding import assert_near, rounding
from tests.harness.spaces import space_of
from tests.harness.tiny import Net, bags
from tests.harness.trials import PLAIN, figures, finetune, logits_one_by_one

HALF = dataclasses.replace(PLAIN, distill_weight=0.5)
config = partial(tiny.make_config, None, "digits")


def logits(seed: int, batch: int = 6, labels: int = 3) -> Tensor:
    """Random logits in double precision, because the factor T^2 multiplies their rounding."""
    g = torch.Generator().manual_seed(seed)
    return torch.randn(batch, labels, generator=g, dtype=torch.float64).requires_grad_()


LABELS = torch.tensor([0, 1, 2, 0, 1, 2])


def distilled_loss(ours: Tensor, theirs: Tensor, weight: float, temperature: float) -> Tensor:
    hard = cross_entropy(ours, LABELS)
    return Distillation(theirs, weight, temperature).mixed(hard, ours, np.arange(len(LABELS)))


@given(st.floats(0, 1), st.floats(0.1, 20))
@example(0, 3)
@example(1, 3)
def test_the_loss_equals_the_formula_of_the_paper(weight: float, temperature: float) -> None:
    ours, theirs = logits(0), logits(1)
    found = distilled_loss(ours, theirs, weight, temperature)
    p, q = softmax(theirs / temperature, -1), softmax(ours / temperature, -1)
    divergence = (p * (p.log() - q.log())).sum(-1).mean()
    own = -log_softmax(ours, -1)[torch.arange(6), LABELS].mean()
    expected = (1 - weight) * own + weight * temperature**2 * divergence
    slack = rounding(ours, steps=100) * max(1, temperature**2)
    assert found.item() == pytest.approx(expected.item(), rel=0, abs=slack)


def test_the_gradient_does_not_vanish_at_high_temperatures() -> None:
    """At high temperatures the gradient tends to that of half the mean squared difference of
    centred logits over the number of labels (section 2.1 of the paper), with an error of order 1 /
    T."""
    ours, theirs, temperature = logits(0), logits(1).detach(), 1000
    distilled_loss(ours, theirs, 1, temperature).backward()  # type: ignore[no-untyped-call]
    gap = (ours - ours.mean(-1, keepdim=True)) - (theirs - theirs.mean(-1, keepdim=True))
    wanted = (gap / 3 / 6).detach()
    assert ours.grad is not None
    largest = float(torch.cat([ours.detach(), theirs]).abs().max())
    share = 2 * largest / temperature
    torch.testing.assert_close(ours.grad, wanted, rtol=0, atol=share * float(wanted.abs().max()))


def test_each_example_is_paired_with_its_own_logits() -> None:
    """A teacher that knows the labels, in the split's order, is equivalent to the labels.

    The test uses SGD, because Adam divides by the size of a gradient and amplifies rounding.
    """
    data, recipe = bags(40), Recipe(learning_rate=0.5, epochs=1, seed=3, batch_size=8)
    sure = 50.0 * torch.nn.functional.one_hot(torch.tensor(data.labels), 3).float()
    nets = []
    for teacher in (None, sure, sure.roll(1, 0)):
        net = Net()
        distillation = None if teacher is None else Distillation(teacher, 1.0, 1.0)
        optimizer = torch.optim.SGD(net.parameters(), lr=recipe.learning_rate)
        finetune(net, data, recipe, optimizer, distillation=distillation)
        nets.append(net.hidden.weight.detach())
    assert_near(nets[1], nets[0])
    assert (nets[2] - nets[0]).abs().max() > 100 * rounding(nets[0])


def records(bench: Workbench, params: Params) -> list[dict[str, Any]]:
    return [figures(record) for record in bench.trial(params, 4).run()]


def test_weight_0_equals_no_distillation_bit_for_bit(
    bench: Workbench, make_bench: MakeBench
) -> None:
    plain = records(bench, PLAIN)
    with_settings = make_bench(recover={"distill": {"weight": 0.5}})
    zero = dataclasses.replace(PLAIN, distill_weight=0.0, distill_temperature=3.0)
    assert records(bench, zero) == records(with_settings, zero) == plain
    assert records(with_settings, PLAIN) != plain


def test_params_take_precedence_over_the_config(bench: Workbench, make_bench: MakeBench) -> None:
    def found(some: Workbench, **changes: Any) -> tuple[float, float] | None:
        how = some.distillation(dataclasses.replace(PLAIN, **changes))
        return None if how is None else (how.weight, how.temperature)

    ours = make_bench(recover={"distill": {"weight": 0.5, "temperature": 3.0}})
    assert found(ours) == (0.5, 3.0)
    assert found(ours, distill_temperature=1.0) == (0.5, 1.0)
    assert found(ours, finetune_epochs=0) is None
    assert found(bench, distill_weight=0.5) == (0.5, 2.0)
    assert found(bench) is None


def test_the_teacher_runs_only_when_training_begins(
    make_bench: MakeBench, cache: Path, bench: Workbench
) -> None:
    """Rebuilding a point of the front for an export needs no teacher; resuming a trial does."""
    expected = records(bench, HALF)
    fresh = make_bench()
    first = fresh.trial(HALF, 4)
    first.prune()
    assert not list(fresh.models.folder.glob("teacher*"))
    found = [figures(record) for record in first.run()]
    assert list(fresh.models.folder.glob("teacher*"))
    assert found == expected[1:]


def test_the_dense_model_learns_nothing_from_itself(bench: Workbench) -> None:
    """With itself as the teacher, the dense model has zero loss, example by example."""
    train, model = bench.task.train, bench.dense.reset().eval()
    chosen = np.arange(len(train))[::-1].copy()
    batch = to_device(train.batch(chosen), torch.device("cpu"))
    ours = logits_of(model, batch, bf16=False)
    distillation = bench.distillation(dataclasses.replace(PLAIN, distill_weight=1.0))
    assert distillation is not None
    hard = cross_entropy(ours, batch["labels"])
    own = distillation.mixed(hard, ours, chosen).item()
    mixed = distillation.mixed(hard, ours, chosen[::-1].copy()).item()
    assert abs(own) < rounding(ours, steps=10) < mixed / 100


def test_the_teachers_logits_are_the_dense_models_without_dropout(bench: Workbench) -> None:
    list(bench.trial(PLAIN, 0).run())  # prunes and trains the working copy
    fresh = Workbench(bench.config, "cpu")
    train = fresh.task.train
    model = fresh.dense.reset().eval()
    assert_near(bench.teacher_logits, logits_one_by_one(model, train))


def test_logits_are_made_once_on_a_machine(make_bench: MakeBench, cache: Path) -> None:
    plain = make_bench()
    plain.check()
    plain.baseline()
    assert not list(plain.models.folder.glob("teacher*"))

    made = make_bench(recover={"distill": {}})
    assert made.models.folder == plain.models.folder, "the dense model is the same"
    made.check()
    assert list(made.models.folder.glob("teacher*"))
    with nothing_is_made(cache):
        again = make_bench(recover={"distill": {"weight": 0.3}})
        assert torch.equal(again.teacher_logits, made.teacher_logits)


def test_another_model_can_teach(make_bench: MakeBench, model_folder: Path, tmp_path: Path) -> None:
    bigger = tiny.save(tmp_path / "bigger", num_hidden_layers=3)
    ours = make_bench(recover={"distill": {"teacher": str(bigger)}})
    ours.check()
    assert not torch.allclose(ours.teacher_logits, make_bench().teacher_logits)
    same = make_bench(recover={"distill": {"teacher": str(model_folder)}})
    assert torch.equal(same.teacher_logits, make_bench().teacher_logits)
    assert records(ours, PLAIN) != records(same, PLAIN)


TEACHERS: dict[str, tuple[dict[str, Any] | None, str]] = {
    "another head": (
        {"labels": 3},
        r"distill.teacher .* has a head of 3 labels, but the data",
    ),
    "other order": (
        {"id2label": {0: "1", 1: "0"}, "label2id": {"1": 0, "0": 1}},
        r"has the labels 1, 0, the dense model LABEL_0, LABEL_1; allowed: the same order",
    ),
    "fewer words": ({"vocabulary": 5}, r"recover.distill.teacher .* knows 5 tokens"),
    "few positions": ({"max_position_embeddings": 8}, r"max_length is 16, .* takes 8 tokens"),
    "other words": (
        {"words": tuple(reversed(tiny.VOCABULARY))},
        r"has another tokenizer than .*; allowed: a model of the same",
    ),
    "nowhere": (None, "model folder not found"),
    "headless": ({"head": False}, "has no trained head"),
}


@pytest.mark.parametrize("kind", TEACHERS)
def test_a_teacher_that_does_not_fit_is_refused(
    make_bench: MakeBench, tmp_path: Path, kind: str
) -> None:
    settings, message = TEACHERS[kind]
    if settings is not None:
        tiny.save(tmp_path / "teacher", **settings)
    with pytest.raises(UsageError, match=message):
        make_bench(recover={"distill": {"teacher": str(tmp_path / "teacher")}}).check()


def test_without_distillation_no_teacher_runs(make_bench: MakeBench) -> None:
    make_bench(recover={"distill": {"weight": 0, "teacher": "nowhere/at/all"}}).check()


def test_distillation_without_epochs_or_weight_is_inactive() -> None:
    names = {"distill_weight", "distill_temperature"}
    whole = {**Params().to_dict(), "distill_weight": 0.5, "distill_temperature": 3.0}
    assert names <= set(effective(whole))
    assert names & set(effective(whole | {"distill_weight": 0})) == {"distill_weight"}
    assert not names & set(effective(whole | {"finetune_epochs": 0}))
    space = {
        "finetune_epochs": [0, 2],
        "distill_weight": [0, 0.5, 1],
        "distill_temperature": [1, 4],
    }
    each = (dict(zip(space, chosen, strict=True)) for chosen in product(*space.values()))
    assert size(space_of(space)) == len(set(map(identity, each))) == 1 + 1 + 2 * 2


@pytest.mark.parametrize(
    ("space", "distill", "expected"),
    [
        ({}, None, False),
        ({}, {"weight": 0}, False),
        ({}, {}, True),
        ({"finetune_epochs": 0}, {}, False),
        ({"distill_weight": 0}, {}, False),
        ({"distill_weight": [0, 0.5]}, None, True),
        ({"distill_weight": {"low": 0, "high": 1}}, None, True),
        ({"distill_weight": {"values": [0], "when": {"sparsity": 0.5}}}, {}, True),
        ({"distill_weight": {"values": [0], "when": {"sparsity": 0.5}}}, None, False),
    ],
)
def test_may_distill_says_whether_any_trial_is_distilled(
    space: Any, distill: Any, expected: bool
) -> None:
    assert may_distill(config(space=space, recover={"distill": distill})) is expected


def test_a_temperature_without_distillation_is_refused() -> None:
    with pytest.raises(ValueError, match="has no effect, because no trial is distilled"):
        config(space={"distill_temperature": [1, 2]})
    config(space={"distill_temperature": [1, 2]}, recover={"distill": {}})
