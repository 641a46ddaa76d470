"""The training and evaluation loops against plain reference loops."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from sweep.compress.tasks import Split
from sweep.compress.tasks.split import Padding
from sweep.compress.train import (
    STEPS_UNSEEN,
    Distillation,
    Recipe,
    autocast,
    finetune_epoch,
    logits_of,
    lr_factor,
    make_optimizer,
    to_device,
)
from sweep.errors import TrialError
from tests.harness import tiny
from tests.harness.rounding import assert_near, rounding
from tests.harness.tiny import Net, bags
from tests.harness.trials import GivenTask, evaluated, every_schedule, finetune, logits_one_by_one


def plain_epochs(net: Net, split: Split, recipe: Recipe, epochs: int) -> None:
    """Train with a plain reference loop: unfused AdamW, clipping, the schedule as a formula."""
    optimizer = torch.optim.AdamW(
        [
            {"params": [p for p in net.parameters() if p.dim() > 1]},
            {"params": [p for p in net.parameters() if p.dim() == 1], "weight_decay": 0.0},
        ],
        weight_decay=recipe.weight_decay,
        foreach=False,
    )
    for epoch in range(epochs):
        order = np.random.default_rng([recipe.seed, epoch])
        batches = split.shuffled(recipe.batch_size, order)
        for index, chosen in enumerate(batches):
            rate = lr_factor(epoch * len(batches) + index, len(batches), recipe)
            for group in optimizer.param_groups:
                group["lr"] = recipe.learning_rate * rate
            batch = to_device(split.batch(chosen), torch.device("cpu"))
            logits = net(batch["input_ids"], batch["attention_mask"]).logits.float()
            loss = cross_entropy(logits, batch["labels"])
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(net.parameters(), recipe.clip_norm)
            optimizer.step()


@every_schedule
def test_finetuning_equals_a_plain_loop(schedule: str) -> None:
    """Double precision except for the logits, because Adam divides by the size of a gradient and
    amplifies rounding."""
    recipe = Recipe(
        learning_rate=0.01, epochs=2, seed=3, batch_size=8, lr_schedule=schedule, clip_norm=0.1
    )
    net, twin, data = Net().double(), Net().double(), bags()
    finetune(net, data, recipe)
    plain_epochs(twin, data, recipe, 2)
    for one, other in zip(net.parameters(), twin.parameters(), strict=True):
        assert_near(one, other, steps=10**6)


def test_finetuning_learns_a_simple_task() -> None:
    """The label says whether the mean word id of a row is high, which a bag of words can learn."""
    net, data = Net(labels=2), bags(200)
    means = np.add.reduceat(data.tokens, data.offsets[:-1]) / data.lengths
    data = replace(data, labels=(means > 5.5).astype(np.int64))
    recipe = Recipe(learning_rate=0.05, epochs=6, seed=0, batch_size=16)
    before = evaluated(net, data, 50)
    finetune(net, data, recipe)
    after = evaluated(net, data, 50)
    assert after.loss < before.loss / 2
    accuracies = [float((one.answers == one.labels).mean()) for one in (before, after)]
    assert accuracies[0] < 0.9 < accuracies[1]


@contextmanager
def seen_batches(net: nn.Module) -> Iterator[list[tuple[Tensor, Tensor]]]:
    """Record the ids and the attention mask of each call of the model."""
    seen: list[tuple[Tensor, Tensor]] = []

    def look(module: nn.Module, args: object, kwargs: dict[str, Tensor]) -> None:
        seen.append((kwargs["input_ids"], kwargs["attention_mask"]))

    handle = net.register_forward_pre_hook(look, with_kwargs=True)
    yield seen
    handle.remove()


@pytest.mark.parametrize("training", [True, False])
def test_every_example_runs_once_with_the_padding_of_its_batch(training: bool) -> None:
    pad = 11
    net, data = Net(), replace(bags(50), padding=Padding(pad))
    recipe = Recipe(learning_rate=0.01, epochs=1, seed=0, batch_size=8)
    with seen_batches(net) as seen:
        if training:
            finetune(net, data, recipe)
        else:
            evaluated(net, data, 8)
    rows = []
    for ids, real in seen:
        assert int(real.sum(1).max()) == ids.shape[1]
        assert (ids[real == 0] == pad).all()
        rows += [row[mask.bool()].tolist() for row, mask in zip(ids, real, strict=True)]
    cuts = zip(data.offsets[:-1], data.offsets[1:], strict=True)
    assert sorted(rows) == sorted(data.tokens[a:b].tolist() for a, b in cuts)
    assert len(seen) == 7


def test_each_epoch_has_its_own_order_from_the_seed() -> None:
    def order(seed: int, epoch: int) -> list[list[int]]:
        net, recipe = Net(), Recipe(learning_rate=0.0, epochs=2, seed=seed, batch_size=8)
        given = GivenTask(lambda name: bags())
        with seen_batches(net) as seen:
            finetune_epoch(net, make_optimizer(net, recipe), given, recipe, epoch=epoch)
        return [ids.flatten().tolist() for ids, _ in seen]

    assert order(0, 0) == order(0, 0)
    assert len({str(order(*which)) for which in ((0, 0), (0, 1), (1, 0))}) == 3


@pytest.mark.parametrize("size", [1, 7, 100])
def test_evaluation_equals_a_naive_loop(size: int) -> None:
    net, data = Net(seed=3), bags(45)
    score = evaluated(net, data, size)
    logits = logits_one_by_one(net, data)
    answers = logits.argmax(-1).numpy()
    order = np.concatenate(list(data.in_order(size)))
    assert order.tolist() != sorted(order), "batches in the split's order would test nothing"
    assert score.answers.tolist() == answers.tolist()
    assert score.labels.tolist() == data.labels.tolist()
    loss = cross_entropy(logits, torch.tensor(data.labels)).item()
    assert score.loss == pytest.approx(loss, rel=1e-5)
    assert score.seconds > 0


def test_evaluation_has_no_dropout_and_no_gradients() -> None:
    net, data = Net(), bags()
    net.drop.p = 0.5
    net.train()
    one, other = (evaluated(net, data, 16) for _ in range(2))
    assert (one.answers == other.answers).all() and one.loss == other.loss
    assert all(parameter.grad is None for parameter in net.parameters())


def test_segments_reach_a_model_that_has_them() -> None:
    model = tiny.bert()
    rows = [[2, 4, 3, 5, 3]]
    plain = Split.of(rows, np.array([0]))
    pair = Split.of(rows, np.array([0]), [[0, 0, 0, 1, 1]])
    one, other = (evaluated(model, split, 1) for split in (plain, pair))
    assert one.loss != other.loss


@pytest.mark.parametrize("value", [math.inf, math.nan])
def test_weights_that_are_not_finite_end_the_trial_with_a_reason(value: float) -> None:
    net, recipe, given = (
        Net(),
        Recipe(learning_rate=0.1, epochs=1, seed=0),
        GivenTask(lambda name: bags()),
    )
    nn.init.constant_(net.head.weight, value)
    ambient = torch.random.get_rng_state()
    with pytest.raises(TrialError, match="diverged: the loss on 48 evaluation examples is"):
        evaluated(net, bags(), 16)
    with pytest.raises(TrialError, match="diverged: loss is nan at step 0 of epoch 3"):
        finetune_epoch(net, make_optimizer(net, recipe), given, recipe, epoch=2)
    assert torch.equal(torch.random.get_rng_state(), ambient)


@pytest.mark.parametrize("bad", [0, 5, STEPS_UNSEEN - 1, STEPS_UNSEEN, STEPS_UNSEEN + 7])
def test_the_first_step_that_diverges_is_named_at_any_check(bad: int) -> None:
    """A teacher with infinite logits for one example makes the loss of its step infinite."""
    data, recipe = (
        bags(STEPS_UNSEEN + 8),
        Recipe(learning_rate=0.01, epochs=1, seed=0, batch_size=1, warmup=0.0),
    )
    order = data.shuffled(1, np.random.default_rng([0, 0]))
    teacher = torch.zeros(len(data), 3)
    teacher[int(order[bad][0]), 0] = math.inf
    net = Net()
    with pytest.raises(TrialError, match=f"at step {bad} of epoch 1 "):
        finetune(net, data, recipe, distillation=Distillation(teacher, 0.5, 1.0))


def trained(ambient: int, seed: int = 0, dropout: float = 0.5) -> tuple[Tensor, Tensor, Tensor]:
    """Return the weights after an epoch with dropout, and the global generator before and after."""
    net, recipe = Net(), Recipe(learning_rate=0.01, epochs=1, seed=seed, batch_size=8)
    net.drop.p = dropout
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(ambient)
        before = torch.random.get_rng_state()
        finetune(net, bags(), recipe)
        after = torch.random.get_rng_state()
    return net.hidden.weight.detach(), before, after


def test_dropout_neither_changes_nor_uses_the_global_generator() -> None:
    one, before, after = trained(ambient=1)
    assert torch.equal(before, after)
    assert torch.equal(one, trained(ambient=2)[0])
    assert not torch.equal(one, trained(ambient=1, dropout=0.0)[0])
    assert not torch.equal(one, trained(ambient=1, seed=1)[0])


def test_bf16_on_a_cpu_needs_an_explicit_setting() -> None:
    cpu, net = torch.device("cpu"), Net()
    batch = to_device(bags().batch(np.arange(4)), cpu)
    exact = logits_of(net, batch, bf16=False)
    assert torch.equal(logits_of(net, batch, bf16="auto"), exact)
    rounded = logits_of(net, batch, bf16=True)
    assert rounded.dtype == torch.float32
    assert not torch.equal(rounded, exact)
    slack = rounding(exact.bfloat16(), steps=10)
    torch.testing.assert_close(rounded, exact, rtol=0, atol=slack)
    with autocast(True, cpu):
        assert net.hidden(torch.ones(1, 8)).dtype == torch.bfloat16
