"""What a model does with rows of its task: refusals, and whether padding changes its answers."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from sweep.compress.behaviour import check_behaviour, depends_on_padding
from sweep.compress.tasks import Split
from sweep.compress.train import logits_of
from sweep.errors import TrialError, UsageError
from tests.harness import architectures, tiny


def task_of(split: Split) -> Any:
    return SimpleNamespace(train=split)


class Strange(tiny.Net):
    """A model that does something else before it answers, and adds its result."""

    def __init__(self, habit: Callable[[Strange], float | Tensor]) -> None:
        super().__init__()
        self.habit = habit

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> SimpleNamespace:
        more = self.habit(self)
        return SimpleNamespace(logits=super().forward(input_ids, attention_mask).logits + more)


def swap(model: Strange) -> float:
    model.hidden = nn.Linear(8, 10)
    return 0.0


def fail(model: Strange) -> float:
    raise RuntimeError("shape '[2, 4]' is invalid")


def draw(model: Strange) -> Tensor:
    model.seed = getattr(model, "seed", 0) + 1
    return torch.rand(1, generator=torch.Generator().manual_seed(model.seed))


@pytest.mark.parametrize(
    ("habit", "message"),
    [
        (swap, r"replaces its own modules \(Linear\)"),
        (fail, r"fails on a batch of train rows: shape '\[2, 4\]' is invalid"),
        (draw, "gives random answers"),
        (lambda model: torch.rand(1), "gives random answers"),  # from torch's own generator
    ],
)
def test_a_model_that_cannot_be_pruned_is_refused(
    habit: Callable[[Strange], float | Tensor], message: str
) -> None:
    with pytest.raises(UsageError, match=f"Strange {message}"):
        check_behaviour(Strange(habit), task_of(tiny.bags()), None)


def test_dropout_without_effect_is_refused() -> None:
    task = task_of(tiny.bags())
    plain = tiny.Net()
    for rate in (None, 0.0, 0.001):
        check_behaviour(plain, task, rate)
    assert plain.drop.p == 0.0  # restored
    plain.drop = nn.Identity()
    check_behaviour(plain, task, 0.0)
    with pytest.raises(UsageError, match=r"recover\.dropout is 0\.1, .*Net has no dropout.*null"):
        check_behaviour(plain, task, 0.1)
    noisy = Strange(lambda model: torch.rand(3) if model.training else 0.0)
    check_behaviour(noisy, task, None)
    with pytest.raises(UsageError, match=r"recover\.dropout is 0, .* is random in training"):
        check_behaviour(noisy, task, 0.0)


def test_a_batch_that_the_model_refuses_gives_a_sentence() -> None:
    """BART classifies at the last end token, and refuses rows with different numbers of them."""
    rows = [[0, 10, 2, 11, 2], [0, 12, 13, 14, 2]]
    batch = Split.of(rows, np.zeros(2), None).batch(np.arange(2))
    inputs = {name: torch.from_numpy(array) for name, array in batch.items()}
    with pytest.raises(TrialError, match=r"BartFor.* refuses a batch: All examples must have the"):
        logits_of(architectures.make("bart"), inputs, bf16=False)


@pytest.mark.parametrize(("family", "depends"), [("roberta", False), ("fnet", True)])
def test_padding_changes_the_answers_of_some_families(family: str, depends: bool) -> None:
    rows = [[0, *range(10, 10 + length), 2] for length in (3, 20, 9)]
    task = task_of(Split.of(rows, np.zeros(3), None))
    assert depends_on_padding(architectures.make(family), task) == depends
