"""Time of a finetuning epoch on a grid or with a teacher, relative to a plain epoch.

A plain epoch is `sweep.compress.train.finetune_epoch` under the masks of a model pruned by 80 %.
Each variant of `WAYS` adds one thing, with the same start weights and the same batches in the same
order. The variants take turns, each round starting with another one, and a ratio is the median over
rounds. Last line: `fixed_ratio=1.xx int8_ratio=1.xx distill_ratio=1.xx`, variant / plain. The
teacher's pass over train happens once per sweep and is printed separately.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from functools import cache

import torch

from benchmarks.step_time import Rivals, arguments, rivals
from sweep.compress.quantize.layers import set_scheme
from sweep.compress.quantize.scheme import Scheme
from sweep.compress.train import Distillation, all_logits

Epoch = Callable[[Rivals], float]
"""Trains one epoch from the start weights and returns its wall seconds."""


def plain(pair: Rivals) -> float:
    """Train a plain epoch with masks."""
    return pair.masked()


def on_grid(scheme: Scheme) -> Epoch:
    """Return an epoch that rounds inputs, weights and biases of every Linear layer."""

    def epoch(pair: Rivals) -> float:
        set_scheme(pair.model, scheme)
        try:
            return pair.masked()
        finally:
            set_scheme(pair.model, None)

    return epoch


def distilled(pair: Rivals) -> float:
    """Train an epoch with the logits of a teacher, which were computed before."""
    return pair.masked(Distillation(_answers(pair), 0.5, 2.0))


@cache
def _answers(pair: Rivals) -> torch.Tensor:
    """The model's own logits over train, in its order: (examples, labels)."""
    started = time.perf_counter()
    pair.again()
    found = all_logits(pair.model, pair.task.train, batch_size=128)
    print(f"the teacher, once a sweep: {time.perf_counter() - started:.3f} s", flush=True)
    return torch.from_numpy(found)


WAYS: Mapping[str, Epoch] = {
    "fixed": on_grid(Scheme("fixed")),
    "int8": on_grid(Scheme("int8")),
    "distill": distilled,
}
"""Variants of an epoch, by their names in the last line."""


def measured(pair: Rivals, repeats: int) -> dict[str, float]:
    """Return the median ratio of each variant to plain over ``repeats`` rounds."""
    epochs = {"plain": plain, **WAYS}
    names = list(epochs)
    for name in names:  # warm up
        epochs[name](pair)
    ratios: dict[str, list[float]] = {name: [] for name in WAYS}
    for turn in range(repeats):
        first = turn % len(names)
        seconds = {name: epochs[name](pair) for name in [*names[first:], *names[:first]]}
        for name, found in ratios.items():
            found.append(seconds[name] / seconds["plain"])
        told = ", ".join(f"{name} {seconds[name]:.3f} s" for name in names)
        print(f"{len(pair.batches)} steps: {told}", flush=True)
    return {name: statistics.median(found) for name, found in ratios.items()}


def main(given: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments(parser)
    found = parser.parse_args(given)
    if (found.model is None) != (found.train is None):
        parser.error("--model and --train go together")
    torch.set_num_threads(found.threads)
    ratios = measured(rivals(found), found.repeats)
    print(" ".join(f"{name}_ratio={ratio:.2f}" for name, ratio in ratios.items()))


if __name__ == "__main__":
    main()
