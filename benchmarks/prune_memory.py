"""Global l1-norm masks for bert-base: seconds, and peak memory on top of the weights.

The weights are 72 random matrices with the shapes of bert-base's Linear layers: 85 M values, 340
MB. Each repeat is a new process on one core. It warms up on a small matrix, makes the weights, and
subtracts its resident memory before the masks from the peak (`ru_maxrss`) after them. Last line:
`prune_seconds=x.xx memory_ratio=x.xx`, the median time, and the largest extra memory divided by the
weights' size.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import time

LAYERS, WIDTH, INNER = 12, 768, 3072
SHAPES = [(WIDTH, WIDTH)] * 4 + [(INNER, WIDTH), (WIDTH, INNER)]


def resident_bytes() -> int:
    """Return the resident memory of this process."""
    with open("/proc/self/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def measure(sparsity: float) -> dict[str, float]:
    """Prune once, in this process, on one core."""
    import torch

    from sweep.compress.prune.masks import make_masks
    from sweep.space.params import Params

    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    torch.set_num_threads(1)
    generator = torch.Generator().manual_seed(0)
    params = Params(sparsity, "l1-norm", "global")
    make_masks({"small": torch.randn(64, 64)}, params, generator)
    weights = {
        f"{layer}.{index}": torch.randn(shape, generator=generator)
        for layer in range(LAYERS)
        for index, shape in enumerate(SHAPES)
    }
    before = resident_bytes()
    started = time.perf_counter()
    masks = make_masks(weights, params, generator)
    seconds = time.perf_counter() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    count = sum(weight.numel() for weight in weights.values())
    return {
        "count": count,
        "pruned": sum(int((~mask).sum()) for mask in masks.values()) / count,
        "seconds": seconds,
        "ratio": (peak - before) / (4 * count),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sparsity", type=float, default=0.7)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.child:
        print(json.dumps(measure(given.sparsity)))
        return
    command = [sys.executable, "-m", "benchmarks.prune_memory", "--child"]
    command += ["--sparsity", str(given.sparsity)]
    found = []
    for _ in range(given.repeats):
        found.append(json.loads(subprocess.check_output(command, text=True)))
        print(
            "{count:,} weights, {pruned:.4%} pruned: {seconds:.2f} s, "
            "{ratio:.2f}x their memory on top".format(**found[-1]),
            flush=True,
        )
    seconds = statistics.median(one["seconds"] for one in found)
    print(f"prune_seconds={seconds:.2f} memory_ratio={max(one['ratio'] for one in found):.2f}")


if __name__ == "__main__":
    main()
