"""File sizes of a pruned model: the dense file, its zip, and our compact file.

At each sparsity a model is pruned (l1-norm, local; the method has no effect on sizes) and saved as
safetensors. That file is zipped (deflate, level 9), and the model is also written as our compact
file (bitmaps and values), which is read back and compared bit for bit. `counted` is a record's
`size_bytes`. Without `--model` it uses the digits' small BERT with random weights. Last line: zip /
dense and compact / dense at the last sparsity.
"""

from __future__ import annotations

import argparse
import tempfile
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from safetensors.numpy import load_file, save_file
from torch import nn

from sweep.compress.measure import measure
from sweep.compress.models import fresh_bert
from sweep.compress.prune.masks import apply_masks, make_masks
from sweep.compress.prune.targets import prunable_weights
from sweep.config.sections import PruningConfig
from sweep.export import sparse
from sweep.space.params import Params

FILES = ("dense", "zip", "ours", "counted")


def zipped(file: Path) -> int:
    """Return the bytes of a zip of this file."""
    target = file.with_suffix(".zip")
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        archive.write(file, file.name)
    return target.stat().st_size


def timed(work: Callable[[], Any]) -> tuple[float, Any]:
    """Return the wall seconds and the result of ``work``."""
    started = time.perf_counter()
    found = work()
    return time.perf_counter() - started, found


def sizes(model: nn.Module, sparsity: float, folder: Path) -> dict[str, float]:
    """Prune ``model`` in place and return its file sizes; AssertionError if a bit is lost."""
    weights = prunable_weights(model, PruningConfig())
    apply_masks(weights, make_masks(weights, Params(sparsity), torch.Generator()))
    for parameter in model.parameters():
        parameter.data.add_(0.0)  # -0.0 becomes 0.0, as in an export
    counted = measure(model, weights)
    dense, ours = (folder / f"{name}.safetensors" for name in ("dense", "ours"))
    save_file({name: value.numpy() for name, value in model.state_dict().items()}, dense)
    tensors = load_file(dense)
    write, _ = timed(lambda: sparse.save(ours, tensors))
    read, back = timed(lambda: sparse.load(ours))
    assert sparse.digest(back) == sparse.digest(tensors), "the round trip lost a bit"
    figures = {"sparsity": counted.sparsity, "of model": counted.model_sparsity}
    files = {"dense": dense.stat().st_size, "zip": zipped(dense), "ours": ours.stat().st_size}
    return {**figures, **files, "counted": counted.size_bytes, "write s": write, "read s": read}


def load(model: str | None) -> nn.Module:
    """Load a classifier from a folder, or make a new one."""
    if model is None:
        return fresh_bert(17, 10, 64, 0)
    from transformers import AutoModelForSequenceClassification

    found: nn.Module = AutoModelForSequenceClassification.from_pretrained(model)
    return found


def line(figures: dict[str, float]) -> str:
    shares = f"{figures['sparsity']:8.4f}  {figures['of model']:8.4f}"
    whole = "  ".join(f"{figures[name]:>11,.0f}" for name in FILES)
    return f"{shares}  {whole}  {figures['write s']:7.2f}  {figures['read s']:6.2f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", help="a folder with a classifier (default: a new small BERT)")
    parser.add_argument("--sparsity", type=float, nargs="+", default=[0.5, 0.8, 0.9])
    given = parser.parse_args()
    print("sparsity  of model  " + "  ".join(f"{name:>11}" for name in FILES), end="")
    print("  write s  read s")
    for sparsity in sorted(given.sparsity):
        with tempfile.TemporaryDirectory() as folder:
            figures = sizes(load(given.model), sparsity, Path(folder))
        print(line(figures), flush=True)
    ratios = {name: figures[name] / figures["dense"] for name in ("zip", "ours")}
    print(" ".join(f"{name}_ratio={value:.3f}" for name, value in ratios.items()))


if __name__ == "__main__":
    main()
