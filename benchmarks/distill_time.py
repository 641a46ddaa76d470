"""A finetuning epoch with distillation against one without, under masks.

Both are `sweep.training.finetune_epoch` on one model from the same weights, with the same batches;
with distillation the loss takes a teacher's logits in too, which were made before (that pass over
train is timed apart: once a sweep). Counted are CPU seconds of this process, which a busy machine
changes least. The two take turns, and the ratio is the median of each turn's. Last line:
`distill_ratio=1.xx`, with over without.

    python -m benchmarks.distill_time [--model FOLDER --train FILE]
"""

from __future__ import annotations

import argparse
import statistics
import time

import torch

from benchmarks.step_time import Rivals, arguments, rivals
from sweep.distillation import Distillation
from sweep.training import finetune_epoch, logits_of, to_device


def answers(pair: Rivals) -> torch.Tensor:
    """The model's own logits over train, in its order: (examples, labels)."""
    pair.model.eval()
    found = [torch.empty(0)] * len(pair.split)
    with torch.no_grad():
        for chosen in pair.split.in_order(128):
            batch = to_device(pair.split.padded(chosen, pair.pad_id), torch.device("cpu"))
            logits = logits_of(pair.model, batch, pair.recipe)
            for index, row in zip(chosen.tolist(), logits, strict=True):
                found[index] = row
    return torch.stack(found)


def epoch(pair: Rivals, distillation: Distillation | None) -> float:
    """CPU seconds of an epoch from the start weights."""
    optimizer, started = pair.again(), time.process_time()
    finetune_epoch(
        pair.model,
        optimizer,
        pair.split,
        pair.recipe,
        epoch=0,
        held=pair.held,
        pad_id=pair.pad_id,
        distillation=distillation,
    )
    return time.process_time() - started


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments(parser)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    pair = rivals(given)
    started = time.process_time()
    taught = Distillation(answers(pair), 0.5, 2.0)
    print(f"the teacher's pass over {len(pair.split)} examples, once a sweep: "
          f"{time.process_time() - started:.2f} s")  # fmt: skip
    epoch(pair, None), epoch(pair, taught)  # warm up
    ratios = []
    for turn in range(given.repeats):
        order = (None, taught) if turn % 2 else (taught, None)
        seconds = {way is not None: epoch(pair, way) for way in order}
        ratios.append(seconds[True] / seconds[False])
        print(
            f"without {seconds[False]:.3f} s, with {seconds[True]:.3f} s, ratio {ratios[-1]:.3f}",
            flush=True,
        )
    print(f"distill_ratio={statistics.median(ratios):.2f}")


if __name__ == "__main__":
    main()
