"""A finetuning epoch of a pruned model, in several ways, against the plain one.

Plain is `sweep.compress.train.finetune_epoch` under the masks of a model pruned by 80 %. Each way
of `WAYS` is that epoch with something more, on the same model from the same weights, with the same
batches in the same order. All take turns, from another one each time, and a ratio is the median of
each turn's. Last line: `fixed_ratio=1.xx int8_ratio=1.xx distill_ratio=1.xx`, each way over plain.
A teacher's pass over train comes once a sweep, and is told apart.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from functools import cache

import torch

from benchmarks.step_time import Rivals, arguments, rivals
from sweep.compress.quantize import Scheme
from sweep.compress.quantize.layers import set_scheme
from sweep.compress.train import Distillation, all_logits

Epoch = Callable[[Rivals], float]
"""Train one epoch from the start weights; returns its wall seconds."""


def plain(pair: Rivals) -> float:
    """Masks held, and nothing more."""
    return pair.masked()


def on_grid(scheme: Scheme) -> Epoch:
    """Inputs, weights and biases of every Linear layer rounded in each pass."""

    def epoch(pair: Rivals) -> float:
        set_scheme(pair.model, scheme)
        try:
            return pair.masked()
        finally:
            set_scheme(pair.model, None)

    return epoch


def distilled(pair: Rivals) -> float:
    """A teacher's logits in the loss too; they were made before."""
    return pair.masked(Distillation(_answers(pair), 0.5, 2.0))


@cache
def _answers(pair: Rivals) -> torch.Tensor:
    """The model's own logits over train, in its order: (examples, labels)."""
    started = time.perf_counter()
    pair.again()
    found = all_logits(pair.model, pair.split, batch_size=128, pad_id=pair.pad_id)
    print(f"the teacher, once a sweep: {time.perf_counter() - started:.3f} s", flush=True)
    return torch.from_numpy(found)


WAYS: Mapping[str, Epoch] = {
    "fixed": on_grid(Scheme("fixed")),
    "int8": on_grid(Scheme("int8")),
    "distill": distilled,
}
"""A way to recover, by its name in the last line."""


def measured(pair: Rivals, repeats: int) -> dict[str, float]:
    """The median ratio of each way to plain, over ``repeats`` turns."""
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
