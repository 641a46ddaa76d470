"""Times of a dense layer, a dense layer with zeros, and a sparse (CSR) layer.

A Linear layer of MiniLM's shape (384 to 1536) computes a batch of tokens with its dense weights,
with a share of them set to zero, and with these weights as a sparse CSR matrix (PyTorch's kernel).
Each repeat runs all three in turn on one core; times are medians. Last line: times of the layer
with zeros and of the sparse layer / time of the dense layer, at the last sparsity.
"""

from __future__ import annotations

import argparse
import statistics
import time
import warnings
from collections.abc import Callable

import torch
from torch import Tensor

IN, OUT, TOKENS = 384, 1536, 2048


def pruned(weight: Tensor, sparsity: float) -> Tensor:
    """Return ``weight`` with its smallest values set to zero."""
    count = round(sparsity * weight.numel())
    threshold = weight.abs().reshape(-1).kthvalue(count).values
    return weight * (weight.abs() > threshold)


def medians(works: dict[str, Callable[[], Tensor]], repeats: int) -> dict[str, float]:
    """Return the median wall seconds of each function; the functions take turns."""
    times: dict[str, list[float]] = {name: [] for name in works}
    for turn in range(repeats + 2):
        for name, work in works.items():
            started = time.perf_counter()
            work()
            if turn >= 2:  # the first two turns warm up
                times[name].append(time.perf_counter() - started)
    return {name: statistics.median(found) for name, found in times.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sparsity", type=float, nargs="+", default=[0.5, 0.8, 0.9, 0.95, 0.99])
    parser.add_argument("--repeats", type=int, default=21)
    given = parser.parse_args()
    torch.set_num_threads(1)
    warnings.filterwarnings("ignore", message="Sparse CSR")
    generator = torch.Generator().manual_seed(0)
    weight = torch.randn(OUT, IN, generator=generator)
    tokens = torch.randn(TOKENS, IN, generator=generator)
    columns = tokens.T.contiguous()
    print("sparsity  dense ms  pruned ms  CSR ms  pruned/dense  CSR/dense")
    for sparsity in sorted(given.sparsity):
        zeroed = pruned(weight, sparsity)
        csr = zeroed.to_sparse_csr()
        assert torch.allclose((csr @ columns).T, tokens @ zeroed.T, atol=1e-3)
        found = medians(
            {
                "dense": lambda: torch.nn.functional.linear(tokens, weight),
                "pruned": lambda zeroed=zeroed: torch.nn.functional.linear(tokens, zeroed),
                "csr": lambda csr=csr: csr @ columns,
            },
            given.repeats,
        )
        same, faster = found["pruned"] / found["dense"], found["csr"] / found["dense"]
        times = "  ".join(f"{1000 * found[name]:8.2f}" for name in ("dense", "pruned", "csr"))
        print(f"{sparsity:8.2f}  {times}  {same:12.2f}  {faster:9.2f}", flush=True)
    print(f"pruned_ratio={same:.2f} csr_ratio={faster:.2f}")


if __name__ == "__main__":
    main()
